package all

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/sharded"
)

// maxFiles bounds the files of a directory.
const maxFiles = 100_000

// Item is a file, or an index that stands for all of its shards.
type Item struct {
	Path string
	Name string // relative to what was listed, with slashes
}

// List returns what is to be opened at a path: the file itself, or all files below a directory but the shards of indices.
// It tells no formats.
func List(root string) ([]Item, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []Item{{root, filepath.Base(root)}}, nil
	}
	var items []Item
	var indices []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if len(items) >= maxFiles {
			return checkpoint.Limit("%s has more than %d files", root, maxFiles)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, sharded.Suffix) {
			indices = append(indices, name)
		}
		items = append(items, Item{path, filepath.ToSlash(name)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	shards := map[string]bool{}
	for _, index := range indices {
		names, err := sharded.Shards(filepath.Join(root, index))
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			shards[filepath.ToSlash(filepath.Join(filepath.Dir(index), n))] = true
		}
	}
	return slices.DeleteFunc(items, func(x Item) bool { return shards[x.Name] }), nil
}
