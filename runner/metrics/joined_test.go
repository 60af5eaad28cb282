package metrics

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/record"
)

func TestLinesOfSeveralProcessesThatRanIntoEachOther(t *testing.T) {
	for _, lines := range [][]string{
		{"[rank 1 pid 44] epoch 0 loss 1.8 0.001s", "[rank 0 pid 45] epoch 0 loss 1.3 0.002s"},
		{"[rank0]: loss=0.5", "[rank1]: loss=0.4", "[rank2]: loss=0.3"},
		{"rank 0 loss 0.5", "rank 1 loss 0.4"},
		{"epoch 1: loss 0.5 (best)", "epoch 1: loss 0.4"},
		{`{"epoch": 1, "loss": 0.5}`, `{"epoch": 1, "loss": 0.25}`},
		{"{'loss': 0.5}", "{'loss': 0.4}"},
		{"loss=0.5 acc=12%", "loss=0.25 acc=13%"},
		// One line each.
		{"loss=0.5 val_loss=0.4 loss=0.3"},
		{"acc1 0.5 acc5 0.9"},
		{"model.layer.model 0.5"},
		{`[{"loss":1},{"loss":2}]`},
		{`{"loss":{"loss":2}}`},
		{"abc3abc5f 0.5"},
		{"epoch,loss"},
		{"[1 2][3 4]"},
		{""},
	} {
		var got []string
		for rest := []byte(strings.Join(lines, "")); ; {
			var line []byte
			line, rest = cutJoined(rest)
			got = append(got, string(line))
			if len(rest) == 0 {
				break
			}
		}
		if diff := cmp.Diff(lines, got); diff != "" {
			t.Errorf("lines read (-want +got):\n%s", diff)
		}
	}
}

func TestRanksOnOnePipe(t *testing.T) {
	values := func(text string) map[string][]record.Point {
		m := map[string][]record.Point{}
		for _, s := range read(t, text) {
			for _, p := range s.Points {
				p.Line = 0
				m[s.Name] = append(m[s.Name], p)
			}
		}
		return m
	}
	apart := values("[rank 0] epoch 0 loss 0.5\n[rank 1] epoch 0 loss 0.4\n")
	joined := values("[rank 1] epoch 0 loss 0.4[rank 0] epoch 0 loss 0.5\n\n")
	if diff := cmp.Diff(apart, joined); diff != "" || len(apart) != 2 {
		t.Errorf("%d series, want 2; read apart and where the lines ran into each other:\n%s", len(apart), diff)
	}
}
