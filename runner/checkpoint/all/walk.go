package all

import (
	"cmp"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// walkDir visits what is below a directory as filepath.WalkDir does, in the order of names. It returns an error, before it has
// visited or held more, where there are over most files and directories.
func walkDir(root string, most int, visit func(path string, d fs.DirEntry) error) error {
	left := most
	var below func(dir string) error
	below = func(dir string) error {
		entries, err := readDir(dir, left+1)
		if err != nil {
			return err
		}
		if left -= len(entries); left < 0 {
			return checkpoint.Limit("%s has more than %d files and directories", root, most)
		}
		for _, d := range entries {
			path := filepath.Join(dir, d.Name())
			err := visit(path, d)
			if err == nil && d.IsDir() {
				err = below(path)
			}
			if err != nil && err != fs.SkipDir {
				return err
			}
		}
		return nil
	}
	return below(root)
}

// readDir lists up to most of what is in a directory, by name.
func readDir(dir string, most int) ([]fs.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(most)
	if err == io.EOF {
		err = nil
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, err
}
