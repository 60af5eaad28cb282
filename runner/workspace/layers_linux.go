package workspace

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// layer is one directory that is to get an upper layer.
type layer struct {
	path string
	what string // what the directory is to the user, for messages
	role role
}

// leaves reports whether what a run writes to the layer would be there for the user's next run. What is covered because the
// user or an experiment asked for it starts afresh on purpose.
func (l layer) leaves() bool { return l.role == home || l.role == temporary }

type role int

const (
	optional  role = iota // without it more is shared with the user's own
	home                  // its caches can be covered one by one instead
	temporary             // the directory for temporary files
	mountedIn             // a file system mounted below the project
	theProject
)

// layers lists the directories to cover, outermost first. One that lies inside the project belongs to the project.
func (s Spec) layers() (all []layer, limits []string, err error) {
	wanted := []layer{
		{s.Project, "project", theProject},
		{s.Home, "HOME", home},
		{s.Temp, "temporary directory", temporary},
		{"/tmp", "temporary directory", temporary},
	}
	for _, dir := range s.Cover {
		wanted = append(wanted, layer{dir, "directory to cover", optional})
	}
	for _, l := range wanted {
		if l.path == "" {
			continue
		}
		path, err := filepath.EvalSymlinks(l.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // nothing to protect
		case err != nil:
			limits = append(limits, fmt.Sprintf("%s %s has no private layer: %v", l.what, l.path, err))
			continue
		case path == "/":
			limits = append(limits, l.what+" is the root directory and has no private layer")
			continue
		}
		inside := l.role != theProject && within(path, s.Project)
		twice := slices.ContainsFunc(all, func(other layer) bool { return other.path == path })
		if !inside && !twice {
			all = append(all, layer{path, l.what, l.role})
		}
	}
	// A mount hides what is mounted below it, so that has to be covered again.
	points, err := mountPoints()
	if err != nil {
		return nil, nil, fmt.Errorf("looking for mounted file systems: %w", err)
	}
	for _, point := range points {
		covered := slices.ContainsFunc(all, func(l layer) bool { return within(point, l.path) })
		twice := slices.ContainsFunc(all, func(l layer) bool { return l.path == point })
		// Looked at only now: a network file system that does not answer is none of our business elsewhere.
		if !covered || twice || !isDir(point) {
			continue
		}
		r := optional
		if within(point, s.Project) {
			r = mountedIn
		}
		all = append(all, layer{point, "file system mounted on", r})
	}
	slices.SortStableFunc(all, func(a, b layer) int { return cmp.Compare(depth(a.path), depth(b.path)) })
	return all, limits, nil
}

// caches replaces HOME by the caches in it.
func (s Spec) caches(layers []layer) []layer {
	var out []layer
	for _, l := range layers {
		if l.role != home {
			out = append(out, l)
			continue
		}
		for _, name := range cacheNames {
			path, err := filepath.EvalSymlinks(filepath.Join(l.path, name))
			if err == nil && !within(path, s.Project) {
				out = append(out, layer{path, "cache", home})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b layer) int { return cmp.Compare(depth(a.path), depth(b.path)) })
	return out
}

func depth(path string) int { return strings.Count(path, "/") }

// results keeps of the changes in a layer over path those below Spec.Results, and is nil where none can be.
func (s Spec) results(path string, walk func(func(Change, error) bool)) func(func(Change, error) bool) {
	var wanted []string
	for _, dir := range s.Results {
		if real, err := filepath.EvalSymlinks(dir); err == nil && (within(real, path) || within(path, real)) {
			wanted = append(wanted, real)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return func(yield func(Change, error) bool) {
		walk(func(c Change, err error) bool {
			if !slices.ContainsFunc(wanted, func(dir string) bool { return within(filepath.FromSlash(c.Path), dir) }) {
				return true
			}
			return yield(c, err)
		})
	}
}
