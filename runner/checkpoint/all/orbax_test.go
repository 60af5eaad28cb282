package all_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

func TestOrbaxCheckpointsHaveTheArraysThatTensorStoreReads(t *testing.T) {
	dir := write(t, "write_orbax.py", "orbax", "tensorstore", "jax", "numpy")
	for _, name := range []string{"types", "tree", "cut", "many", "levels", "versions"} {
		t.Run(name, func(t *testing.T) { compareAll(t, filepath.Join(dir, name)) })
	}
	f, _ := open(t, filepath.Join(dir, "tree", "manifest.ocdbt"))
	want := map[string]string{"none": "None None", "nothing": "dict 0", "no items": "list 0", "": "dict 9"}
	for _, e := range f.Entries {
		if text, ok := want[e.Name]; ok && text != e.Type+" "+e.Text {
			t.Errorf("%q is %s %s, want %s", e.Name, e.Type, e.Text, text)
		}
		delete(want, e.Name)
	}
	if len(want) > 0 || f.Format != "orbax" {
		t.Errorf("read as %s, missing %v", f.Format, want)
	}

	// Data that lead elsewhere, or are gone.
	data, err := filepath.Glob(filepath.Join(dir, "types", "d", "*"))
	if err != nil || len(data) == 0 {
		t.Fatalf("no data: %v", err)
	}
	for _, path := range data {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	manifest := filepath.Join(dir, "types", "manifest.ocdbt")
	if _, err := all.Open(context.Background(), manifest); err == nil || !refusal(err) {
		t.Errorf("without its data: %v", err)
	}
	for _, path := range data {
		if err := os.Symlink("/etc/hostname", path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := all.Open(context.Background(), manifest); err == nil || !refusal(err) || !strings.Contains(err.Error(), "leaves the checkpoint") {
		t.Errorf("with links to another folder: %v", err)
	}
}
