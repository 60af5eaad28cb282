package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// noDir marks a path argument that is relative to the caller's working directory.
const noDir = -1

// pathArgs says which arguments of a call name a path: a directory's descriptor, and the path below it.
type pathArgs struct{ dir, path int }

// directory returns the descriptor, or AT_FDCWD.
func (a pathArgs) directory(n *notification) int {
	if a.dir == noDir {
		return unix.AT_FDCWD
	}
	return int(int32(n.args[a.dir]))
}

// writeAudit collects the paths outside the private directories that calls would change.
// That a call was made does not say that it succeeded: outside looks at what became of the paths.
type writeAudit struct {
	private []string
	start   time.Time
	seen    map[string]bool // path to whether it was there before the first call that named it
	parents map[string]string
}

// Directories of the kernel's own, in which writing leaves nothing behind, but for shared memory.
var kernelDirs = []string{"/dev", "/proc", "/sys"}

const sharedMemory = "/dev/shm"

// Bounds of the audit's memory.
const (
	maxCandidates = 10 * MaxOutside
	maxParents    = 4096
)

func newWriteAudit(private []string, start time.Time) *writeAudit {
	a := &writeAudit{
		private: slices.Concat(kernelDirs, private),
		// File times come from a clock that ticks 100 to 1000 times a second.
		start: start.Add(-20 * time.Millisecond),
		seen:  map[string]bool{}, parents: map[string]string{},
	}
	for _, dir := range private {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			a.private = append(a.private, real)
		}
	}
	return a
}

// see notes that a thread is about to change the path name, relative to the directory dirfd.
func (a *writeAudit) see(tid, dirfd int, name string) {
	if name == "" {
		return
	}
	path := name
	if !filepath.IsAbs(path) {
		base, err := os.Readlink(directoryLink(tid, dirfd))
		if err != nil {
			return
		}
		path = filepath.Join(base, path)
	}
	path = a.resolve(filepath.Clean(path))
	shared := within(path, sharedMemory)
	if a.inside(path) && !shared || len(a.seen) >= maxCandidates {
		return
	}
	if _, known := a.seen[path]; known {
		return
	}
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	// Libraries make memory that their processes share by the thousand, for this run only. What an earlier run left there is a file.
	if shared && (err != nil || !a.before(&st)) {
		return
	}
	a.seen[path] = err == nil
}

// before reports whether a file was last changed before the command started.
func (a *writeAudit) before(st *unix.Stat_t) bool {
	return time.Unix(st.Ctim.Unix()).Before(a.start)
}

// directoryLink is the link of proc(5) to an open directory of a thread, or to its working directory.
func directoryLink(tid, dirfd int) string {
	if dirfd == unix.AT_FDCWD {
		return fmt.Sprintf("/proc/%d/cwd", tid)
	}
	return fmt.Sprintf("/proc/%d/fd/%d", tid, dirfd)
}

// resolve follows symbolic links as far as the path exists.
func (a *writeAudit) resolve(path string) string {
	if real, err := os.Readlink(path); err == nil {
		if !filepath.IsAbs(real) {
			real = filepath.Join(filepath.Dir(path), real)
		}
		if end, err := filepath.EvalSymlinks(path); err == nil {
			return end
		}
		path = real
	}
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	real, known := a.parents[dir]
	if !known {
		real = dir
		if end, err := filepath.EvalSymlinks(dir); err == nil {
			real = end
			if len(a.parents) >= maxParents {
				clear(a.parents)
			}
			a.parents[dir] = real
		}
	}
	return filepath.Join(real, name)
}

func (a *writeAudit) inside(path string) bool {
	return slices.ContainsFunc(a.private, func(dir string) bool { return within(path, dir) })
}

// within reports whether path is dir or lies below it; both are clean.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// outside lists the paths that were in fact changed: they are there and have changed since the start, or were there and are gone.
// A directory that was there and still is, as mkdir -p names one, has changed by the entries that are listed.
func (a *writeAudit) outside() []string {
	var paths []string
	parents, kept := map[string]bool{}, map[string]bool{}
	for path, was := range a.seen {
		var st unix.Stat_t
		err := unix.Lstat(path, &st)
		if err != nil && !was || err == nil && a.before(&st) {
			continue
		}
		paths = append(paths, path)
		parents[filepath.Dir(path)] = true
		kept[path] = was && err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
	}
	paths = slices.DeleteFunc(paths, func(path string) bool { return kept[path] && parents[path] })
	slices.Sort(paths)
	return paths[:min(len(paths), MaxOutside)]
}
