package all_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

func TestTensorFlowCheckpointsHaveTheTensorsThatTensorFlowReads(t *testing.T) {
	dir := write(t, "write_tensorflow.py", "tensorflow", "numpy")
	compareAll(t, dir)
	ctx := context.Background()
	f, _ := open(t, filepath.Join(dir, "plain.index"))
	if err := f.Verify(ctx); err != nil {
		t.Errorf("checksums: %v", err)
	}
	want := map[string]string{"one string": "aé", "strings[0]": "one", "strings[1]": "", "strings[2]": strings.Repeat("three", 100)}
	for _, e := range f.Entries {
		if text, ok := want[e.Name]; ok {
			got := make([]byte, e.Data.Size())
			if err := checkpoint.ReadFull(e.Data, got, 0); err != nil || string(got) != text {
				t.Errorf("%s is %q, want %q: %v", e.Name, got, text, err)
			}
			delete(want, e.Name)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
	if f, err := all.Open(ctx, filepath.Join(dir, "partitions.index")); err == nil || !strings.Contains(err.Error(), "partitions") {
		t.Errorf("a variable in partitions: %v %v", err, f)
	}

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
