package workspace

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Touched are the files and directories of a tree that changed after a time.
type Touched struct {
	// Paths are relative to the tree's root, in lexical order, a directory where entries came or went ending in a separator.
	// There are at most maxTouched of them.
	Paths []string
	// Last is when the last of all of them changed; zero where none did.
	Last time.Time
}

// maxTouched bounds the paths that are told.
const maxTouched = 100

// TouchedSince finds what of the tree at root was changed, added, moved or removed after a time, by the change times that no
// program can set. It looks at each file once and opens none. Left out are the paths for which skip holds, what version
// control, editors and Python keep for themselves, and what cannot be read.
func TouchedSince(root string, since time.Time, skip func(path string, info fs.FileInfo) bool) Touched {
	var t Touched
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if path != root && (keptByTools(d.Name()) || skip(path, info)) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		at := changeTime(info)
		if info.Mode()&fs.ModeSymlink != 0 {
			// What a link names is what a run reads.
			if target, err := os.Stat(path); err == nil && !target.IsDir() && changeTime(target).After(at) {
				at = changeTime(target)
			}
		}
		if !at.After(since) {
			return nil
		}
		if at.After(t.Last) {
			t.Last = at
		}
		if rel, err := filepath.Rel(root, path); err == nil && len(t.Paths) < maxTouched {
			if d.IsDir() {
				rel += string(filepath.Separator)
			}
			t.Paths = append(t.Paths, filepath.ToSlash(rel))
		}
		return nil
	})
	// A directory of which a file is named needs no word of its own.
	t.Paths = slices.DeleteFunc(t.Paths, func(dir string) bool {
		return strings.HasSuffix(dir, "/") && slices.ContainsFunc(t.Paths, func(p string) bool {
			return p != dir && filepath.Dir(strings.TrimSuffix(p, "/")) == filepath.Clean(dir)
		})
	})
	return t
}

// keptByTools reports whether a name is one of those under which tools keep what is no part of a project.
func keptByTools(name string) bool {
	return slices.Contains([]string{".git", ".hg", ".svn", "__pycache__", ".ipynb_checkpoints"}, name) ||
		strings.HasSuffix(name, "~") || strings.HasPrefix(name, ".#") || strings.HasPrefix(name, ".") && filepath.Ext(name) == ".swp"
}
