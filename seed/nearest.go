package seed

// Nearest returns the member of known with the smallest edit distance to name, the earliest of equals;
// it is empty where nothing is near enough to be what was meant: more than half of the longer word differs.
func Nearest(name string, known []string) string {
	best, bestDistance := "", -1
	for _, candidate := range known {
		d := editDistance(name, candidate)
		if d > max(len(name), len(candidate))/2 {
			continue
		}
		if bestDistance < 0 || d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// longestCompared bounds the quadratic comparison; no name of ours comes near it.
const longestCompared = 128

// editDistance is the optimal string alignment distance in bytes: insertions, deletions, substitutions and
// swaps of neighbours, each counted once (Damerau 1964, restricted form).
func editDistance(a, b string) int {
	if len(a) > longestCompared || len(b) > longestCompared {
		return max(len(a), len(b))
	}
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
