package component

import (
	"bytes"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

func TestKeysOfJAX(t *testing.T) {
	for _, test := range []struct {
		name  string
		dtype checkpoint.DType
		shape []int64
		want  bool
	}{
		{"key", checkpoint.Uint32, []int64{2}, true},
		{"rng", checkpoint.Uint32, []int64{2}, true},
		{"state.dropout_rng", checkpoint.Uint32, []int64{4}, true},
		{"train.PRNGKey", checkpoint.Uint32, []int64{2}, true},
		{"rng_keys", checkpoint.Uint32, []int64{8, 2}, true},
		{"rngs.default.key.value", checkpoint.Uint32, []int64{2}, true},
		{"layers.0.rngs.dropout.count.value", checkpoint.Uint32, nil, true},
		{"rngs.default.count", checkpoint.Uint32, nil, true},
		{"attention.key.weight", checkpoint.Uint32, []int64{64, 4}, false},
		{"attention.key.bias", checkpoint.Float32, []int64{2}, false},
		{"key", checkpoint.Uint32, []int64{3}, false},
		{"key", checkpoint.Int32, []int64{2}, false},
		{"monkeys", checkpoint.Uint32, []int64{2}, false},
		{"batch.count", checkpoint.Uint32, nil, false},
		{"key", checkpoint.Uint32, nil, false},
	} {
		n, err := checkpoint.Elements(test.shape)
		if err != nil {
			t.Fatal(err)
		}
		x, err := checkpoint.NewTensor(test.dtype, 32, test.shape, bytes.NewReader(make([]byte, 4*n)))
		if err != nil {
			t.Fatal(err)
		}
		f := &checkpoint.File{Format: "orbax", Entries: []checkpoint.Entry{checkpoint.TensorEntry(test.name, x)}}
		if got := Classify(f).Of[0]; (got == RNGJAX) != test.want {
			t.Errorf("%s %s%v is %s", test.name, test.dtype, test.shape, got)
		}
	}
}

// TestKeysBesideWeights: a module of Flax keeps its keys among its weights, which are a model all the same.
func TestKeysBesideWeights(t *testing.T) {
	f := file(t, map[string][]int64{"l.table.value": {1}, "l.scale.value": {1}})
	key, err := checkpoint.NewTensor(checkpoint.Uint32, 32, []int64{2}, bytes.NewReader(make([]byte, 8)))
	if err != nil {
		t.Fatal(err)
	}
	f.Format, f.Entries = "orbax", append(f.Entries, checkpoint.TensorEntry("rngs.default.key.value", key))
	a := Classify(f)
	if a.Layout != "weights-only" || a.Of[0] != Model || a.Of[1] != Model || a.Of[2] != RNGJAX {
		t.Errorf("%+v", a)
	}
	f.Entries = f.Entries[2:]
	if a := Classify(f); a.Layout != "dictionary" || a.Of[0] != RNGJAX {
		t.Errorf("a key alone: %+v", a)
	}
}

// TestKeysThatTheReaderKnew need no name that tells of them.
func TestKeysThatTheReaderKnew(t *testing.T) {
	f := file(t, map[string][]int64{"checkpoint": {2}})
	f.Format, f.RNG = "orbax", []checkpoint.RNGState{{Generator: "jax-key"}}
	if a := Classify(f); a.Of[0] != RNGJAX {
		t.Errorf("%+v", a)
	}
}

// TestNamesJoinedBySlashes are those of arrays that numpy.savez got of a tree of JAX.
func TestNamesJoinedBySlashes(t *testing.T) {
	f := file(t, map[string][]int64{"params/Dense_0/kernel": {1}, "opt_state/0/mu/Dense_0/kernel": {1}, "step": nil})
	f.Format = "npz"
	a := Classify(f)
	want := map[string]ID{"params/Dense_0/kernel": Model, "opt_state/0/mu/Dense_0/kernel": Optimizer, "step": Step}
	for i := range f.Entries {
		if name := f.Entries[i].Name; a.Of[i] != want[name] {
			t.Errorf("%s is %s", name, a.Of[i])
		}
	}
}
