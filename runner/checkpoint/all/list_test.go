package all

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestList(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"model.safetensors.index.json": `{"weight_map": {"a": "m-1.safetensors"}}`,
		"m-1.safetensors":              "", "sub/log.txt": "", "sub/m-1.safetensors": "", "dcp/.metadata": "", "dcp/__0_0.distcp": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"latest": "sub", "sub/self": ".", "device": "/dev/null", "gone.pt": "nothing"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string, spread bool) Item {
		return Item{Path: filepath.Join(dir, name), Name: name, Spread: spread}
	}
	index, shard, whole := at("model.safetensors.index.json", true), at("m-1.safetensors", false), at("dcp", true)
	log, other := at("sub/log.txt", false), at("sub/m-1.safetensors", false)
	gone := at("gone.pt", false) // opening it says so
	for _, test := range []struct {
		what string
		list func(string) ([]Item, error)
		root string
		want []Item
	}{
		{"units", List, dir, []Item{whole, gone, index, log, other}},
		{"all files", Files, dir, []Item{whole, gone, shard, index, log, other}},
		{"a file", List, shard.Path, []Item{shard}},
		{"an index", List, index.Path, []Item{index}},
		{"an index with its shards", Files, index.Path, []Item{index, shard}},
		{"a directory that is one checkpoint", List, whole.Path, []Item{whole}},
	} {
		got, err := test.list(test.root)
		if err != nil {
			t.Errorf("%s: %v", test.what, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", test.what, diff)
		}
	}
	if _, err := List(filepath.Join(dir, "gone")); !os.IsNotExist(err) {
		t.Errorf("nothing there: %v", err)
	}
}

// TestFilesInADistributedCheckpoint holds that files beside its own are none of its parts: Lightning keeps the epoch and its
// loops in meta.pt.
func TestFilesInADistributedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".metadata", "__0_0.distcp", "meta.pt", "inner/.metadata", "inner/__0_0.distcp", "inner/note.txt"} {
		path := filepath.Join(dir, "step", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(dir, "step")
	at := func(name string) Item {
		return Item{Path: filepath.Join(root, name), Name: name, Spread: name == "inner"}
	}
	want := []Item{{Path: root, Name: ".metadata", Spread: true}, at("inner"), at("inner/note.txt"), at("meta.pt")}
	got, err := List(root)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for i := range want {
		want[i].Name = "step/" + want[i].Name
	}
	want[0].Name = "step"
	got, err = Files(dir)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
