package workspace

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// upperWalk lists what an upper layer says about a lower one (Documentation/filesystems/overlayfs.rst): a character
// device 0:0 is a removed path, a directory with the opaque attribute has replaced the lower one.
type upperWalk struct {
	upper, lower string
	// below is where the layer lies in the project; hide lists paths of the project.
	below string
	hide  []string
	yield func(Change, error) bool
}

func overlayChanges(upper, lower, below string, hide []string) func(func(Change, error) bool) {
	return func(yield func(Change, error) bool) {
		w := upperWalk{upper, lower, below, hide, yield}
		w.dir("", false)
	}
}

// emit returns errStopped when the walk is over.
func (w *upperWalk) emit(c Change, err error) error {
	c.Path = filepath.ToSlash(filepath.Join(w.below, c.Path))
	if !w.yield(c, err) {
		return errStopped
	}
	return nil
}

// dir walks a directory of the upper layer. When hidden, what the lower layer has here and the upper has not is told already.
func (w *upperWalk) dir(rel string, hidden bool) error {
	if !hidden && isOpaque(filepath.Join(w.upper, rel)) {
		if err := w.replaced(rel); err != nil {
			return err
		}
		hidden = true
	}
	return eachName(filepath.Join(w.upper, rel), func(name string, err error) error {
		path := filepath.Join(rel, name)
		if err != nil {
			return w.emit(Change{Path: path}, err)
		}
		if slices.Contains(w.hide, filepath.Join(w.below, path)) {
			return nil
		}
		return w.entry(path, hidden)
	})
}

// entry tells what became of one path of the upper layer.
func (w *upperWalk) entry(rel string, hidden bool) error {
	up, low := filepath.Join(w.upper, rel), filepath.Join(w.lower, rel)
	info, err := os.Lstat(up)
	if err != nil {
		return w.emit(Change{Path: rel}, err)
	}
	unlock(up, info)
	before, err := os.Lstat(low)
	if err != nil {
		before = nil
	}
	whiteout := isWhiteout(info)
	// A directory that is no longer one takes what was below it with it.
	if before != nil && !hidden && (whiteout || before.IsDir() != info.IsDir()) {
		if err := w.removed(rel, before); err != nil {
			return err
		}
	}
	switch {
	case whiteout:
		return nil
	case info.IsDir():
		return w.dir(rel, hidden || before == nil || !before.IsDir())
	case before != nil && before.IsDir():
		before = nil
	}
	c, changed, err := compare(rel, up, info, low, before)
	if !changed && err == nil {
		return nil
	}
	return w.emit(c, err)
}

// removed emits a lower path, or all files below it.
func (w *upperWalk) removed(rel string, before fs.FileInfo) error {
	if !before.IsDir() {
		return w.emit(Change{Path: rel, Op: Deleted}, nil)
	}
	return eachName(filepath.Join(w.lower, rel), func(name string, err error) error {
		path := filepath.Join(rel, name)
		if err != nil {
			return w.emit(Change{Path: path}, err)
		}
		info, err := os.Lstat(filepath.Join(w.lower, path))
		if err != nil {
			return w.emit(Change{Path: path}, err)
		}
		return w.removed(path, info)
	})
}

// replaced emits what an opaque directory has removed: lower files that the upper directory does not have.
func (w *upperWalk) replaced(rel string) error {
	return eachName(filepath.Join(w.lower, rel), func(name string, err error) error {
		path := filepath.Join(rel, name)
		if err != nil {
			return w.emit(Change{Path: path}, err)
		}
		before, err := os.Lstat(filepath.Join(w.lower, path))
		if err != nil {
			return w.emit(Change{Path: path}, err)
		}
		now, err := os.Lstat(filepath.Join(w.upper, path))
		switch {
		case err != nil || now.IsDir() != before.IsDir():
			return w.removed(path, before)
		case before.IsDir():
			return w.replaced(path)
		}
		return nil
	})
}

func isWhiteout(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&fs.ModeCharDevice != 0 && st.Rdev == 0
}

func isOpaque(dir string) bool {
	for _, name := range []string{"user.overlay.opaque", "trusted.overlay.opaque"} {
		var value [1]byte
		if n, err := unix.Lgetxattr(dir, name, value[:]); err == nil && n == 1 && value[0] == 'y' {
			return true
		}
	}
	return false
}
