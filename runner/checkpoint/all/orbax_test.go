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

	texts, _ := open(t, filepath.Join(dir, "texts"))
	if got := entriesText(texts); !strings.Contains(got, "name string str resnet50\n") || !strings.Contains(got, "of.é string str 你\n\n") {
		t.Errorf("texts are read as\n%s", got)
	}

	// A checkpoint is opened by its directory too, whatever form its arrays have.
	_, byManifest := open(t, filepath.Join(dir, "tree", "manifest.ocdbt"))
	if _, byDirectory := open(t, filepath.Join(dir, "tree")); byDirectory.Content != byManifest.Content {
		t.Error("the directory and the manifest have other contents")
	}
	compareAll(t, filepath.Join(dir, "forms"))
	_, first := open(t, filepath.Join(dir, "forms", "ocdbt2"))
	for _, name := range []string{"forms/files2", "forms/ocdbt3", "forms/files3", "manager/1/state", "manager/2/state"} {
		if _, d := open(t, filepath.Join(dir, name)); d.Content != first.Content {
			t.Errorf("%s has another content than forms/ocdbt2", name)
		}
	}
	items, err := all.List(filepath.Join(dir, "manager", "1"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, item := range items {
		if !strings.HasSuffix(item.Name, "commit_success.txt") {
			names = append(names, item.Name)
		}
	}
	if got := strings.Join(names, " "); got != "_CHECKPOINT_METADATA notes/metadata state" {
		t.Errorf("a step consists of %s", got)
	}
	// A chunk that is gone, though all were stored.
	chunk := filepath.Join(dir, "forms", "files2", "cut", "1.0")
	if err := os.Remove(chunk); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Open(context.Background(), filepath.Join(dir, "forms", "files2")); err == nil || !strings.Contains(err.Error(), "not stored") {
		t.Errorf("without a chunk: %v", err)
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
