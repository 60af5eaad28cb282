package metrics

import "strconv"

// ownNumbers takes the numbers of a run's processes out of its lines, "[4711] saved".
type ownNumbers struct {
	known map[string]bool
	out   []byte
}

func newOwnNumbers(pids []int64) *ownNumbers {
	o := &ownNumbers{known: map[string]bool{}}
	for _, pid := range pids {
		o.known[strconv.FormatInt(pid, 10)] = true
	}
	return o
}

// mask returns the line with a word in place of each such number; the result is valid until the next call. Digits that are a part of
// a word or of another number are no such number.
func (o *ownNumbers) mask(line []byte) []byte {
	if len(o.known) == 0 {
		return line
	}
	o.out = o.out[:0]
	copied := 0
	for i := 0; i < len(line); {
		if !isDigit(line[i]) {
			i++
			continue
		}
		start := i
		for i < len(line) && isDigit(line[i]) {
			i++
		}
		if o.known[string(line[start:i])] && apart(line, start-1, start-2) && apart(line, i, i+1) {
			o.out = append(append(o.out, line[copied:start]...), "<process>"...)
			copied = i
		}
	}
	if copied == 0 {
		return line
	}
	o.out = append(o.out, line[copied:]...)
	return o.out
}

// apart reports whether the byte at i, beyond which further lies, ends a number: no letter, and no point or sign with a digit behind it.
func apart(line []byte, i, further int) bool {
	if i < 0 || i >= len(line) {
		return true
	}
	joins := line[i] == '.' || line[i] == '-' || line[i] == '+'
	return !isWord(line[i]) && !(joins && further >= 0 && further < len(line) && isDigit(line[further]))
}
