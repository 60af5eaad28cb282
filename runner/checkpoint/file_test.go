package checkpoint

import "testing"

func TestDisplayKeepsTerminalsSafe(t *testing.T) {
	for s, want := range map[string]string{
		"fc.weight": "fc.weight", "\x1b[2Jgone": "\ufffd[2Jgone", "two\nlines": `two\nlines`, "a\tb\r": `a\tb\r`, "ähnlich": "ähnlich",
		"\u0085next": "\ufffdnext", "bad\xffutf": "bad\ufffdutf", "a\u202eb": "a\ufffdb", "0123456789abcdef": "0123456789ab…",
	} {
		if got := Display(s, 12); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}
