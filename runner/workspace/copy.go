package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// bigFile is the size above which a file is not copied anew for each run (see bigFiles).
const bigFile = 64 << 20

// copy copies the project and puts a HOME together.
func (w *Workspace) copy(ctx context.Context) error {
	if within(w.spec.Scratch, w.spec.Project) {
		return fmt.Errorf("the scratch directory %s lies inside the project, and would be copied into itself", w.spec.Scratch)
	}
	w.dir = filepath.Join(w.root, "tree")
	c := copier{ctx: ctx}
	switch w.kind {
	case Reflink:
		c.file = reflinkFile
	case Clonefile:
		c.file = cloneFile
	case Copy:
		if err := roomFor(w.spec.Project, w.spec.Scratch, w.spec.Hide); err != nil {
			return err
		}
		w.big = &bigFiles{dir: w.root + "-big"}
		c.file = w.big.copy
	}
	if err := c.tree(w.spec.Project, w.dir, w.spec.Hide); err != nil {
		return fmt.Errorf("copying the project: %w", err)
	}
	if w.big != nil && len(w.big.given) > 0 {
		w.limits = append(w.limits, fmt.Sprintf("%d files of more than %d MiB, or that nobody may write to, are copied once and handed from run to run; one that a run changes is copied again", len(w.big.given), bigFile>>20))
	}
	w.limits = append(w.limits, c.notes...)
	w.limits = append(w.limits, "runs work in a copy of the project at another path: what they write through absolute paths, in /tmp say, is not kept apart")
	if err := w.privateHome(ctx); err != nil {
		return err
	}
	temp := filepath.Join(w.root, "tmp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		return err
	}
	w.env["TMPDIR"], w.env["PWD"] = temp, w.dir
	mark, err := markTime(w.root)
	if err != nil {
		return err
	}
	w.changes = copyChanges(w.dir, w.spec.Project, w.spec.Hide, mark)
	return nil
}

// roomFor returns an error when the files below root, without the paths in hide, would not fit into the file system of scratch.
// A copy that fills the disk would harm more than this run.
func roomFor(root, scratch string, hide []string) error {
	room, err := freeRoom(scratch)
	if err != nil {
		return nil // it will be seen
	}
	free := room.bytes
	var size int64
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if rel, err := filepath.Rel(root, path); err == nil && d.IsDir() && slices.Contains(hide, rel) {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			size += allocated(info)
		}
		if size > free {
			return fs.SkipAll
		}
		return nil
	})
	if size > free {
		return fmt.Errorf("the project does not fit into the %d MiB that are free in %s: keep large inputs outside of it, or set TMPDIR to a larger disk", free>>20, scratch)
	}
	return nil
}

// markTime returns the file system's present time, as it stamps a change with it.
func markTime(dir string) (time.Time, error) {
	path := filepath.Join(dir, "mark")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return time.Time{}, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return time.Time{}, err
	}
	return changeTime(info), nil
}

// copier copies trees and remembers what could not be copied.
type copier struct {
	ctx   context.Context
	file  func(from, to string, info fs.FileInfo) error
	notes []string
}

// maxNotes bounds the notes: a tree of a million sockets is told once.
const maxNotes = 20

func (c *copier) note(format string, args ...any) {
	if len(c.notes) < maxNotes {
		c.notes = append(c.notes, fmt.Sprintf(format, args...))
	}
}

// tree copies the directory from to to, which must not exist, leaving out the paths in hide.
func (c *copier) tree(from, to string, hide []string) error {
	return c.dir(from, to, "", hide)
}

func (c *copier) dir(from, to, rel string, hide []string) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	source := filepath.Join(from, rel)
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	target := filepath.Join(to, rel)
	if err := os.Mkdir(target, 0o700); err != nil {
		return err
	}
	err = eachName(source, func(name string, err error) error {
		path := filepath.Join(rel, name)
		if errors.Is(err, fs.ErrPermission) {
			c.note("%q could not be read and is not in the copy", path)
			return nil
		}
		if err != nil {
			return err
		}
		if slices.Contains(hide, path) {
			return nil
		}
		return c.entry(from, to, path, hide)
	})
	if err != nil {
		return err
	}
	return restore(target, info)
}

func (c *copier) entry(from, to, rel string, hide []string) error {
	source, target := filepath.Join(from, rel), filepath.Join(to, rel)
	info, err := os.Lstat(source)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed since it was listed
	}
	if err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return c.dir(from, to, rel, hide)
	case mode.IsRegular():
		err := c.file(source, target, info)
		if errors.Is(err, fs.ErrPermission) {
			c.note("%q could not be read and is not in the copy", rel)
			return nil
		}
		if err != nil {
			return err
		}
		return restore(target, info)
	case mode&fs.ModeSymlink != 0:
		link, err := os.Readlink(source)
		if err != nil {
			return err
		}
		return os.Symlink(link, target)
	default:
		c.note("%q is a %s and is not in the copy", rel, special(mode))
		return nil
	}
}

// restore gives a copy the mode and the modification time of its original.
func restore(path string, info fs.FileInfo) error {
	if err := restoreOwner(path, info); err != nil {
		return err
	}
	if err := os.Chmod(path, info.Mode().Perm()|info.Mode()&(fs.ModeSetgid|fs.ModeSticky|fs.ModeSetuid)); err != nil {
		return err
	}
	return os.Chtimes(path, info.ModTime(), info.ModTime())
}

// copyFile copies the bytes of a regular file; where it can, the kernel copies without showing them to us.
func copyFile(from, to string, info fs.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if sparse(info) {
		err = copyData(out, in, info.Size())
	} else {
		_, err = out.ReadFrom(in)
	}
	if err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
