package tensordiff

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAModelInOneFileIsPairedWithItsShards(t *testing.T) {
	split := tree(t, map[string]string{
		"config.json":                  `{"layers": 1}`,
		"model.safetensors.index.json": `{"weight_map": {"a": "m-1.safetensors"}}`, "m-1.safetensors": shard("a", 1),
	})
	for value, want := range map[byte]Verdict{1: SameContent, 2: Different} {
		whole := tree(t, map[string]string{"config.json": `{"layers": 1}`, "model.safetensors": shard("a", value)})
		for _, sides := range [][2]string{{split, whole}, {whole, split}} {
			c, err := Paths(context.Background(), sides[0], sides[1], Options{})
			if err != nil || c.Verdict != want || len(c.Files) != 1 || c.Identical != 1 || len(c.OnlyA)+len(c.OnlyB) > 0 {
				t.Errorf("value %d: %+v, %v", value, c, err)
			}
		}
	}
}

func TestKeysThatAreNumbersOnOneSide(t *testing.T) {
	one, two := []float32{1}, []float32{2}
	for name, test := range map[string]struct {
		a, b                                  []any
		changed, missing, unexpected, renamed []string
	}{
		"another spelling": {
			a: []any{"opt.state[0].step", one, "opt.state[10].step", two}, b: []any{"opt.state.0.step", one, "opt.state.10.step", two},
			renamed: []string{"opt.state[0].step opt.state.0.step", "opt.state[10].step opt.state.10.step"},
		},
		"and another value": {
			a: []any{"opt.state[0].step", one}, b: []any{"opt.state.0.step", two},
			changed: []string{"opt.state[0].step values"}, renamed: []string{"opt.state[0].step opt.state.0.step"},
		},
		"two that it could be": {
			a: []any{"s[0]", one}, b: []any{"s.0", two, "module.s[0]", two},
			missing: []string{"s[0] tensor"}, unexpected: []string{"s.0 tensor", "module.s[0] tensor"},
		},
		"no number":    {a: []any{`s["0"]`, one}, b: []any{"s.0", two}, missing: []string{`s["0"] tensor`}, unexpected: []string{"s.0 tensor"}},
		"not closed":   {a: []any{"s[0", one}, b: []any{"s.0", two}, missing: []string{"s[0 tensor"}, unexpected: []string{"s.0 tensor"}},
		"of the root":  {a: []any{"[0]", one}, b: []any{".0", two}, missing: []string{"[0] tensor"}, unexpected: []string{".0 tensor"}},
		"already same": {a: []any{"s[0]", one}, b: []any{"s[0]", one}},
	} {
		changed, missing, unexpected, renamed := names(diff(t, file(t, test.a...), file(t, test.b...), Options{}))
		want := [][]string{test.changed, test.missing, test.unexpected, test.renamed}
		if d := cmp.Diff(want, [][]string{changed, missing, unexpected, renamed}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestWhatIsMissingIsClassed(t *testing.T) {
	w := []float32{1, 2}
	full := file(t, "model.bn.weight", w, "model.bn.running_mean", []float32{3, 4}, "model.bn.running_var", []float32{5, 6},
		"model.classifier.weight", []float32{7, 8}, "model.layer.weight", []float32{9, 10}, "optimizer.state[0].exp_avg", []float32{11, 12}, "epoch", "3")
	_, missing, _, _ := names(diff(t, full, file(t, "model.bn.weight", w), Options{}))
	want := []string{
		"model.bn.running_mean batchnorm-statistics", "model.bn.running_var batchnorm-statistics", "model.classifier.weight head",
		"model.layer.weight tensor", "optimizer.state[0].exp_avg optimizer", "epoch value",
	}
	if d := cmp.Diff(want, missing); d != "" {
		t.Error(d)
	}
}
