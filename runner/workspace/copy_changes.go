package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// copyWalk compares a copied tree with its original. It keeps no list of what was copied: a path that has not
// been touched since mark is as it was, and any other is compared with the original.
type copyWalk struct {
	copied, original string
	hide             []string
	mark             time.Time
	yield            func(Change, error) bool
}

func copyChanges(copied, original string, hide []string, mark time.Time) func(func(Change, error) bool) {
	return func(yield func(Change, error) bool) {
		w := copyWalk{copied, original, hide, mark, yield}
		w.dir("")
	}
}

func (w *copyWalk) emit(c Change, err error) error {
	c.Path = filepath.ToSlash(c.Path)
	if !w.yield(c, err) {
		return errStopped
	}
	return nil
}

// dir tells what is new or changed in a directory of the copy, and then what the original has and the copy has not.
func (w *copyWalk) dir(rel string) error {
	err := eachName(filepath.Join(w.copied, rel), func(name string, err error) error {
		path := filepath.Join(rel, name)
		if err != nil {
			return w.emit(Change{Path: path}, err)
		}
		return w.entry(path)
	})
	if err != nil {
		return err
	}
	// Without a change to the directory itself nothing has left it.
	if info, err := os.Lstat(filepath.Join(w.copied, rel)); err == nil && changeTime(info).Before(w.mark) {
		return nil
	}
	return w.missing(rel)
}

func (w *copyWalk) entry(rel string) error {
	now, then := filepath.Join(w.copied, rel), filepath.Join(w.original, rel)
	info, err := os.Lstat(now)
	if err != nil {
		return w.emit(Change{Path: rel}, err)
	}
	if info.IsDir() {
		unlock(now, info)
		return w.dir(rel)
	}
	if changeTime(info).Before(w.mark) {
		return nil
	}
	unlock(now, info)
	before, err := os.Lstat(then)
	if err != nil || before.IsDir() {
		before = nil
	}
	c, changed, err := compare(rel, now, info, then, before)
	if !changed && err == nil {
		return nil
	}
	return w.emit(c, err)
}

// missing emits the files below a directory of the original that the copy has lost.
func (w *copyWalk) missing(rel string) error {
	if info, err := os.Lstat(filepath.Join(w.original, rel)); err != nil || !info.IsDir() {
		return nil
	}
	return eachName(filepath.Join(w.original, rel), func(name string, err error) error {
		path := filepath.Join(rel, name)
		if errors.Is(err, fs.ErrPermission) {
			return nil // what cannot be read was not copied
		}
		if err != nil {
			return w.emit(Change{Path: path}, err)
		}
		if slices.Contains(w.hide, path) {
			return nil
		}
		before, err := os.Lstat(filepath.Join(w.original, path))
		if err != nil {
			return nil
		}
		now, err := os.Lstat(filepath.Join(w.copied, path))
		switch gone := err != nil || now.IsDir() != before.IsDir(); {
		case !gone:
			return nil
		case before.IsDir():
			return w.missing(path)
		// What was not copied, or came to the original later, has not been removed by the run.
		case !copied(before.Mode()) || changeTime(before).After(w.mark):
			return nil
		}
		return w.emit(Change{Path: path, Op: Deleted}, nil)
	})
}

func copied(mode fs.FileMode) bool { return mode.IsRegular() || mode&fs.ModeSymlink != 0 }
