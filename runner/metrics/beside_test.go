package metrics

import (
	"io"
	"strings"
	"testing"
)

func inOrder(t *testing.T, text string, printers ...Printer) string {
	t.Helper()
	r, err := InOrder(strings.NewReader(text), printers)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func pool(pids ...int64) (list []Printer) {
	list = []Printer{{PIDs: []int64{400}}}
	for _, pid := range pids {
		list = append(list, Printer{PIDs: []int64{pid, 400}, Child: true, Pool: true})
	}
	return list
}

// Which of several processes prints its line first is chance, and so is which of them takes a task. What they print is not.
func TestLinesOfAPool(t *testing.T) {
	one := inOrder(t, "start\n[321] job 0 loss 0.5\n[322] job 1 loss 0.25\nmean 0.375", pool(321, 322)...)
	if want := "start\nmean 0.375\njob 0 loss 0.5\njob 1 loss 0.25\n"; one != want {
		t.Errorf("got %q, want %q", one, want)
	}
	for text, pids := range map[string][]int64{
		"start\n[332] job 1 loss 0.25\n[331] job 0 loss 0.5\nmean 0.375":       {331, 332},
		"start\n[341] job 1 loss 0.25\n[341] job 0 loss 0.5\nmean 0.375\n":     {341},
		"start\n[331] job 0 loss 0.5[332] job 1 loss 0.25\nmean 0.375":         {331, 332},
		"[400] start\n[332] job 1 loss 0.25\n[331] job 0 loss 0.5\nmean 0.375": {331, 332},
	} {
		if other := inOrder(t, text, pool(pids...)...); other != one {
			t.Errorf("%q of %v is %q, want %q", text, pids, other, one)
		}
	}
	if other := inOrder(t, "start\n[332] job 1 loss 0.5\n[331] job 0 loss 0.25\nmean 0.375", pool(331, 332)...); other == one {
		t.Error("the losses of two jobs that are exchanged make no difference")
	}
	if got := inOrder(t, "[321] step 10 loss 1\n[321] step 9 loss 2\n", pool(321)...); got != "step 9 loss 2\nstep 10 loss 1\n" {
		t.Errorf("the tenth step is not behind the ninth: %q", got)
	}
}

// What one process prints has an order that counts.
func TestLinesOfAChild(t *testing.T) {
	child := []Printer{{PIDs: []int64{400}}, {PIDs: []int64{321}, Child: true}, {PIDs: []int64{322}, Child: true}}
	want := "begin\nend\nb\na\nd\nc\n"
	for _, text := range []string{"begin\n[321] b\n[322] d\n[321] a\n[322] c\nend\n", "[400] begin\n[400] end\n[322] d\n[322] c\n[321] b\n[321] a\n"} {
		if got := inOrder(t, text, child...); got != want {
			t.Errorf("got %q of %q, want %q", got, text, want)
		}
	}
}

// A number that happens to be a process's is none where others like it are not.
func TestNumbersThatAreNoProcess(t *testing.T) {
	for _, text := range []string{
		"b\na\n", "[320] b\n[320] a\n", "", "[320] loss 0.5\n[321] loss 0.25\n[322] loss 0.125\n", "step 321 loss 0.5\nstep 3 loss 0.5\n", "x [321] b\na\n",
	} {
		if got := inOrder(t, text, pool(321)...); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := inOrder(t, "[9] b\n[9] a\n", pool(9)...); got != "[9] b\n[9] a\n" {
		t.Errorf("a number that anything may be is a process: %q", got)
	}
}
