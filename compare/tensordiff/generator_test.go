package tensordiff

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/fixtures"
)

// TestGenerators compares states that Python, NumPy and PyTorch wrote around draws of a known number.
func TestGenerators(t *testing.T) {
	python := fixtures.Python(t)
	if !fixtures.HasModule(t, python, "torch") {
		t.Skip("no PyTorch")
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "-B", "-W", "ignore", filepath.Join("testdata", "generators.py"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	relations := func(a, b string) []Generator {
		t.Helper()
		c, err := Paths(context.Background(), filepath.Join(dir, a+".pt"), filepath.Join(dir, b+".pt"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Files) == 0 {
			return nil
		}
		return c.Files[0].Generators
	}
	const same = "the same stream, other position: "
	ahead := []Generator{
		{"python", "python", true, 1000, same + "b has drawn 1000 numbers of 32 bits more"},
		{"numpy", "numpy-mt19937", true, 2000, same + "b has drawn 2000 numbers of 32 bits more"},
		{"torch", "torch-cpu", true, 700, same + "b has drawn 700 numbers of 32 bits more"},
		{"cuda_rng", "torch-cuda", true, 8, same + "offsets 0 and 8"},
		{"pcg", "numpy-pcg64", true, 5, same + "b has drawn 5 numbers of 64 bits more"},
		{"dxsm", "numpy-pcg64", true, 6, same + "b has drawn 6 numbers of 64 bits more"},
	}
	if d := cmp.Diff(ahead, relations("seeded", "drawn")); d != "" {
		t.Error(d)
	}
	for _, g := range relations("drawn", "seeded") {
		if !g.SameStream || g.Ahead >= 0 || g.Kind != "torch-cuda" && !strings.Contains(g.Text, "a has drawn") {
			t.Errorf("the other way round: %+v", g)
		}
	}
	other := []Generator{
		{"python", "python", false, 0, "another stream, or more than 2.5 million numbers apart"},
		{"numpy", "numpy-mt19937", false, 0, "another stream, or more than 2.5 million numbers apart"},
		{"torch", "torch-cpu", false, 0, "other seeds: 1 and 2"},
		{"cuda_rng", "torch-cuda", false, 0, "other seeds: 7 and 8"},
		{"pcg", "numpy-pcg64", false, 0, "another stream"},
		{"dxsm", "numpy-pcg64", false, 0, "another stream"},
	}
	if d := cmp.Diff(other, relations("seeded", "other")); d != "" {
		t.Error(d)
	}
	if got := relations("seeded", "seeded"); len(got) != 0 {
		t.Errorf("equal states: %+v", got)
	}
	if got := relations("many", "many-others"); len(got) != mostGenerators {
		t.Errorf("of 70 states: %d", len(got))
	}
	if got := relations("drawn", "normal"); len(got) != 1 || got[0].Ahead <= 0 {
		t.Errorf("after a normal deviate: %+v", got)
	}
}
