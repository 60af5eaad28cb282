package diagnose

import (
	"testing"

	"github.com/reprocheck/reprocheck/compare/trace"
)

// TestWhatIsOrderedByTheHashSeed holds that sets are recognised by their text in every way of writing them, and dicts are not.
func TestWhatIsOrderedByTheHashSeed(t *testing.T) {
	for text, want := range map[string]bool{
		`names = {"ab", "cd", "ef"}`:                true,
		`CLASSES = { 'setosa', 'other' }`:           true,
		`words = {w for t in texts for w in t}`:     true,
		`words = set(corpus)`:                       true,
		`seed = hash(name) % 7`:                     true,
		`ids = {w: i for i, w in enumerate(words)}`: false,
		`config = {"lr": 0.1, "steps": 3}`:          false,
		`print(f"{loss} for {step}")`:               false,
		`empty = {}`:                                false,
	} {
		if got := ordersByHash().MatchString(text); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
}

func TestHeldDifferently(t *testing.T) {
	long := "<torch.nn.modules.linear.Linear{'training': True, '_parameters': {}, "
	for _, tt := range []struct{ a, b, want string }{
		{"'ham'", "'spam'", "x is 'ham' in one run and 'spam' in the other."},
		{long + "'size': 3}>", long + "'size': 5}>", "x is …s': {}, 'size': 3}> in one run and …s': {}, 'size': 5}> in the other."},
		{long + "…", long + "…", "x is not the same in both runs, and begins as <torch.nn.modules.linear.Linear{'training': True, '_paramet… in both."},
	} {
		if got := heldDifferently(trace.LocalDifference{Name: "x", Values: [2]string{tt.a, tt.b}}); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}
