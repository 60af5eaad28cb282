package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// Ground is where a command is to run: namespaces of its own in which mounts have been made and tried, and a process in them
// that waits for the command. Whoever has one gives it to a Command or discards it.
type Ground struct {
	// Mapped reports that it is in a user namespace, in which files of other owners cannot be changed.
	Mapped bool

	tree    *tree
	in      isolation
	mounts  []Mount
	out     [2]*os.File // what the command will write to its standard output and error
	claimed bool
}

// Ahead is the process of a Ground, started before it is known which mounts are to be made there.
type Ahead struct {
	in      isolation
	started func() (*Ground, error)
	taken   atomic.Bool
}

// StartAhead starts a process for the next Prepare in the background. The caller discards it in the end.
func StartAhead() *Ahead {
	a := &Ahead{in: grounds()[0]}
	a.started = sync.OnceValues(func() (*Ground, error) { return startGround(a.in) })
	go a.started()
	return a
}

// take returns the process when it is in the given isolation and has not been taken.
func (a *Ahead) take(in isolation) (g *Ground, err error, taken bool) {
	if a == nil || a.in != in || a.taken.Swap(true) {
		return nil, nil, false
	}
	g, err = a.started()
	return g, err, true
}

// Discard ends the process, unless it has been taken.
func (a *Ahead) Discard() error {
	if a == nil {
		return nil
	}
	g, _, _ := a.take(a.in)
	return g.Discard()
}

// grounds lists the isolations in which mounts can be made, best first.
func grounds() []isolation {
	c := Command{Mounts: make([]Mount, 1)}
	// A host name of its own costs nothing, and whether the command is to have one is not known yet.
	c.Controls.Hostname = "reprocheck"
	return slices.DeleteFunc(isolations(c, os.Geteuid()), func(in isolation) bool { return !in.mount })
}

// Prepare makes the mounts in the best isolation that can be had, writes to each overlay, and returns what was refused, one
// error for each mount. It takes a few milliseconds, fewer in a process that was started ahead; ahead may be nil.
func Prepare(ctx context.Context, mounts []Mount, ahead *Ahead) (g *Ground, refused []error, err error) {
	for _, in := range grounds() {
		if ctx.Err() != nil {
			return nil, nil, errors.Join(ctx.Err(), g.Discard())
		}
		next, e, started := ahead.take(in)
		if !started {
			next, e = startGround(in)
		}
		var words []string
		if e == nil {
			words, e = next.try(mounts)
		}
		if e != nil {
			err = e
			continue
		}
		g.Discard()
		g, refused = next, make([]error, len(mounts))
		all := len(mounts) > 0
		for n, w := range words {
			if w != "" {
				refused[n] = fmt.Errorf("%w: %s", ErrMount, w)
			}
			all = all && w != ""
		}
		if !all {
			break
		}
	}
	if g == nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMount, err)
	}
	return g, refused, nil
}

// startGround starts a process in namespaces of its own, without a mount yet.
func startGround(in isolation) (_ *Ground, err error) {
	g := &Ground{Mapped: in.user, in: in}
	var files [3]*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
		if err != nil {
			g.Discard()
		}
	}()
	if files[0], err = os.Open(os.DevNull); err != nil {
		return nil, fmt.Errorf("opening standard input: %w", err)
	}
	for i := range g.out {
		if g.out[i], files[1+i], err = os.Pipe(); err != nil {
			return nil, fmt.Errorf("opening the command's output: %w", err)
		}
	}
	g.tree, err = startStub(files, in)
	return g, err
}

// try makes the mounts and says what is wrong with each, or discards the ground.
func (g *Ground) try(mounts []Mount) (words []string, err error) {
	g.mounts = mounts
	s := newSetup(Command{Mounts: mounts}, g.in)
	s.Trial = true
	a, err := g.tree.ask(s)
	switch {
	case err != nil:
	case a.Failure != nil:
		err = a.Failure
	case len(a.Tried) != len(mounts):
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, errors.Join(err, g.Discard())
	}
	return a.Tried, nil
}

// claim reports whether the command can run here, which is so once and when its first mounts are those that were made.
func (g *Ground) claim(c Command) bool {
	if g == nil || g.claimed || c.Stdin != nil || len(c.Mounts) < len(g.mounts) || !slices.Equal(c.Mounts[:len(g.mounts)], g.mounts) {
		return false
	}
	g.claimed = true
	return true
}

// start starts the command of a ground that has been claimed for it.
func (g *Ground) start(c Command) (*tree, error) {
	c.Mounts = c.Mounts[len(g.mounts):]
	return g.tree.start(c, g.in)
}

// Discard ends the process and with it the namespaces, unless a command has taken them over, and leaves the directories as they
// were, so that the mounts can be made again.
func (g *Ground) Discard() error {
	if g == nil || g.claimed {
		return nil
	}
	g.claimed = true
	for _, f := range g.out {
		f.Close() // a nil file says so
	}
	if g.tree == nil {
		return nil
	}
	g.tree.discard()
	var errs []error
	for _, m := range g.mounts {
		if m.Work != "" {
			errs = append(errs, renew(m.Work))
		}
	}
	return errors.Join(errs...)
}

// renew empties the work directory of an overlay: the kernel refuses one in which a volatile overlay has been.
func renew(work string) error {
	if err := RemoveAll(work); err != nil {
		return fmt.Errorf("clearing the trial of a private layer: %w", err)
	}
	return os.Mkdir(work, 0o700)
}
