package compare

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/record"
)

// The formula has these properties for every pair of finite numbers and every tolerance.
func TestCloseProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	number := func() float64 { return (r.Float64() - 0.5) * math.Pow(10, float64(r.IntN(12)-6)) }
	for range 20_000 {
		e, a := number(), number()
		tol := record.Tolerance{RTol: math.Abs(number()), ATol: math.Abs(number())}
		if !Close(e, e, record.Tolerance{}) {
			t.Fatalf("%v is not close to itself", e)
		}
		if e != a && Close(e, a, record.Tolerance{}) {
			t.Fatalf("%v and %v are close without a tolerance", e, a)
		}
		if Close(e, a, tol) != Close(-e, -a, tol) {
			t.Fatalf("%v, %v: the sign matters", e, a)
		}
		if absolute := (record.Tolerance{ATol: tol.ATol}); Close(e, a, absolute) != Close(a, e, absolute) {
			t.Fatalf("%v, %v: an absolute tolerance is symmetric", e, a)
		}
		wider := record.Tolerance{RTol: tol.RTol * 2, ATol: tol.ATol * 2}
		if Close(e, a, tol) && !Close(e, a, wider) {
			t.Fatalf("%v, %v: close by %+v and not by twice that", e, a, tol)
		}
		if got, want := Close(e, a, tol), math.Abs(a-e) <= tol.ATol+tol.RTol*math.Abs(e); got != want {
			t.Fatalf("Close(%v, %v, %+v) = %v", e, a, tol, got)
		}
	}
}

func TestClose(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	tests := []struct {
		expected, actual float64
		rtol, atol       float64
		want             bool
	}{
		{100, 110, 0.1, 0, true},
		{110, 99, 0.1, 0, true},
		{100, 110.5, 0.1, 0, false},
		{110.5, 100, 0.1, 0, true}, // not symmetric: the first run is the reference
		{0, 1e-9, 1, 0, false},     // a relative tolerance accepts nothing at zero
		{0, 1e-9, 0, 1e-8, true},
		{inf, inf, 0, 0, true},
		{inf, -inf, 1, 1, false},
		{inf, 5, 1, 1, false},
		{5, inf, 1, inf, false},
		{nan, nan, 0, 0, true},
		{nan, 1, 1, inf, false},
		{1, nan, 1, inf, false},
		{0, math.Copysign(0, -1), 0, 0, true},
	}
	for _, tt := range tests {
		if got := Close(tt.expected, tt.actual, record.Tolerance{RTol: tt.rtol, ATol: tt.atol}); got != tt.want {
			t.Errorf("Close(%v, %v, rtol %v, atol %v) = %v", tt.expected, tt.actual, tt.rtol, tt.atol, got)
		}
	}
}

func TestDTypeTolerance(t *testing.T) {
	// torch.testing.assert_close's documentation has this table.
	tests := map[string]record.Tolerance{
		"float16": {RTol: 1e-3, ATol: 1e-5}, "bfloat16": {RTol: 1.6e-2, ATol: 1e-5}, "float32": {RTol: 1.3e-6, ATol: 1e-5},
		"float64": {RTol: 1e-7, ATol: 1e-7}, "complex64": {RTol: 1.3e-6, ATol: 1e-5}, "complex128": {RTol: 1e-7, ATol: 1e-7},
		"int64": {}, "bool": {}, "float8_e4m3fn": {}, "": {},
	}
	for dtype, want := range tests {
		if got := DTypeTolerance(dtype); got != want {
			t.Errorf("DTypeTolerance(%q) = %+v, want %+v", dtype, got, want)
		}
	}
}

func TestUnusedTolerances(t *testing.T) {
	o := Options{Tolerances: map[string]record.Tolerance{"loss": {}, "val_*": {}, "acc": {}, "fc.weight": {}, "head.*": {}}}
	first := &record.Run{Metrics: []record.Series{{Name: "loss"}},
		Artifacts: []record.Artifact{{Path: "m.pt", Leaves: []record.Leaf{{Name: "fc.weight"}}}}}
	second := &record.Run{Metrics: []record.Series{{Name: "val_loss"}}}
	if diff := cmp.Diff([]string{"acc", "head.*"}, o.Unused(first, second)); diff != "" {
		t.Errorf("unused tolerances (-want +got):\n%s", diff)
	}
	second.Artifacts = []record.Artifact{{Path: "many.pt", More: 1}}
	if unused := o.Unused(first, second); len(unused) > 0 {
		t.Errorf("unused tolerances of a run whose names are not all known: %q", unused)
	}
}
