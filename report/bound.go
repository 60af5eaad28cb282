package report

import (
	"fmt"
	"math"
)

// Bound returns the largest rate at which runs may still differ, at 95 % confidence, after n runs that agree, and
// says so in words. It is 1 where fewer than two runs leave nothing to compare.
//
// The first run is what the others are compared with, so n runs make n-1 comparisons. If each further run differed
// from the first with probability p, independently, all of them would agree with probability (1-p)^(n-1). The
// rates that the runs do not rule out are those for which that is at least 5 %; the largest solves
// (1-p)^(n-1) = 0.05, which gives p = 1 - 0.05^(1/(n-1)). It is the Clopper-Pearson bound for no event in n-1 trials
// (Clopper and Pearson, Biometrika 26, 1934), for which the "rule of three", 3/(n-1), is the approximation.
func Bound(n int) (rate float64, words string) {
	if n < 2 {
		return 1, "One run shows nothing about repetition: there is no second run to compare it with."
	}
	rate = 1 - math.Pow(alpha, 1/float64(n-1))
	words = fmt.Sprintf("%d runs that agree still allow up to %s of further runs to differ (95 %% confidence)", n, percent(rate))
	if rate > target {
		return rate, words + fmt.Sprintf("; %d runs would bring that to %s.", runsFor(target), percent(target))
	}
	return rate, words + "."
}

const (
	alpha  = 0.05 // one minus the confidence
	target = 0.05 // the rate that the words compare with
)

// runsFor is the least number of agreeing runs whose bound is at most rate.
func runsFor(rate float64) int {
	return 1 + int(math.Ceil(math.Log(alpha)/math.Log1p(-rate)))
}

// percent never rounds down: a bound may be overstated, not understated.
func percent(rate float64) string {
	scaled := rate * 100
	if scaled >= 10 {
		return fmt.Sprintf("%.0f %%", math.Ceil(scaled-1e-9))
	}
	return fmt.Sprintf("%.2g %%", math.Ceil(scaled*10-1e-9)/10)
}
