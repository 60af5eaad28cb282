package all

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

func TestDirectoriesAreWalkedAsTheStandardLibraryDoes(t *testing.T) {
	root := t.TempDir()
	for _, path := range []string{"b/c/d", "a", "b/a", "skip/x", "z"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var want, got []string
	visit := func(list *[]string) func(string, fs.DirEntry) error {
		return func(path string, d fs.DirEntry) error {
			*list = append(*list, path)
			if d.Name() == "skip" {
				return fs.SkipDir
			}
			return nil
		}
	}
	all := visit(&want)
	if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		return all(path, d)
	}); err != nil {
		t.Fatal(err)
	}
	if err := walkDir(root, 8, visit(&got)); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: walked %q, not %q", err, got, want)
	}
	got = nil
	err := walkDir(root, 3, visit(&got))
	if limit := (*checkpoint.LimitError)(nil); !errors.As(err, &limit) || len(got) > 0 {
		t.Errorf("%v, behind %q", err, got)
	}
}
