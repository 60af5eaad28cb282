package tensordiff

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/fixtures"
)

// TestPrecision knows what PyTorch rounds numbers to, and that nothing else is a rounding.
func TestPrecision(t *testing.T) {
	python := fixtures.Python(t)
	if !fixtures.HasModule(t, python, "torch") {
		t.Skip("no PyTorch")
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "-B", "-W", "ignore", filepath.Join("testdata", "precision.py"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, test := range []struct{ a, b, want string }{
		{"float32", "float16", "every value of b is that of a, rounded to float16; "},
		{"float16", "float32", "every value of a is that of b, rounded to float16; "},
		{"float32", "bfloat16", "every value of b is that of a, rounded to bfloat16; "},
		{"float64", "of-double", "every value of b is that of a, rounded to float32; "},
		{"float32", "exact", "every value is the same number"},
		{"float32", "wrong", "2 of 200014 are no roundings of each other; "},
		{"float16", "bfloat16", " are other numbers; "},
	} {
		c, err := Paths(context.Background(), filepath.Join(dir, test.a+".pt"), filepath.Join(dir, test.b+".pt"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := c.Files[0]
		if r.Changed.Count != 1 || r.Changed.First[0].Class != "dtype" || !strings.Contains(r.Changed.First[0].Precision, test.want) || r.Verdict != Different {
			t.Errorf("%s and %s: want %q, got %+v", test.a, test.b, test.want, r.Changed.First)
		}
	}
}
