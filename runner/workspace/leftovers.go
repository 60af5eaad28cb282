package workspace

import (
	"fmt"
	"iter"
	"net/url"
	"os"
	"path/filepath"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/record"
)

// leftovers are the private layers over HOME and the temporary directory. What a run leaves in them is kept until the next
// run in the same slot is over, so that a run can be made that finds it (Spec.Found).
type leftovers struct {
	kept   string // the directory that keeps them
	layers []launch.Mount
	temp   map[string]bool // the targets that are directories for temporary files
	walk   func(upper, lower string) func(func(Change, error) bool)
}

// find gives a layer what the run before it left there, if it left anything.
func (l *leftovers) find(m launch.Mount) error {
	kept := filepath.Join(l.kept, url.PathEscape(m.Target))
	if _, err := os.Lstat(kept); err != nil {
		return nil
	}
	if err := os.Remove(m.Upper); err != nil {
		return fmt.Errorf("giving a run what the one before it left: %w", err)
	}
	if err := os.Rename(kept, m.Upper); err != nil {
		return fmt.Errorf("giving a run what the one before it left: %w", err)
	}
	return nil
}

// keep moves the layers of a run that is over out of the way of the workspace's removal. Where that cannot be done, as on a
// full disk, nothing is kept (see Kept).
func (l *leftovers) keep() error {
	if l == nil {
		return nil
	}
	if err := discard(l.kept, filepath.Dir(l.kept)); err != nil {
		return fmt.Errorf("removing what an earlier run left: %w", err)
	}
	if os.Mkdir(l.kept, 0o700) != nil {
		return nil
	}
	for _, m := range l.layers {
		if os.Rename(m.Upper, filepath.Join(l.kept, url.PathEscape(m.Target))) != nil {
			return launch.RemoveAll(l.kept)
		}
	}
	return nil
}

// Kept reports whether what a run left is kept in a scratch directory for the next one to find.
func Kept(scratch string) bool {
	kept, err := filepath.Glob(filepath.Join(scratch, leftPrefix+"*"))
	return err == nil && len(kept) > 0
}

const leftPrefix = "left-"

// Left lists the files that the run has added or modified in HOME and the temporary directory: what the user's next run
// would find there, outside reprocheck. Nothing is listed by a workspace that is no overlay.
func (w *Workspace) Left() iter.Seq[record.Leftover] {
	return func(yield func(record.Leftover) bool) {
		if w.left == nil {
			return
		}
		for _, m := range w.left.layers {
			more := true
			w.left.walk(m.Upper, m.Target)(func(c Change, err error) bool {
				if err == nil && c.Op != Deleted && c.Special == "" {
					path := filepath.Join(m.Target, filepath.FromSlash(c.Path))
					dir := filepath.Dir(path)
					more = yield(record.Leftover{Path: path, Kept: w.left.temp[m.Target] && dir != m.Target && isDir(dir)})
				}
				return more
			})
			if !more {
				return
			}
		}
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
