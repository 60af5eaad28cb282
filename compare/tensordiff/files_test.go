package tensordiff

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// file makes a checkpoint of float32 tensors and integers in the order of the arguments: name, []float32 or string.
func file(t *testing.T, namesAndValues ...any) *checkpoint.File {
	t.Helper()
	f := &checkpoint.File{Format: "test", Entries: []checkpoint.Entry{
		{Kind: checkpoint.KindObject, Type: "dict", Structure: true, Data: checkpoint.Text("n")},
	}}
	for i := 0; i < len(namesAndValues); i += 2 {
		e := checkpoint.Entry{Name: namesAndValues[i].(string)}
		switch v := namesAndValues[i+1].(type) {
		case []float32:
			e = checkpoint.TensorEntry(e.Name, tensor(t, checkpoint.Float32, float32s(v...)))
		case string:
			e.Kind, e.Type, e.Text, e.Data = checkpoint.KindNumber, "int", v, checkpoint.Text(v)
		}
		f.Entries = append(f.Entries, e)
	}
	return f
}

func diff(t *testing.T, a, b *checkpoint.File, o Options) *Result {
	t.Helper()
	r, err := Files(context.Background(), a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(r *Result) (changed, missing, unexpected, renamed []string) {
	for _, c := range r.Changed.First {
		changed = append(changed, c.Name+" "+c.Class)
	}
	for _, m := range r.Missing.First {
		missing = append(missing, m.Name+" "+m.Class)
	}
	for _, u := range r.Unexpected.First {
		unexpected = append(unexpected, u.Name+" "+u.Class)
	}
	for _, n := range r.Renamed.First {
		renamed = append(renamed, n.A+" "+n.B)
	}
	return
}

func TestFiles(t *testing.T) {
	one, two := []float32{1, 2}, []float32{1, 3}
	for name, test := range map[string]struct {
		a, b                                  *checkpoint.File
		o                                     Options
		verdict                               Verdict
		changed, missing, unexpected, renamed []string
		container                             []string
	}{
		"equal":        {a: file(t, "w", one, "n", "3"), b: file(t, "w", one, "n", "3"), verdict: SameContent},
		"other order":  {a: file(t, "w", one, "n", "3"), b: file(t, "n", "3", "w", one), verdict: SameContent, container: []string{"order of the values"}},
		"values":       {a: file(t, "w", one, "v", one), b: file(t, "w", one, "v", two), verdict: Different, changed: []string{"v values"}},
		"in order":     {a: file(t, "z", one, "a", one), b: file(t, "a", two, "z", two), verdict: Different, changed: []string{"z values", "a values"}, container: []string{"order of the values"}},
		"number":       {a: file(t, "n", "3"), b: file(t, "n", "4"), verdict: Different, changed: []string{"n number"}},
		"shape":        {a: file(t, "w", one), b: file(t, "w", []float32{1}), verdict: Different, changed: []string{"w shape"}},
		"kind":         {a: file(t, "w", one), b: file(t, "w", "3"), verdict: Different, changed: []string{"w kind"}},
		"tolerated":    {a: file(t, "w", one), b: file(t, "w", two), o: Options{Tolerance: Tolerance{ATol: 1}}, verdict: WithinTolerance, changed: []string{"w values"}},
		"not enough":   {a: file(t, "w", one), b: file(t, "w", two), o: Options{Tolerance: Tolerance{ATol: .5}}, verdict: Different, changed: []string{"w values"}},
		"signed zero":  {a: file(t, "w", []float32{0}), b: file(t, "w", []float32{float32(math.Copysign(0, -1))}), verdict: Different, changed: []string{"w signed-zero"}},
		"batch norm":   {a: file(t, "bn.num_batches_tracked", one), b: file(t), verdict: Different, missing: []string{"bn.num_batches_tracked batchnorm-counter"}},
		"head":         {a: file(t, "fc.weight", one), b: file(t), verdict: Different, missing: []string{"fc.weight head"}},
		"other weight": {a: file(t), b: file(t, "conv.weight", one), verdict: Different, unexpected: []string{"conv.weight scale-or-shift"}},
		"DDP":          {a: file(t, "fc.w", one, "fc.b", one), b: file(t, "module.fc.w", one, "module.fc.b", two), verdict: Different, changed: []string{"fc.b values"}, renamed: []string{"fc.w module.fc.w", "fc.b module.fc.b"}},
		"compile":      {a: file(t, "_orig_mod.fc.w", one), b: file(t, "module.fc.w", one), verdict: Different, renamed: []string{"_orig_mod.fc.w module.fc.w"}},
		"whole module": {a: file(t, "fc.w", one), b: file(t, "_modules.fc._parameters.w", one), verdict: Different, renamed: []string{"fc.w _modules.fc._parameters.w"}},
		"renamed":      {a: file(t, "conv1.w", one), b: file(t, "stem.w", one), verdict: Different, renamed: []string{"conv1.w stem.w"}},
		"by neighbours": {a: file(t, "layer2.c.w", two, "layer2.bn.n", one, "layer3.c.w", []float32{7, 8}, "layer3.bn.n", one),
			b:       file(t, "stage2.c.w", two, "stage2.bn.n", one, "stage3.c.w", []float32{7, 8}, "stage3.bn.n", one),
			verdict: Different, renamed: []string{"layer2.c.w stage2.c.w", "layer2.bn.n stage2.bn.n", "layer3.c.w stage3.c.w", "layer3.bn.n stage3.bn.n"}},
		"ambiguous":    {a: file(t, "a.w", one, "b.w", one), b: file(t, "c.w", one, "d.w", one), verdict: Different, missing: []string{"a.w tensor", "b.w tensor"}, unexpected: []string{"c.w tensor", "d.w tensor"}},
		"not renamed":  {a: file(t, "a.w", one), b: file(t, "c.w", two), verdict: Different, missing: []string{"a.w tensor"}, unexpected: []string{"c.w tensor"}},
		"two wrappers": {a: file(t, "w", one), b: file(t, "module.w", one, "_orig_mod.w", two), verdict: Different, renamed: []string{"w module.w"}, unexpected: []string{"_orig_mod.w tensor"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := diff(t, test.a, test.b, test.o)
			changed, missing, unexpected, renamed := names(r)
			got := [][]string{{string(r.Verdict)}, changed, missing, unexpected, renamed, r.Container}
			want := [][]string{{string(test.verdict)}, test.changed, test.missing, test.unexpected, test.renamed, append([]string{}, test.container...)}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// storeIn makes the tensors of a file views of storages, "" of none; those of one storage have the same values.
func storeIn(f *checkpoint.File, storages ...string) {
	stored := map[string]checkpoint.Data{}
	for i := range f.Entries {
		x := &f.Entries[i]
		if x.Kind != checkpoint.KindTensor {
			continue
		}
		name := storages[0]
		storages = storages[1:]
		if name == "" {
			continue
		}
		if stored[name] == nil {
			stored[name] = x.Data
		}
		x.From, x.Data = &checkpoint.Origin{}, checkpoint.Section(stored[name], 0, x.Data.Size())
	}
}

func TestATiedWeightIsNoLoss(t *testing.T) {
	a := file(t, "embed.weight", []float32{1, 2}, "lm_head.weight", []float32{1, 2})
	storeIn(a, "0", "0")
	r := diff(t, a, file(t, "embed.weight", []float32{1, 2}), Options{})
	if r.Missing.Count != 1 || r.Missing.First[0].Class != "tied" || !strings.Contains(r.Missing.First[0].Why, "embed.weight") {
		t.Errorf("missing: %+v", r.Missing)
	}
}

// TestTiesOfOneFile has an embedding and a last layer that share their memory in one file alone.
func TestTiesOfOneFile(t *testing.T) {
	build := func(storages ...string) *checkpoint.File {
		f := file(t, "embed.weight", []float32{1, 2}, "h.weight", []float32{3, 4}, "lm_head.weight", []float32{1, 2})
		storeIn(f, storages...)
		return f
	}
	tied, apart, unknown := build("0", "1", "0"), build("0", "1", "2"), build("", "", "")
	for _, test := range []struct {
		a, b *checkpoint.File
		want []string
	}{
		{tied, apart, []string{"embed.weight and lm_head.weight share their memory in the first file, and not in the second"}},
		{apart, tied, []string{"embed.weight and lm_head.weight share their memory in the second file, and not in the first"}},
		{tied, tied, []string{}}, {apart, apart, []string{}}, {tied, unknown, []string{}},
	} {
		if r := diff(t, test.a, test.b, Options{}); r.Verdict != SameContent || !slices.Equal(r.Container, test.want) {
			t.Errorf("%s, %q, want %q", r.Verdict, r.Container, test.want)
		}
	}
}

func TestTextNamesTheFirstDifference(t *testing.T) {
	r := diff(t, file(t, "stem.w", []float32{1, 2, 3, 4}, "bn.num_batches_tracked", []float32{1}), file(t, "stem.w", []float32{1, 2, 3, 5}), Options{})
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"different: 1 changed, 1 missing, 0 unexpected, 0 renamed; 0 equal",
		"stem.w  float32[4], 1 of 4 differ (25.0%), first at [3], max abs 1, max rel 0.25, max 2097152 ulp",
		"  safe to leave at 0: BatchNorm reads this counter only when its momentum is None:\n    bn.num_batches_tracked  float32[1]\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// TestNoRelativeDifferenceFromZero: a ratio to 0 or to an infinity is none, and not 0.
func TestNoRelativeDifferenceFromZero(t *testing.T) {
	r := diff(t, file(t, "bias", []float32{0, float32(math.Inf(1))}), file(t, "bias", []float32{1, 2}), Options{})
	if got, want := r.Changed.First[0].text(true), "float32[2], 2 of 2 differ (100.0%), first at [0], max abs +Inf, max 1065353216 ulp"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestANumberWithinTheToleranceIsMarked(t *testing.T) {
	kind := "float"
	build := func(text string) *checkpoint.File {
		f := file(t, "lr", text)
		f.Entries[1].Type = kind
		return f
	}
	r := diff(t, build("0.5"), build("0.50001"), Options{DTypeDefaults: true})
	if got, want := r.Changed.First[0].text(true), "number: float 0.5 -> float 0.50001"; got != want {
		t.Errorf("beyond the tolerance: %s", got)
	}
	r = diff(t, build("0.5"), build("0.5000001"), Options{Tolerance: Tolerance{ATol: 1e-3}})
	if got, want := r.Changed.First[0].text(true), "number: float 0.5 -> float 0.5000001, within tolerance"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, kind = range []string{"numpy.float64", "numpy.float32", "numpy.float16"} {
		if r := diff(t, build("0.5"), build("0.50000005"), Options{DTypeDefaults: true}); r.Verdict != WithinTolerance {
			t.Errorf("%s: %s", kind, r.Verdict)
		}
	}
}

// TestRenamedValuesThatChanged are listed under their names, and not as the same.
func TestRenamedValuesThatChanged(t *testing.T) {
	r := diff(t, file(t, "fc.w", []float32{1}), file(t, "module.fc.w", []float32{2}), Options{})
	var b strings.Builder
	if err := r.WriteText(&b); err != nil || strings.Contains(b.String(), "Same values") || !strings.Contains(b.String(), "\nCompared under other names:\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestStructureNamesTheOutermost(t *testing.T) {
	a := file(t, "w", []float32{1})
	for _, name := range []string{"optimizer", "optimizer.state", "optimizer.state[0]", "lrs"} {
		a.Entries = append(a.Entries, checkpoint.Entry{Name: name, Kind: checkpoint.KindObject, Type: "dict", Structure: true, Data: checkpoint.Text("n")})
	}
	b := file(t, "w", []float32{1})
	want := []string{"optimizer, a dict, is in the first file only", "lrs, a dict, is in the first file only"}
	if r := diff(t, a, b, Options{}); !slices.Equal(r.Structure, want) || r.Verdict != Different {
		t.Errorf("%q", r.Structure)
	}
	want = []string{"optimizer, a dict, is in the second file only", "lrs, a dict, is in the second file only"}
	if r := diff(t, b, a, Options{}); !slices.Equal(r.Structure, want) {
		t.Errorf("%q", r.Structure)
	}
}
