package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/reprocheck/reprocheck/runner/launch"
)

// bestFirst lists the kinds to try.
func bestFirst() []Kind { return []Kind{Overlay, Reflink, Copy} }

// overlay plans a private layer for the project, HOME, the temporary directory and what is to be covered, and tries it.
func (w *Workspace) overlay(ctx context.Context) error {
	if w.spec.Project == "/" {
		return errors.New("the project is the root directory")
	}
	layers, limits, err := w.spec.layers()
	if err != nil {
		return err
	}
	w.limits = limits
	w.left = &leftovers{kept: filepath.Join(w.spec.Scratch, leftPrefix+filepath.Base(w.root)),
		temp: map[string]bool{},
		walk: func(upper, lower string) func(func(Change, error) bool) { return overlayChanges(upper, lower, "", nil) }}
	mounts, err := w.makeLayers(layers, "layer")
	if err != nil {
		return err
	}
	var refused []error
	if w.ground, refused, err = launch.Prepare(ctx, mounts, w.spec.Ahead); err != nil {
		return err
	}
	if n := slices.IndexFunc(layers, func(l layer) bool { return l.role == home }); n >= 0 && refused[n] != nil {
		// Often because of a file system that is mounted in it: a user namespace may not hide that.
		w.limits = append(w.limits, fmt.Sprintf("HOME has no private layer as a whole, only its caches have: %v", refused[n]))
		layers = w.spec.caches(layers)
		if err := w.ground.Discard(); err != nil {
			return err
		}
		if mounts, err = w.makeLayers(layers, "cache"); err != nil {
			return err
		}
		if w.ground, refused, err = launch.Prepare(ctx, mounts, nil); err != nil {
			return err
		}
	}
	if err := w.adopt(layers, mounts, refused); err != nil {
		return err
	}
	if w.ground.Mapped {
		if err := foreignOwners(w.spec.Project); err != nil {
			return err
		}
	}
	if w.sharesTemp(layers, refused) {
		if err := w.ownTemp(); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(refused, func(err error) bool { return err != nil }) {
		// What is left of the mounts is made again, and nothing of those that failed.
		if err := w.ground.Discard(); err != nil {
			return err
		}
		w.ground = nil
	}
	w.dir = w.asked
	w.env["PWD"] = w.dir
	return nil
}

// makeLayers makes the directories of the layers, and adds the binds of what stays shared.
func (w *Workspace) makeLayers(layers []layer, name string) ([]launch.Mount, error) {
	var mounts []launch.Mount
	for n, l := range layers {
		m, err := makeLayer(l.path, filepath.Join(w.root, name+"-"+strconv.Itoa(n)+"-"))
		if err != nil {
			return nil, err
		}
		if l.role == theProject {
			if err := w.hide(m.Upper); err != nil {
				return nil, err
			}
		}
		if w.spec.Found && l.leaves() {
			if err := w.left.find(m); err != nil {
				return nil, err
			}
		}
		mounts = append(mounts, m)
	}
	var covered []string
	for _, l := range layers {
		covered = append(covered, l.path)
	}
	blind, err := w.blind()
	if err != nil {
		return nil, err
	}
	mounts = append(mounts, blind)
	for _, path := range slices.Concat(w.spec.Share, socketsBelow(covered)) {
		mounts = append(mounts, launch.Mount{Target: path, Source: path})
	}
	return mounts, nil
}

// blind has the scratch directory seem to hold nothing but what is shared: what earlier runs left in it is not for a run that
// looks through the directory for temporary files.
func (w *Workspace) blind() (launch.Mount, error) {
	m := launch.Mount{Target: w.spec.Scratch, Source: filepath.Join(w.root, "blind")}
	for _, path := range append([]string{w.spec.Scratch}, w.spec.Share...) {
		rel, err := filepath.Rel(w.spec.Scratch, path)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		if err := os.MkdirAll(filepath.Join(m.Source, rel), 0o700); err != nil {
			return m, fmt.Errorf("hiding the scratch directory: %w", err)
		}
	}
	return m, nil
}

// adopt takes over the mounts that work, and says what it means that others do not.
func (w *Workspace) adopt(layers []layer, mounts []launch.Mount, refused []error) error {
	var walks []func(func(Change, error) bool)
	for n, m := range mounts {
		if n >= len(layers) {
			if refused[n] == nil {
				w.mounts = append(w.mounts, m)
			} else if slices.Contains(w.spec.Share, m.Target) {
				return refused[n]
			}
			continue
		}
		l := layers[n]
		switch {
		case refused[n] == nil:
			w.mounts = append(w.mounts, m)
			if l.role == theProject || l.role == mountedIn {
				below, err := filepath.Rel(w.spec.Project, l.path)
				if err != nil {
					return err
				}
				walks = append(walks, overlayChanges(m.Upper, l.path, below, w.spec.Hide))
			} else if walk := w.spec.results(l.path, overlayChanges(m.Upper, l.path, l.path, nil)); walk != nil {
				walks = append(walks, walk)
			}
			if l.leaves() {
				w.left.layers = append(w.left.layers, m)
				w.left.temp[m.Target] = l.role == temporary
			}
		case l.role == theProject:
			return refused[n]
		default:
			w.limits = append(w.limits, fmt.Sprintf("%s %s has no private layer: %v", l.what, m.Target, refused[n]))
			if l.role == mountedIn {
				// The project's layer hides it.
				w.mounts = append(w.mounts, launch.Mount{Target: m.Target, Source: m.Target})
			}
		}
	}
	w.changes = func(yield func(Change, error) bool) {
		stopped := false
		for _, walk := range walks {
			walk(func(c Change, err error) bool {
				stopped = !yield(c, err)
				return !stopped
			})
			if stopped {
				return
			}
		}
	}
	return nil
}

// sharesTemp reports whether the user's directory for temporary files has no layer: often because of a file system that is
// mounted in it, which a user namespace may not hide.
func (w *Workspace) sharesTemp(layers []layer, refused []error) bool {
	temp, err := filepath.EvalSymlinks(w.spec.Temp)
	return err == nil && slices.ContainsFunc(layers, func(l layer) bool {
		return l.role == temporary && l.path == temp && refused[slices.Index(layers, l)] != nil
	})
}

// ownTemp gives the run a TMPDIR of its own, as a copy has, at a path that is the same for all runs that follow one another.
func (w *Workspace) ownTemp() error {
	temp := launch.Mount{Target: filepath.Join(w.root, "tmp"), Source: filepath.Join(w.root, "tmp")}
	rel, err := filepath.Rel(w.spec.Scratch, temp.Target)
	if err != nil {
		return err
	}
	for _, dir := range []string{temp.Source, filepath.Join(w.root, "blind", rel)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making a directory for temporary files: %w", err)
		}
	}
	w.mounts = append(w.mounts, temp)
	w.env["TMPDIR"] = temp.Target
	w.limits = append(w.limits, "TMPDIR is a directory of the run; what is written to "+w.spec.Temp+" by that name is not kept apart")
	return nil
}

// makeLayer makes the upper and work directories of an overlay on target, their paths beginning with prefix. The merged root looks like the upper one, so it
// gets target's mode, owner and times.
func makeLayer(target, prefix string) (launch.Mount, error) {
	m := launch.Mount{Target: target, Upper: prefix + "upper", Work: prefix + "work"}
	for _, dir := range []string{m.Upper, m.Work} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return m, fmt.Errorf("making a private layer: %w", err)
		}
	}
	return m, copyDirAttributes(target, m.Upper)
}

// copyDirAttributes gives the directory to the attributes of the directory from. The owner can be given by root only.
func copyDirAttributes(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := os.Chown(to, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if err := os.Chmod(to, info.Mode().Perm()|info.Mode()&(fs.ModeSticky|fs.ModeSetgid)); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

// hide puts whiteouts for Spec.Hide into the project's upper layer.
func (w *Workspace) hide(upper string) error {
	for _, rel := range w.spec.Hide {
		if _, err := os.Lstat(filepath.Join(w.spec.Project, rel)); err != nil {
			continue // nothing to hide
		}
		at := upper
		parent, _ := filepath.Split(filepath.Clean(rel))
		below := ""
		for _, name := range strings.Split(strings.Trim(parent, "/"), "/") {
			if name == "" {
				continue
			}
			below, at = filepath.Join(below, name), filepath.Join(at, name)
			if err := os.Mkdir(at, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("hiding %s: %w", rel, err)
			}
			if err := copyDirAttributes(filepath.Join(w.spec.Project, below), at); err != nil {
				return fmt.Errorf("hiding %s: %w", rel, err)
			}
		}
		// Any user may make this one device since Linux 5.8.
		if err := unix.Mknod(filepath.Join(upper, rel), unix.S_IFCHR, 0); err != nil {
			return fmt.Errorf("hiding %s: %w", rel, err)
		}
	}
	return nil
}

// foreignLook bounds the search for files of other owners: 20,000 lstat calls take about 50 ms.
const foreignLook = 20_000

// foreignOwners returns an error when the tree holds a file of another owner or group. In a user namespace such a file
// cannot be changed (EOVERFLOW), so a run would fail where the user's own would not.
func foreignOwners(root string) error {
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	seen := 0
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if seen++; err != nil || seen > foreignLook {
			if seen > foreignLook {
				return fs.SkipAll
			}
			return nil // a directory that cannot be read cannot be read by the run either
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && (st.Uid != uid || st.Gid != gid) {
			return fmt.Errorf("%s belongs to %d:%d, not to %d:%d, and could not be changed in a user namespace", path, st.Uid, st.Gid, uid, gid)
		}
		return nil
	})
}
