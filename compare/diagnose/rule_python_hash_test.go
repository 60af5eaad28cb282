package diagnose

import "testing"

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
