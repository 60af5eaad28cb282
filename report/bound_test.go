package report_test

import (
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/report"
)

// To see at least one divergence with 95 % confidence where each further run diverges with probability p, the least
// k with (1-p)^k <= 0.05 further runs are needed. After k further runs that agree, p is ruled out; after k-1 it is not.
func TestBoundAgreesWithTheNumberOfRunsNeeded(t *testing.T) {
	for _, c := range []struct {
		p       float64
		further int
	}{{0.5, 5}, {0.25, 11}, {0.1, 29}, {0.05, 59}, {0.01, 299}} {
		if rate, _ := report.Bound(1 + c.further); rate > c.p {
			t.Errorf("after %d further runs, the bound is %v, want at most %v", c.further, rate, c.p)
		}
		if rate, _ := report.Bound(c.further); rate <= c.p {
			t.Errorf("after %d further runs, the bound is %v, want above %v", c.further-1, rate, c.p)
		}
	}
}

func TestBoundWords(t *testing.T) {
	for _, c := range []struct {
		n    int
		rate float64
		want string
	}{
		{0, 1, "no second run"},
		{1, 1, "no second run"},
		{2, 0.95, "up to 95 % of further runs"},
		{3, 0.7763932022500211, "up to 78 % of further runs to differ (95 % confidence); 60 runs would bring that to 5 %."},
		{60, 0.04950756, "up to 5 % of further runs to differ (95 % confidence)."},
		{300, 0.00996909, "up to 1 % of further runs"},
	} {
		rate, words := report.Bound(c.n)
		if rate < c.rate-1e-6 || rate > c.rate+1e-6 {
			t.Errorf("Bound(%d) = %v, want %v", c.n, rate, c.rate)
		}
		if !strings.Contains(words, c.want) {
			t.Errorf("Bound(%d) says %q, want %q in it", c.n, words, c.want)
		}
	}
}
