package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// mountAll makes the mounts in order.
func mountAll(mounts []Mount, userNamespace bool) error {
	for _, err := range mountEach(mounts, userNamespace) {
		if err != nil {
			return err
		}
	}
	return nil
}

// mountEach makes the mounts in order, overlays that are apart at the same time, and returns one error for each. Every
// directory is opened before the first mount, because a mount hides what lies below it: later ones reach theirs through the
// descriptors.
func mountEach(mounts []Mount, userNamespace bool) []error {
	errs := make([]error, len(mounts))
	below := make([]directories, len(mounts))
	for i, m := range mounts {
		below[i], errs[i] = openDirectories(m)
		defer below[i].close()
	}
	done := make([]sync.WaitGroup, len(mounts))
	for i, m := range mounts {
		done[i].Go(func() {
			for earlier := range i {
				if !below[i].apart(below[earlier]) {
					done[earlier].Wait()
				}
			}
			switch {
			case errors.Is(errs[i], errVanished):
				errs[i] = nil
			case errs[i] == nil:
				errs[i] = below[i].mount(m.Target, userNamespace)
			}
		})
	}
	for i := range done {
		done[i].Wait()
	}
	return errs
}

// errVanished says that what a mount was to cover is no longer there: another program's socket or mount below /tmp, since
// they were looked for. There is nothing left to cover.
var errVanished = errors.New("target has vanished")

// directories are the open directories of one mount: the source of a bind, or the layers of an overlay.
type directories struct {
	source             *os.File
	lower, upper, work *os.File
	path               string // of lower, free of symbolic links
}

// apart reports whether both are of overlays neither of which covers the other: a mount of one takes no notice of the other's.
func (d directories) apart(other directories) bool {
	return d.overlay() && other.overlay() && !within(d.path, other.path) && !within(other.path, d.path)
}

func (d directories) overlay() bool { return d.source == nil && d.path != "" }

func openDirectories(m Mount) (d directories, err error) {
	if _, err := os.Lstat(m.Target); errors.Is(err, fs.ErrNotExist) {
		return d, errVanished
	}
	for _, o := range []struct {
		to   **os.File
		path string
	}{{&d.source, m.Source}, {&d.upper, m.Upper}, {&d.work, m.Work}, {&d.lower, m.Target}} {
		if o.path == "" {
			continue
		}
		// Only a path: a bind of a directory that may not be read is allowed.
		if *o.to, err = os.OpenFile(o.path, unix.O_PATH, 0); err != nil {
			return d, err
		}
	}
	d.path, err = os.Readlink(descriptorPath(d.lower))
	return d, err
}

func (d directories) close() {
	for _, f := range []*os.File{d.source, d.lower, d.upper, d.work} {
		if f != nil {
			f.Close()
		}
	}
}

func (d directories) mount(target string, userNamespace bool) error {
	if d.source != nil {
		if err := unix.Mount(descriptorPath(d.source), target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("binding %s over %s: %w", d.source.Name(), target, err)
		}
		return nil
	}
	if d.upper == nil || d.work == nil {
		return fmt.Errorf("a mount on %s without a source and without an upper layer", target)
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", descriptorPath(d.lower), descriptorPath(d.upper), descriptorPath(d.work))
	if userNamespace {
		// The marks of removed directories must lie in user.*, because trusted.* is for the machine's root (Linux 5.11).
		options += ",userxattr"
	}
	// Volatile (Linux 5.10) spares the flush of the upper layer's whole file system when the run ends: nothing of it is to
	// outlive a crash of the machine.
	err := unix.Mount("overlay", target, "overlay", 0, options+",volatile")
	if err == unix.EINVAL {
		err = unix.Mount("overlay", target, "overlay", 0, options)
	}
	if err != nil {
		return fmt.Errorf("mounting an overlay on %s: %w", target, err)
	}
	return nil
}

func descriptorPath(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// tryMounts makes the mounts, writes, renames and removes a file in each overlay, and says what is wrong with each mount.
func tryMounts(mounts []Mount, userNamespace bool) []string {
	words := make([]string, len(mounts))
	var all sync.WaitGroup
	for i, err := range mountEach(mounts, userNamespace) {
		all.Go(func() {
			if err == nil && mounts[i].Source == "" {
				err = tryWrite(mounts[i].Target)
			}
			if err != nil {
				words[i] = err.Error()
			}
		})
	}
	all.Wait()
	return words
}

// tryWrite leaves the directory as it was.
func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, ".reprocheck-trial-")
	if err != nil {
		return fmt.Errorf("writing to %s: %w", dir, errors.Unwrap(err)) // without the trial's random name
	}
	_, err = f.WriteString("trial")
	f.Close()
	moved := f.Name() + "-moved"
	if err == nil {
		err = os.Rename(f.Name(), moved)
	}
	if err == nil {
		err = os.Remove(moved)
	}
	return err
}
