package lint

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/fixtures"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// check lints one file as the command does.
func check(t *testing.T, path string) *Document {
	t.Helper()
	c := NewChecker(path)
	f, err := all.Open(context.Background(), path)
	if err != nil {
		c.AddUnreadable(filepath.Base(path), err)
		return c.Document()
	}
	defer f.Close()
	if err := c.Add(context.Background(), filepath.Base(path), f, component.Classify(f)); err != nil {
		t.Fatal(err)
	}
	return c.Document()
}

// with returns the rules of the parts that have a status.
func with(d *Document, status Status) (ids []string) {
	for _, p := range d.Parts {
		if p.Status == status {
			ids = append(ids, p.Rule)
		}
	}
	return ids
}

func damaged(d *Document) (ids []string) {
	for _, x := range d.Damage {
		if !slices.Contains(ids, x.Rule) {
			ids = append(ids, x.Rule)
		}
	}
	return ids
}

// write runs a script of testdata that writes files into a new folder, which it returns.
func write(t *testing.T, script string, modules ...string) string {
	t.Helper()
	python := fixtures.Python(t)
	for _, m := range modules {
		if !fixtures.HasModule(t, python, m) {
			t.Skipf("no %s", m)
		}
	}
	dir := t.TempDir()
	cmd := exec.Command(python, "-B", "-W", "ignore", filepath.Join("testdata", script), dir)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

func TestCheckpointsOfPyTorch(t *testing.T) {
	dir := write(t, "write.py", "torch")
	spoil(t, dir)
	// CK016 cannot be told from a file that says nothing of ranks.
	for name, want := range map[string]struct{ missing, unclear, damage []string }{
		"complete":           {nil, []string{"CK016"}, nil},
		"no-optimizer":       {[]string{"CK002", "CK003"}, []string{"CK016"}, nil},
		"no-moments":         {[]string{"CK003"}, []string{"CK016"}, nil},
		"some-moments":       {nil, []string{"CK003", "CK016"}, nil},
		"sgd":                {nil, []string{"CK016"}, nil},
		"sgd-momentum-fresh": {[]string{"CK003"}, []string{"CK016"}, nil},
		"no-scheduler":       {[]string{"CK004"}, []string{"CK016"}, nil},
		"no-scheduler-used":  {nil, []string{"CK004", "CK016"}, nil},
		"no-epoch":           {[]string{"CK006"}, []string{"CK016"}, nil},
		"no-rng":             {[]string{"CK012", "CK013", "CK014"}, []string{"CK015", "CK016"}, nil},
		"no-config":          {[]string{"CK017", "CK018"}, []string{"CK016"}, nil},
		"ddp":                {[]string{"CK016"}, nil, []string{"CK105"}},
		"nan":                {nil, []string{"CK016"}, []string{"CK103"}},
		"swapped-moments":    {nil, []string{"CK016"}, []string{"CK104"}},
		"decay-groups":       {nil, []string{"CK016"}, nil},
		"head-first":         {nil, []string{"CK016"}, nil},
		"two-optimizers":     {nil, []string{"CK016"}, nil},
		"many-parameters":    {nil, []string{"CK016"}, nil},
		"one-misfit-of-many": {nil, []string{"CK016"}, []string{"CK104"}},
		"dead-storage":       {nil, []string{"CK016"}, []string{"CK106"}},
		"flipped-bit":        {nil, []string{"CK016"}, []string{"CK102"}},

		"moments-of-two-shapes": {nil, []string{"CK016"}, []string{"CK104"}},
		"compiled":              {nil, []string{"CK016"}, []string{"CK105"}},
		"module-of-that-name":   {nil, []string{"CK016"}, nil},
		"model-under-module":    {nil, []string{"CK016"}, nil},
		"nan-moment":            {nil, []string{"CK016"}, []string{"CK103"}},
		"masks":                 {nil, []string{"CK016"}, nil},
		"names":                 {[]string{"CK002", "CK003"}, []string{"CK004", "CK005", "CK010", "CK016"}, nil},
		"settings": {
			[]string{"CK012", "CK013", "CK014", "CK018"}, []string{"CK004", "CK005", "CK007", "CK009", "CK010", "CK011", "CK015", "CK016"}, nil,
		},
		"no-gpu":            {nil, []string{"CK016"}, nil},
		"gpu-not-said":      {nil, []string{"CK015", "CK016"}, nil},
		"steps-only":        {[]string{"CK006", "CK017"}, []string{"CK004", "CK009", "CK016"}, nil},
		"schedule-by-epoch": {[]string{"CK006", "CK017"}, []string{"CK009", "CK016"}, nil},
		"steps-and-tokens":  {[]string{"CK006", "CK017"}, []string{"CK004", "CK016"}, nil},
		"composer":          {[]string{"CK017"}, []string{"CK005", "CK008", "CK010", "CK011"}, nil},
		"composer-ranks":    {[]string{"CK017"}, []string{"CK005", "CK008", "CK010", "CK011"}, nil},

		"composer-one-of-two-ranks": {[]string{"CK016", "CK017"}, []string{"CK005", "CK008", "CK010", "CK011"}, nil},
		"deepspeed":                 {[]string{"CK012", "CK013", "CK014"}, []string{"CK005", "CK008", "CK010", "CK011", "CK015"}, nil},
		"two-ranks":                 {nil, nil, nil},
		"one-of-two-ranks":          {[]string{"CK016"}, nil, nil},
		"one-rank":                  {nil, nil, nil},
		"code":                      {nil, []string{"CK016"}, []string{"CK107"}},
		"whole-objects":             {nil, []string{"CK016"}, nil},
		"lightning":                 {[]string{"CK012", "CK013", "CK014"}, []string{"CK005", "CK008", "CK010", "CK011", "CK015", "CK016"}, nil},
		"lightning-within-epoch": {
			[]string{"CK009", "CK012", "CK013", "CK014", "CK017"}, []string{"CK005", "CK008", "CK010", "CK011", "CK015", "CK016"}, nil,
		},
		"lightning-loader-state": {
			[]string{"CK012", "CK013", "CK014", "CK017"}, []string{"CK005", "CK008", "CK010", "CK011", "CK015", "CK016"}, nil,
		},
		"weights": {
			[]string{"CK002", "CK003", "CK006", "CK007", "CK012", "CK013", "CK014", "CK017", "CK018"},
			[]string{"CK004", "CK005", "CK008", "CK009", "CK010", "CK011", "CK015", "CK016"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := check(t, filepath.Join(dir, name+".pt"))
			got := [][]string{with(d, Missing), with(d, CannotTell), damaged(d)}
			if diff := cmp.Diff([][]string{want.missing, want.unclear, want.damage}, got); diff != "" {
				t.Error(diff)
			}
			// What the code that resumes has itself, or may not need, stops no resume; nor does damage that loses nothing.
			harmless := []string{"CK006", "CK017", "CK018", "CK105", "CK106", "CK107"}
			if name == "no-epoch" || name == "schedule-by-epoch" {
				harmless = harmless[1:] // a position within an epoch, or a scheduler that is stepped less often, shows that there are epochs
			}
			resumes := "yes"
			switch {
			case slices.ContainsFunc(append(want.missing, want.damage...), func(id string) bool { return !slices.Contains(harmless, id) }):
				resumes = "no"
			case len(want.unclear) > 0:
				resumes = "cannot tell"
			}
			if d.Resume != resumes {
				t.Errorf("exact resume: %s, want %s", d.Resume, resumes)
			}
		})
	}
	t.Run("zero", func(t *testing.T) {
		d, err := Path(context.Background(), filepath.Join(dir, "zero"))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"CK006", "CK012", "CK013", "CK014", "CK016"}
		if got := with(d, Missing); !slices.Equal(got, want) || len(d.Damage) > 0 || len(d.Files) != 3 {
			t.Errorf("missing %v, want %v; %+v", got, want, d)
		}
		for _, p := range d.Parts {
			if want := map[string]string{"CK003": "base_optimizer_state.state[0].exp_avg", "CK007": "global_steps", "CK016": "2 ranks trained"}[p.Rule]; !strings.Contains(p.Why, want) {
				t.Errorf("%s: %s, want %s", p.Rule, p.Why, want)
			}
		}
	})
	t.Run("accelerate", func(t *testing.T) {
		d, err := Path(context.Background(), filepath.Join(dir, "accelerate"))
		if err != nil {
			t.Fatal(err)
		}
		got := [][]string{with(d, Missing), with(d, CannotTell), damaged(d)}
		want := [][]string{{"CK006", "CK017", "CK018"}, {"CK005", "CK007", "CK009", "CK010", "CK011", "CK015", "CK016"}, nil}
		if diff := cmp.Diff(want, got); diff != "" || d.Resume != "cannot tell" {
			t.Errorf("%s, exact resume: %s", diff, d.Resume)
		}
	})
	if d := check(t, filepath.Join(dir, "averages-alone.pt")); !slices.Equal(d.GoodFor, []string{"inference with the averaged weights"}) {
		t.Errorf("averages alone are good for %q", d.GoodFor)
	}
	t.Run("cut-short", func(t *testing.T) {
		d := check(t, filepath.Join(dir, "cut-short.pt"))
		if got := damaged(d); !slices.Equal(got, []string{"CK101"}) || d.Resume != "no" || len(d.GoodFor) > 0 {
			t.Errorf("damage %v, resume %s, good for %v", got, d.Resume, d.GoodFor)
		}
	})
}

// spoil makes damaged copies of the complete checkpoint.
func spoil(t *testing.T, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "complete.pt"))
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("cut-short.pt", data[:len(data)/2])
	// A storage is the one place where a bit can change without anything else noticing.
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(z.File, func(f *zip.File) bool { return strings.HasSuffix(f.Name, "/data/0") })
	if at < 0 {
		t.Fatal("no storage record")
	}
	off, err := z.File[at].DataOffset()
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(data)
	flipped[off] ^= 1
	put("flipped-bit.pt", flipped)
}

func TestEveryRuleIsDocumentedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || r.Title == "" || r.Without == "" || r.Fix == "" {
			t.Errorf("rule %+v", r)
		}
		seen[r.ID] = true
		if found, ok := Explain(r.ID); !ok || found != r {
			t.Errorf("%s cannot be explained", r.ID)
		}
		var b strings.Builder
		if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), r.Without) {
			t.Errorf("%s: %v\n%s", r.ID, err, b.String())
		}
	}
	if _, ok := Explain("CK999"); ok {
		t.Error("an unknown rule is explained")
	}
}
