package tensordiff

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
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
	full := matrix(file(t, "model.bn.weight", w, "model.bn.running_mean", []float32{3, 4}, "model.bn.running_var", []float32{5, 6},
		"model.classifier.weight", []float32{7, 8}, "model.layer.weight", []float32{9, 10}, "optimizer.state[0].exp_avg", []float32{11, 12}, "epoch", "3"), "model.layer.weight")
	_, missing, _, _ := names(diff(t, full, file(t, "model.bn.weight", w), Options{}))
	want := []string{
		"model.bn.running_mean batchnorm-statistics", "model.bn.running_var batchnorm-statistics", "model.classifier.weight head",
		"model.layer.weight tensor", "optimizer.state[0].exp_avg optimizer", "epoch value",
	}
	if d := cmp.Diff(want, missing); d != "" {
		t.Error(d)
	}
}

// TestWhatIsUnexpectedIsNotMissing: what only the second file has nobody waits for, so nothing starts afresh without it,
// except the state of a training, which is lost as it would be in the other direction.
func TestWhatIsUnexpectedIsNotMissing(t *testing.T) {
	w := []float32{1, 2}
	full := matrix(file(t, "model.bn.weight", w, "model.bn.running_mean", []float32{3, 4}, "model.classifier.weight", []float32{7, 8},
		"model.layer.weight", []float32{9, 10}, "optimizer.state[0].exp_avg", []float32{11, 12}, "epoch", "3"), "model.layer.weight")
	r := diff(t, file(t, "model.bn.weight", w), full, Options{})
	for _, u := range r.Unexpected.First {
		const lost = "starts again from zero"
		drops := strings.Contains(u.Why, "strict=False drops it") || strings.Contains(u.Why, "strict=False drops them") || strings.Contains(u.Why, "is ignored")
		if u.Class == "optimizer" && !strings.Contains(u.Why, lost) || u.Class != "optimizer" && !drops {
			t.Errorf("%s %s: %s", u.Name, u.Class, u.Why)
		}
	}
	if r.Unexpected.Count != 5 {
		t.Errorf("%d of 5 unexpected", r.Unexpected.Count)
	}
}

// TestASingleElementIsShown, since a counter says more than by how much it differs.
func TestASingleElementIsShown(t *testing.T) {
	r := diff(t, file(t, "step", []float32{3}, "w", []float32{1, 2}), file(t, "step", []float32{4.5}, "w", []float32{1, 3}), Options{})
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"float32[1] 3 -> 4.5, max abs 1.5", "float32[2], 1 of 2 differ (50.0%), first at [1]"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// TestTheModelComesFirst whatever the order of the file, its layers in the order of whichever file has one.
func TestTheModelComesFirst(t *testing.T) {
	one, two := []float32{1}, []float32{2}
	all := []string{"optimizer.state[0].exp_avg", "model.stem.weight", "model.block.10.weight", "model.block.2.weight", "model.fc.weight", "epoch"}
	build := func(format string, v []float32, names ...string) *checkpoint.File {
		var list []any
		for _, n := range names {
			list = append(list, n)
			if n == "epoch" {
				list = append(list, strconv.Itoa(int(v[0])))
			} else {
				list = append(list, v)
			}
		}
		f := file(t, list...)
		f.Format = format
		return f
	}
	sorted := slices.Sorted(slices.Values(all))
	defined := []string{"model.stem.weight", "model.block.10.weight", "model.block.2.weight", "model.fc.weight", "optimizer.state[0].exp_avg", "epoch"}
	byNumber := []string{"model.stem.weight", "model.block.2.weight", "model.block.10.weight", "model.fc.weight", "optimizer.state[0].exp_avg", "epoch"}
	for name, test := range map[string]struct{ a, b, want []string }{
		"both are ordered":       {all, sorted, defined},
		"b is ordered":           {sorted, all, defined},
		"neither is":             {sorted, sorted, byNumber},
		"what only a has":        {all, nil, defined},
		"what only a has, by no": {sorted, nil, byNumber},
	} {
		formats := map[bool]string{true: "safetensors", false: "torch-zip"}
		a, b := build(formats[slices.IsSorted(test.a)], one, test.a...), build(formats[slices.IsSorted(test.b)], two, test.b...)
		r := diff(t, a, b, Options{})
		var got []string
		for _, c := range r.Changed.First {
			got = append(got, c.Name)
		}
		for _, m := range r.Missing.First {
			got = append(got, m.Name)
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestNamesOfLayersAreOrdered(t *testing.T) {
	want := []string{
		"model.embed_tokens.weight", "model.layers.0.mlp.weight", "model.layers.2.mlp.weight", "model.layers.2.norm.weight", "model.layers.10.mlp.weight",
		"model.norm.weight", "lm_head.weight",
	}
	for _, list := range [][]string{
		want,
		{"transformer.wte.weight", "transformer.wpe.weight", "transformer.h.0.ln_1.weight", "transformer.h.0.attn.c_attn.weight", "transformer.h.0.attn.c_proj.weight",
			"transformer.h.0.ln_2.weight", "transformer.h.0.mlp.c_fc.weight", "transformer.h.0.mlp.c_proj.weight", "transformer.h.1.ln_1.weight"},
		{"model.layers.0.input_layernorm.weight", "model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.k_proj.weight",
			"model.layers.0.self_attn.v_proj.weight", "model.layers.0.self_attn.o_proj.weight", "model.layers.0.post_attention_layernorm.weight",
			"model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight", "model.norm.weight", "lm_head.weight"},
		{"encoder.layer.0.attention.self.query.weight", "encoder.layer.0.attention.self.key.weight", "encoder.layer.0.attention.self.value.weight",
			"encoder.layer.0.attention.output.dense.weight", "encoder.layer.0.intermediate.dense.weight", "encoder.layer.0.output.dense.weight"},
		{"layers.0.self_attn.q_proj.weight", "layers.0.self_attn_layer_norm.weight", "layers.0.encoder_attn.q_proj.weight", "layers.0.fc1.weight", "layers.0.final_layer_norm.weight"},
		{"features.0.weight", "features.3.weight", "mixer.weight"},
		{"transformer.wte.weight", "transformer.h.1.ln_1.weight", "transformer.h.12.ln_1.weight", "transformer.ln_f.weight"},
		{"encoder.block.3.w", "decoder.block.0.w"},
		{"conv1.weight", "bn1.weight", "layer1.0.conv1.weight", "layer1.0.bn1.weight", "layer1.0.conv2.weight", "layer1.0.bn2.weight", "layer1.1.conv1.weight", "layer2.0.conv1.weight", "fc.weight"},
		{"conv.weight", "bn.weight", "fc.weight"},
		{"a", "a.b", "a.b2", "a.b10", "a.b10c"},
	} {
		got := slices.Clone(list)
		slices.Reverse(got)
		slices.SortStableFunc(got, compareNames)
		if d := cmp.Diff(list, got); d != "" {
			t.Error(d)
		}
	}
}

func TestAModelUnderAKey(t *testing.T) {
	one, two := []float32{1}, []float32{2}
	plain := []any{"net.a.weight", one, "net.b.weight", one, "net.c.weight", one}
	for name, test := range map[string]struct {
		b                                     []any
		changed, missing, unexpected, renamed []string
	}{
		"of an attribute": {
			b:       []any{"model.net.a.weight", one, "model.net.b.weight", two, "model.net.c.weight", one},
			changed: []string{"net.b.weight values"}, renamed: []string{"net.a.weight model.net.a.weight", "net.b.weight model.net.b.weight", "net.c.weight model.net.c.weight"},
		},
		"of a whole checkpoint": {
			b:       []any{"epoch", "1", "state_dict.model.net.a.weight", two, "state_dict.model.net.b.weight", two, "state_dict.model.net.c.weight", two},
			changed: []string{"net.a.weight values", "net.b.weight values", "net.c.weight values"}, unexpected: []string{"epoch value"},
			renamed: []string{"net.a.weight state_dict.model.net.a.weight", "net.b.weight state_dict.model.net.b.weight", "net.c.weight state_dict.model.net.c.weight"},
		},
		"and of a wrapper": {
			b:       []any{"state_dict.module.net.a.weight", one, "state_dict.module.net.b.weight", one, "state_dict.module.net.c.weight", one},
			renamed: []string{"net.a.weight state_dict.module.net.a.weight", "net.b.weight state_dict.module.net.b.weight", "net.c.weight state_dict.module.net.c.weight"},
		},
		"of an average": {
			b:       []any{"epoch", "1", "model_ema.net.a.weight", one, "model_ema.net.b.weight", two, "model_ema.net.c.weight", one},
			changed: []string{"net.b.weight values"}, unexpected: []string{"epoch value"},
			renamed: []string{"net.a.weight model_ema.net.a.weight", "net.b.weight model_ema.net.b.weight", "net.c.weight model_ema.net.c.weight"},
		},
		"beside its average": {
			b: []any{"ema.net.a.weight", two, "ema.net.b.weight", two, "ema.net.c.weight", two, "model.net.a.weight", one, "model.net.b.weight", one, "model.net.c.weight", one},

			unexpected: []string{"ema.net.a.weight ema", "ema.net.b.weight ema", "ema.net.c.weight ema"},
			renamed:    []string{"net.a.weight model.net.a.weight", "net.b.weight model.net.b.weight", "net.c.weight model.net.c.weight"},
		},
		"too little of it": {
			b:          []any{"other.net.a.weight", two, "w", two, "v", two},
			missing:    []string{"net.a.weight scale-or-shift", "net.b.weight scale-or-shift", "net.c.weight scale-or-shift"},
			unexpected: []string{"other.net.a.weight scale-or-shift", "w tensor", "v tensor"},
		},
		"of other shapes": {
			b:          []any{"model.net.a.weight", []float32{1, 2}, "model.net.b.weight", []float32{1, 2}, "model.net.c.weight", []float32{1, 2}},
			missing:    []string{"net.a.weight scale-or-shift", "net.b.weight scale-or-shift", "net.c.weight scale-or-shift"},
			unexpected: []string{"model.net.a.weight scale-or-shift", "model.net.b.weight scale-or-shift", "model.net.c.weight scale-or-shift"},
		},
	} {
		for side := range 2 {
			a, b := file(t, plain...), file(t, test.b...)
			if side == 0 {
				changed, missing, unexpected, renamed := names(diff(t, a, b, Options{}))
				if d := cmp.Diff([][]string{test.changed, test.missing, test.unexpected, test.renamed}, [][]string{changed, missing, unexpected, renamed}); d != "" {
					t.Errorf("%s: %s", name, d)
				}
				continue
			}
			changed, missing, unexpected, renamed := names(diff(t, b, a, Options{}))
			if len(changed) != len(test.changed) || len(missing) != len(test.unexpected) || len(unexpected) != len(test.missing) || len(renamed) != len(test.renamed) {
				t.Errorf("%s, the other way round: %v %v %v %v", name, changed, missing, unexpected, renamed)
			}
		}
	}
}

// TestWhoWrappedTheModel tells AveragedModel, which calls its model module too, from DistributedDataParallel.
func TestWhoWrappedTheModel(t *testing.T) {
	one := []float32{1}
	for want, b := range map[string]*checkpoint.File{
		"wrapped by DataParallel or DistributedDataParallel": file(t, "module.w", one),
		"wrapped by AveragedModel":                           file(t, "module.w", one, "n_averaged", []float32{3}),
		"wrapped by PEFT":                                    file(t, "base_layer.w", one),
	} {
		r := diff(t, file(t, "w", one), b, Options{})
		if r.Renamed.Count != 1 || !strings.Contains(r.Renamed.First[0].Why, want) {
			t.Errorf("want %q, got %+v", want, r.Renamed)
		}
		if r.Unexpected.Count > 0 && r.Unexpected.First[0].Class != "averaging-counter" {
			t.Errorf("unexpected: %+v", r.Unexpected)
		}
	}
}

func TestWhatIsNoParameterIsNotRandom(t *testing.T) {
	ids := file(t)
	ids.Entries = append(ids.Entries, checkpoint.TensorEntry("embeddings.position_ids", tensor(t, checkpoint.Int64, make([]byte, 8))))
	r := diff(t, ids, file(t), Options{})
	if r.Missing.Count != 1 || r.Missing.First[0].Class != "buffer" {
		t.Errorf("%+v", r.Missing)
	}
}

// TestLongListsAreCutByReason so that the rare ones are seen.
func TestLongListsAreCutByReason(t *testing.T) {
	var many []any
	for i := range 60 {
		many = append(many, "optimizer.state["+strconv.Itoa(i)+"].exp_avg", []float32{float32(i)})
	}
	many = append(many, "unlike.the.others", []float32{-1})
	r := diff(t, file(t, many...), file(t), Options{})
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"unlike.the.others", "optimizer.state[9].exp_avg", "  state of the optimizer: it starts", "... and 50 more\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// TestNumbersThatADistributedCheckpointMadeTexts are the same keys, and with other values they are the same values changed.
func TestNumbersThatADistributedCheckpointMadeTexts(t *testing.T) {
	one, two := []float32{1}, []float32{2}
	build := func(format, key string, v []float32) *checkpoint.File {
		f := file(t, "optim.state"+key+".exp_avg", v)
		f.Format = format
		f.Entries = append(f.Entries, checkpoint.Entry{Name: "optim.state" + key, Kind: checkpoint.KindObject, Type: "dict", Structure: true, Data: checkpoint.Text("1")})
		return f
	}
	for name, test := range map[string]struct {
		a, b    *checkpoint.File
		verdict Verdict
		renamed int
	}{
		"directory and file":  {build("torch-dcp", ".0", one), build("torch-zip", "[0]", one), SameContent, 0},
		"file and directory":  {build("torch-zip", "[0]", one), build("torch-dcp", ".0", one), SameContent, 0},
		"with another value":  {build("torch-zip", "[0]", one), build("torch-dcp", ".0", two), Different, 0},
		"two files":           {build("torch-zip", "[0]", one), build("torch-zip", ".0", one), Different, 1},
		"another of the keys": {build("torch-dcp", ".1", one), build("torch-zip", "[0]", one), Different, 1},
	} {
		if test.a.Format == "torch-zip" {
			test.a.Entries = append(test.a.Entries, checkpoint.Entry{Name: "empty", Kind: checkpoint.KindObject, Type: "dict", Text: "0", Structure: true, Data: checkpoint.Text("0")})
		}
		r := diff(t, test.a, test.b, Options{})
		if r.Verdict != test.verdict || r.Renamed.Count != test.renamed || len(r.Structure) > 0 && test.renamed == 0 {
			t.Errorf("%s: %s, renamed %+v, structure %q", name, r.Verdict, r.Renamed, r.Structure)
		}
	}
}
