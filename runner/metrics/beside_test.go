package metrics

import (
	"io"
	"strings"
	"testing"
)

// Which of several processes prints its line first is chance, and so is which of them takes a task. What they print is not.
func TestLinesBesideEachOther(t *testing.T) {
	read := func(text string, pids ...int64) string {
		r, err := InOrder(strings.NewReader(text), pids)
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	one := read("start\n[21] job 0 loss 0.5\n[22] job 1 loss 0.25\nmean 0.375", 21, 22)
	if want := "start\nmean 0.375\n[<process>] job 0 loss 0.5\n[<process>] job 1 loss 0.25\n"; one != want {
		t.Errorf("got %q, want %q", one, want)
	}
	if other := read("start\n[32] job 1 loss 0.25\n[31] job 0 loss 0.5\nmean 0.375", 31, 32); other != one {
		t.Errorf("%q in another order is %q", one, other)
	}
	if other := read("start\n[32] job 1 loss 0.5\n[31] job 0 loss 0.25\nmean 0.375", 31, 32); other == one {
		t.Error("the losses of two jobs that are exchanged make no difference")
	}
	if other := read("start\n[41] job 1 loss 0.25\n[41] job 0 loss 0.5\nmean 0.375", 41); other != one {
		t.Errorf("%q of a pool of one is %q", one, other)
	}
	if joined := read("start\n[31] job 0 loss 0.5[32] job 1 loss 0.25\n\nmean 0.375", 31, 32); joined != strings.Replace(one, "start\n", "start\n\n", 1) {
		t.Errorf("lines that ran into each other are %q", joined)
	}
	for _, text := range []string{"b\na\n", "[20] b\n[20] a\n", ""} {
		if got := read(text, 21, 22); got != text {
			t.Errorf("%q of no child became %q", text, got)
		}
	}
}
