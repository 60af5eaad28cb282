package workspace

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// cacheNames are the entries of HOME that programs write to on their own account. A run gets copies of them, and links to
// everything else, which may be data.
var cacheNames = []string{".cache", ".config", ".keras", ".torch", ".nv", ".triton", ".matplotlib", ".ipython", ".jupyter"}

// Bounds of what is copied of one cache; a larger one stays the user's own.
const (
	cacheFiles = 2000
	cacheBytes = 64 << 20
)

// privateHome makes a HOME for the run.
func (w *Workspace) privateHome(ctx context.Context) error {
	home := filepath.Join(w.root, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	w.env["HOME"] = home
	if w.spec.Home == "" || w.spec.Home == "/" {
		return nil
	}
	info, err := os.Stat(w.spec.Home)
	if err != nil || !info.IsDir() {
		return nil // the user's own is not there either
	}
	if dir, err := os.Open(w.spec.Home); err != nil {
		w.limits = append(w.limits, fmt.Sprintf("HOME is an empty directory of the run: %s cannot be read", w.spec.Home))
		return nil // as under sudo, which may leave HOME that of another user
	} else if err := dir.Close(); err != nil {
		return err
	}
	// Packages installed with --user are found where they are.
	w.env["PYTHONUSERBASE"] = filepath.Join(w.spec.Home, ".local")
	h := homeMaker{w, copier{ctx: ctx, file: copyFile}}
	err = eachName(w.spec.Home, func(name string, err error) error {
		if err != nil {
			return err
		}
		if name == ".cache" {
			return h.cache(name)
		}
		if slices.Contains(cacheNames, name) {
			return h.copyOrLink(name)
		}
		return h.link(name)
	})
	if err != nil {
		return fmt.Errorf("making a private HOME: %w", err)
	}
	w.limits = append(w.limits, "HOME is a directory of the run: copies of small caches, links to everything else in "+w.spec.Home)
	return nil
}

type homeMaker struct {
	w *Workspace
	copier
}

// cache treats each entry of a cache directory by itself.
func (h *homeMaker) cache(name string) error {
	from := filepath.Join(h.w.spec.Home, name)
	info, err := os.Stat(from)
	if err != nil || !info.IsDir() {
		return nil
	}
	if err := os.Mkdir(filepath.Join(h.w.env["HOME"], name), 0o700); err != nil {
		return err
	}
	return eachName(from, func(entry string, err error) error {
		if err != nil {
			return nil // an unreadable cache is an empty one
		}
		return h.copyOrLink(filepath.Join(name, entry))
	})
}

func (h *homeMaker) copyOrLink(rel string) error {
	if files, bytes := h.measure(filepath.Join(h.w.spec.Home, rel)); files > cacheFiles || bytes > cacheBytes {
		h.w.limits = append(h.w.limits, fmt.Sprintf("~/%s is too large to copy: runs share it", rel))
		return h.link(rel)
	}
	return h.entry(h.w.spec.Home, h.w.env["HOME"], rel, nil)
}

func (h *homeMaker) link(rel string) error {
	return os.Symlink(filepath.Join(h.w.spec.Home, rel), filepath.Join(h.w.env["HOME"], rel))
}

// measure counts files and bytes until a bound is passed.
func (h *homeMaker) measure(root string) (files int, bytes int64) {
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		files++
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		if files > cacheFiles || bytes > cacheBytes {
			return fs.SkipAll
		}
		return nil
	})
	return files, bytes
}
