package workspace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// errStopped ends a walk whose consumer has had enough.
var errStopped = errors.New("stopped")

// compare describes the path rel, which is at now and was at before (nil where it was not), and reports whether it has
// changed. Content decides, not times: a file that was rewritten with what it held is unchanged.
func compare(rel, now string, info fs.FileInfo, then string, before fs.FileInfo) (c Change, changed bool, err error) {
	c = Change{Path: rel, Op: Added, OnDisk: now}
	if before != nil {
		c.Op = Modified
	}
	same := before != nil && info.Mode().Type() == before.Mode().Type()
	switch mode := info.Mode(); {
	case mode.IsRegular():
		c.Size = info.Size()
		if same && info.Size() == before.Size() {
			equal, err := equalContent(now, then, info.Size())
			if err != nil {
				return c, true, fmt.Errorf("comparing %q with what it was: %w", rel, err)
			}
			return c, !equal, nil
		}
	case mode&fs.ModeSymlink != 0:
		if c.Link, err = os.Readlink(now); err != nil {
			return c, true, err
		}
		if same {
			old, err := os.Readlink(then)
			return c, err != nil || old != c.Link, nil
		}
	default:
		c.Special = special(mode)
		return c, !same, nil
	}
	return c, true, nil
}

// unlock lets us read what a run has left in a layer or a copy of its own without the permission to.
func unlock(path string, info fs.FileInfo) {
	need := fs.FileMode(0)
	switch {
	case info.IsDir():
		need = 0o500
	case info.Mode().IsRegular():
		need = 0o400
	}
	if mode := info.Mode(); mode&need != need {
		os.Chmod(path, mode.Perm()|need) // where it fails, reading says so
	}
}

func special(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeNamedPipe != 0:
		return "fifo"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

// equalContent compares two regular files of about the same size.
func equalContent(a, b string, size int64) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	chunk := min(size+1, 256<<10)
	ba, bb := make([]byte, chunk), make([]byte, chunk)
	for {
		na, ea := io.ReadFull(fa, ba)
		nb, eb := io.ReadFull(fb, bb)
		if !bytes.Equal(ba[:na], bb[:nb]) {
			return false, nil
		}
		if isEnd(ea) || isEnd(eb) {
			return isEnd(ea) && isEnd(eb), nil
		}
		if err := errors.Join(ea, eb); err != nil {
			return false, err
		}
	}
}

func isEnd(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

// namesAtOnce bounds how much of a directory is held in memory.
const namesAtOnce = 1024

// eachName calls do for every name in a directory, in the order of the file system, and stops at the first error that do
// returns. An error of the directory itself is given to do with the name empty.
func eachName(dir string, do func(name string, err error) error) error {
	f, err := os.Open(dir)
	if err != nil {
		return do("", fmt.Errorf("reading directory %s: %w", filepath.Clean(dir), err))
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(namesAtOnce)
		for _, n := range names {
			if err := do(n, nil); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return do("", err)
		}
	}
}
