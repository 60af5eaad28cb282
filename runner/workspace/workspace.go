package workspace

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/reprocheck/reprocheck/runner/launch"
)

// Kind is how a workspace keeps a run's changes apart; the names are those of record.Isolation.
type Kind string

const (
	// Overlay mounts private layers on the original paths.
	Overlay Kind = "overlay"
	// Reflink copies the tree, sharing the blocks of the originals until they are written.
	Reflink Kind = "reflink"
	// Clonefile is the same on macOS.
	Clonefile Kind = "clonefile"
	// Copy copies the tree byte by byte.
	Copy Kind = "copy"
	// None runs in the user's own tree. It is never chosen, only asked for.
	None Kind = "none"
)

// ErrRefused says that a kind of workspace cannot be had here.
var ErrRefused = errors.New("workspace refused")

// Spec describes what a run may see and what it may keep.
type Spec struct {
	// Project is the absolute path of the user's tree.
	Project string
	// Home is the user's home directory; empty when there is none.
	Home string
	// Temp is the user's directory for temporary files; empty is /tmp.
	Temp string
	// Scratch is an existing directory outside Project that holds the private layers.
	Scratch string
	// Kind is the kind to prepare; empty is the best by trial.
	Kind Kind
	// Cover lists more directories that get a private layer, discarded after the run.
	Cover []string
	// Results lists directories outside Project, with or without a layer of their own: what the run writes there is told as
	// its changes too, by absolute paths. Only an overlay can tell.
	Results []string
	// Share lists directories through which the run and reprocheck talk: they stay the original ones.
	Share []string
	// Ahead, when set, is a process started ahead for the mounts of the first workspace that has any.
	Ahead *launch.Ahead
	// Found has the run find in HOME and the temporary directory what the run before it left there. Only an overlay can.
	Found bool
	// Hide lists paths relative to Project that no run may see, such as reprocheck's own records.
	Hide []string
}

// Op is what a run did to a path.
type Op string

const (
	Added    Op = "added"
	Modified Op = "modified"
	Deleted  Op = "deleted"
)

// Change is one file or symbolic link that the run added, changed or removed. Directories are no changes of their own.
type Change struct {
	// Path is slash-separated, and relative to the workspace, or absolute below one of Spec.Results.
	Path string
	Op   Op
	// OnDisk is where the content is now, until the workspace is closed; empty for a deleted path.
	OnDisk string
	// Size is that of a regular file in bytes.
	Size int64
	// Link is the target of a symbolic link.
	Link string
	// Special names what is neither a regular file nor a link ("socket", "fifo", "device"); it has no content to read.
	Special string
}

// Workspace is prepared for one run.
type Workspace struct {
	kind   Kind
	spec   Spec
	asked  string // Spec.Project as it was given
	root   string // the slot below Spec.Scratch that holds everything
	dir    string
	mounts []launch.Mount
	ground *launch.Ground // with all of the mounts made, or nil
	limits []string
	env    map[string]string // what Env sets
	big    *bigFiles         // of a copy
	left   *leftovers        // of an overlay
	// changes lists what the run wrote; the kinds differ in how they know.
	changes func(yield func(Change, error) bool)
}

// Choose finds the best kind for spec by a trial of a few milliseconds, and says in words what it cannot
// isolate and why better kinds were refused.
func Choose(ctx context.Context, spec Spec) (Kind, []string, error) {
	w, err := Prepare(ctx, spec)
	if err != nil {
		return "", nil, err
	}
	return w.kind, w.limits, w.Close()
}

// Prepare makes a workspace. The caller closes it when the run's files have been read.
func Prepare(ctx context.Context, spec Spec) (*Workspace, error) {
	asked := spec.Project
	spec, err := spec.clean()
	if err != nil {
		return nil, err
	}
	kinds := []Kind{spec.Kind}
	if spec.Kind == "" {
		kinds = bestFirst()
	}
	var limits []string
	var refusals error
	for _, kind := range kinds {
		w, err := prepare(ctx, spec, asked, kind)
		if err == nil {
			w.limits = append(limits, w.limits...)
			return w, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		limits = append(limits, fmt.Sprintf("%s: %v", kind, err))
		refusals = errors.Join(refusals, fmt.Errorf("%w: %s: %w", ErrRefused, kind, err))
	}
	return nil, refusals
}

func prepare(ctx context.Context, spec Spec, asked string, kind Kind) (_ *Workspace, err error) {
	w := &Workspace{kind: kind, spec: spec, asked: asked, env: map[string]string{}}
	if w.root, err = takeSlot(spec.Scratch); err != nil {
		return nil, err
	}
	switch kind {
	case Overlay:
		err = w.overlay(ctx)
	case Reflink, Clonefile, Copy:
		if !slices.Contains(bestFirst(), kind) {
			err = errors.New("not a kind of this system")
			break
		}
		err = w.copy(ctx)
	case None:
		err = w.none()
	default:
		err = fmt.Errorf("unknown kind of workspace %q", kind)
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// clean checks the spec and makes its paths free of symbolic links, so that one directory has one name.
func (s Spec) clean() (Spec, error) {
	if !filepath.IsAbs(s.Project) || !filepath.IsAbs(s.Scratch) {
		return s, fmt.Errorf("project %q and scratch directory %q must be absolute", s.Project, s.Scratch)
	}
	real, err := filepath.EvalSymlinks(s.Project)
	if err != nil {
		return s, fmt.Errorf("project: %w", err)
	}
	if info, err := os.Stat(real); err != nil {
		return s, fmt.Errorf("project: %w", err)
	} else if !info.IsDir() {
		return s, fmt.Errorf("project %s: %w", real, syscall.ENOTDIR)
	}
	s.Project = real
	if s.Scratch, err = filepath.EvalSymlinks(s.Scratch); err != nil {
		return s, fmt.Errorf("scratch directory: %w", err)
	}
	if s.Temp == "" {
		s.Temp = "/tmp"
	}
	return s, nil
}

// within reports whether path is dir or lies below it; both are clean.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// takeSlot makes the first free directory below scratch. Runs that follow one another get the same one, so that paths,
// which enter hashes, are equal between them; runs side by side get one each.
func takeSlot(scratch string) (string, error) {
	for n := 0; ; n++ {
		slot := filepath.Join(scratch, "run-"+strconv.Itoa(n))
		err := os.Mkdir(slot, 0o700)
		if err == nil {
			return slot, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return "", fmt.Errorf("making a workspace: %w", err)
		}
	}
}

// Kind returns the kind of the workspace.
func (w *Workspace) Kind() Kind { return w.kind }

// Limits says in words what the workspace does not isolate, and why better kinds were refused.
func (w *Workspace) Limits() []string { return w.limits }

// Dir is what the run sees the project as: with an overlay the path that was given, with a copy one path for all runs
// that follow one another.
func (w *Workspace) Dir() string { return w.dir }

// Mounts are for launch.Command.
func (w *Workspace) Mounts() []launch.Mount { return w.mounts }

// Ground is for launch.Command: the mounts as they have been made, where all of them could be.
func (w *Workspace) Ground() *launch.Ground { return w.ground }

// Private lists the directories that are the run's own, or are shared with it on purpose; writing elsewhere is a leak.
func (w *Workspace) Private() []string {
	private := append([]string{w.dir, w.root}, w.spec.Share...)
	for _, m := range w.mounts {
		private = append(private, m.Target)
	}
	return private
}

// Changes lists what the run added, modified and deleted, in no particular order and in constant memory. A file that
// was written with the content it had before is not listed. An error belongs to the path in Change; the walk goes on.
func (w *Workspace) Changes() iter.Seq2[Change, error] { return w.changes }

// Untold lists those of Spec.Results in which Changes cannot see what the run writes: no layer lies over them.
func (w *Workspace) Untold() []string {
	var untold []string
	for _, dir := range w.spec.Results {
		real, err := filepath.EvalSymlinks(dir)
		covered := err == nil && (within(real, w.spec.Project) || slices.ContainsFunc(w.mounts, func(m launch.Mount) bool {
			return m.Upper != "" && within(real, m.Target)
		}))
		if !covered {
			untold = append(untold, dir)
		}
	}
	return untold
}

// Close removes everything that the run has written, or sets it aside. What is kept for later runs or set aside lies in
// Spec.Scratch, whose owner removes it.
func (w *Workspace) Close() error {
	if err := w.ground.Discard(); err != nil {
		return err
	}
	if w.big != nil {
		w.big.recover()
	}
	if err := w.left.keep(); err != nil {
		return err
	}
	if err := discard(w.root, w.spec.Scratch); err != nil {
		return fmt.Errorf("removing the workspace: %w", err)
	}
	return nil
}
