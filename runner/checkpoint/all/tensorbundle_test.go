package all_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

func TestTensorFlowCheckpointsHaveTheTensorsThatTensorFlowReads(t *testing.T) {
	dir := write(t, "write_tensorflow.py", "tensorflow", "keras", "numpy")
	ctx := context.Background()
	for below, least := range map[string]int{"": 5, "managed": 2, "saved/variables": 1, "session": 1} {
		compareAll(t, filepath.Join(dir, below))
		indexes, err := filepath.Glob(filepath.Join(dir, below, "*.index"))
		if err != nil || len(indexes) < least {
			t.Fatalf("%s: %v, %v", below, indexes, err)
		}
		for _, index := range indexes {
			f, _ := open(t, index)
			if err := f.Verify(ctx); err != nil {
				t.Errorf("%s: checksums: %v", index, err)
			}
			comparePieces(t, f, index+".pieces")
		}
	}
	f, _ := open(t, filepath.Join(dir, "plain.index"))
	for _, e := range f.Entries {
		want, ok := map[string]string{"table": "list 2", "table[1]": "list 3", "no strings": "list 0"}[e.Name]
		if got := e.Type + " " + e.Text; ok && got != want {
			t.Errorf("%s is %s, want %s", e.Name, got, want)
		}
	}
	testTensorFlowParts(t, filepath.Join(dir, "managed"), filepath.Join(dir, "session"))

	// One bit of each part of the checkpoint.
	data := filepath.Join(dir, "plain.data-00000-of-00001")
	index := filepath.Join(dir, "plain.index")
	flip := func(path string, off int64) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text[off] ^= 4
		writeFile(t, path, string(text))
	}
	var damaged *checkpoint.DamagedError
	flip(data, 1000)
	f, _ = open(t, index)
	if err := f.Verify(ctx); !errors.As(err, &damaged) {
		t.Errorf("after a bit of a tensor changed: %v", err)
	}
	flip(data, 1000)
	flip(index, 100)
	if _, err := all.Open(ctx, index); !errors.As(err, &damaged) {
		t.Errorf("after a bit of the index changed: %v", err)
	}
	flip(index, 100)
	if err := os.Truncate(data, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Open(ctx, index); !errors.As(err, &damaged) {
		t.Errorf("with a data file cut short: %v", err)
	}
	if err := os.Remove(data); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Open(ctx, index); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without its data file: %v", err)
	}
	if err := os.Symlink("/etc/hostname", data); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Open(ctx, index); !errors.As(err, &damaged) {
		t.Errorf("with a link to another folder: %v", err)
	}
}

// comparePieces compares the strings and variants of a checkpoint, of which there are as many in a file of JSON.
func comparePieces(t *testing.T, f *checkpoint.File, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for _, e := range f.Entries {
		if e.Kind != checkpoint.KindBytes {
			continue
		}
		got := make([]byte, e.Data.Size())
		if err := checkpoint.ReadFull(e.Data, got, 0); err != nil || hex.EncodeToString(got) != want[e.Name] {
			t.Errorf("%s: %s is %x, TensorFlow has %s: %v", path, e.Name, got, want[e.Name], err)
		}
		delete(want, e.Name)
	}
	if len(want) > 0 {
		t.Errorf("%s: missing %v", path, want)
	}
}

// testTensorFlowParts asks for the parts of a training in checkpoints of which all that a resume needs was saved.
func testTensorFlowParts(t *testing.T, managed, session string) {
	for path, want := range map[string]map[string]component.ID{
		filepath.Join(managed, "ckpt-2.index"): {
			"step": component.Step, "epoch": component.Epoch, "iterator": component.Sampler,
			"model": component.Model, "optimizer/_variables": component.Optimizer, "optimizer/_iterations": component.Optimizer,
			"optimizer/_trainable_variables": component.Model, "generator": component.Unknown,
		},
		filepath.Join(session, "model.ckpt-1.index"): {
			"global_step": component.Step, "dense/kernel": component.Model, "dense/kernel/Adam": component.Optimizer,
			"dense/kernel/Adam_1": component.Optimizer, "beta1_power": component.Optimizer, "embedding": component.Model,
			"dense/bias/ExponentialMovingAverage": component.EMA, "dense/kernel/ExponentialMovingAverage": component.EMA,
		},
	} {
		f, _ := open(t, path)
		seen := map[string]bool{}
		for i, id := range component.Classify(f).Of {
			name := f.Entries[i].Name
			for prefix := name; prefix != "."; prefix = filepath.Dir(prefix) {
				if expected, ok := want[prefix]; ok {
					seen[prefix] = true
					if id != expected && !f.Entries[i].Structure {
						t.Errorf("%s: %s is %s, want %s", path, name, id, expected)
					}
					break
				}
			}
		}
		if len(seen) != len(want) {
			t.Errorf("%s: of %v seen %v", path, want, seen)
		}
	}
}
