package all

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint/dcp"
	"github.com/reprocheck/reprocheck/runner/checkpoint/orbax"
	"github.com/reprocheck/reprocheck/runner/checkpoint/sharded"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tensorbundle"
)

// maxFiles bounds the files of a directory.
const maxFiles = 100_000

// Item is a file, or a checkpoint of several files that Open opens as one.
type Item struct {
	Path   string
	Name   string   // relative to what was listed, with slashes
	Spread bool     // as Spread says of Path
	Beside []string // the other files in which values lie, where Path refers to some
}

// List returns what Open can be tried on at a path: the file itself, or everything below a directory, without the files
// that another one stands for, the shards of an index. The prefix of a TensorFlow checkpoint and its data files stand for the index.
func List(root string) ([]Item, error) {
	items, err := walk(root)
	if err != nil {
		return nil, err
	}
	if len(items) == 1 {
		return items, nil
	}
	shards := map[string]bool{}
	for _, x := range items {
		beside, _ := x.shards() // Open says what is wrong with the index
		for _, s := range beside {
			shards[s.Path] = true
		}
	}
	return slices.DeleteFunc(items, func(x Item) bool { return shards[x.Path] }), nil
}

// Files returns what List does and the shards too.
func Files(root string) ([]Item, error) {
	items, err := walk(root)
	if err != nil || len(items) != 1 {
		return items, err
	}
	shards, err := items[0].shards()
	return append(items, shards...), err
}

func walk(root string) ([]Item, error) {
	root = tensorbundle.Index(root)
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	whole := newItem(root, filepath.Base(root))
	if !info.IsDir() || orbax.IsCheckpoint(root) {
		return []Item{whole}, nil
	}
	var items []Item
	distributed := map[string]bool{root: dcp.IsCheckpoint(root)} // directories, which may hold other files too
	if distributed[root] {
		items = append(items, whole)
	}
	first := len(items)
	err = walkDir(root, maxFiles, func(path string, d fs.DirEntry) error {
		if d.IsDir() && !IsDirectory(path) || distributed[filepath.Dir(path)] && dcp.Part(d.Name()) {
			return nil
		}
		// A link to a directory, as "latest" often is, shows what is there already; pipes and devices hold no files.
		if info, err := os.Stat(path); err == nil && !d.IsDir() && !info.Mode().IsRegular() {
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		items = append(items, Item{Path: path, Name: filepath.ToSlash(name)})
		if d.IsDir() {
			if distributed[path] = dcp.IsCheckpoint(path); !distributed[path] {
				return fs.SkipDir
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, x := range items[first:] { // which opens them: they are not too many
		items[first+i] = newItem(x.Path, x.Name)
	}
	if distributed[root] && len(items) > 1 {
		items[0].Name = dcp.MetadataName // whatever the directory is called
	}
	return items, nil
}

// Spread reports whether values of the checkpoint at path lie in other files: whether it is the index of a sharded model or
// of TensorFlow, a model of ONNX with external data, or a directory of IsDirectory.
func Spread(path string) bool { return newItem(path, "").Spread }

func newItem(path, name string) Item {
	x := Item{Path: path, Name: name, Spread: sharded.IsIndex(path) || IsDirectory(path)}
	if !x.Spread {
		x.Beside, x.Spread = beside(path)
	}
	return x
}

// shards returns the files beside one that it stands for.
func (x Item) shards() ([]Item, error) {
	var shards []Item
	for _, path := range x.Beside {
		name, err := filepath.Rel(filepath.Dir(x.Path), path)
		if err != nil {
			return nil, err
		}
		shards = append(shards, Item{Path: path, Name: filepath.ToSlash(filepath.Join(filepath.Dir(x.Name), name))})
	}
	if !sharded.IsIndex(x.Path) {
		return shards, nil
	}
	names, err := sharded.Shards(x.Path)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		shards = append(shards, Item{Path: filepath.Join(filepath.Dir(x.Path), n), Name: filepath.ToSlash(filepath.Join(filepath.Dir(x.Name), n))})
	}
	return shards, nil
}

// Size returns how many bytes the files at path have: of a directory all below it, of an index the shards too.
func Size(path string) (int64, error) {
	items, err := Files(path)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, item := range items {
		info, err := os.Stat(item.Path)
		if err != nil {
			return 0, err
		}
		if !info.IsDir() {
			sum += info.Size()
			continue
		}
		distributed := dcp.IsCheckpoint(item.Path) // what else is in it is an item of its own
		if err := filepath.WalkDir(item.Path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || distributed && !(filepath.Dir(path) == item.Path && dcp.Part(d.Name())) {
				return err
			}
			info, err := d.Info()
			if err == nil {
				sum += info.Size()
			}
			return err
		}); err != nil {
			return 0, err
		}
	}
	return sum, nil
}
