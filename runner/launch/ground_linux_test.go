package launch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprocheck/reprocheck/runner/launch"
)

// plot makes the directories of an overlay on one of them.
func plot(t *testing.T) launch.Mount {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { launch.RemoveAll(dir) }) // the kernel keeps a directory in it that a user may not enter
	m := launch.Mount{Target: filepath.Join(dir, "target"), Upper: filepath.Join(dir, "upper"), Work: filepath.Join(dir, "work")}
	for _, d := range []string{m.Target, m.Upper, m.Work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func prepare(t *testing.T, ahead *launch.Ahead, mounts ...launch.Mount) (*launch.Ground, []error) {
	t.Helper()
	g, refused, err := launch.Prepare(t.Context(), mounts, ahead)
	if err != nil {
		t.Skipf("needs private mounts: %v", err)
	}
	t.Cleanup(func() {
		if err := g.Discard(); err != nil {
			t.Error(err)
		}
	})
	return g, refused
}

// TestGround has commands run where the mounts have been made, and where they have not.
func TestGround(t *testing.T) {
	wrote := func(m launch.Mount) bool {
		_, err := os.Stat(filepath.Join(m.Upper, "written"))
		return err == nil
	}
	touch := func(m launch.Mount) []string { return []string{"touch", filepath.Join(m.Target, "written")} }

	t.Run("made", func(t *testing.T) {
		ahead := launch.StartAhead()
		m, more := plot(t), plot(t)
		g, refused := prepare(t, ahead, m)
		if err := errors.Join(refused...); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(m.Upper); err != nil || len(left) > 0 {
			t.Errorf("the trial left %v (%v)", left, err)
		}
		// A mount that was not known before is made in addition.
		argv := []string{"touch", filepath.Join(m.Target, "written"), filepath.Join(more.Target, "written")}
		run(t, launch.Command{Argv: argv, Mounts: []launch.Mount{m, more}, Ground: g})
		if !wrote(m) || !wrote(more) {
			t.Errorf("written below: %v and %v", wrote(m), wrote(more))
		}
		// The ground is spent: the command has new mounts.
		m = plot(t)
		run(t, launch.Command{Argv: touch(m), Mounts: []launch.Mount{m}, Ground: g})
		if !wrote(m) {
			t.Error("nothing was written on a spent ground")
		}
		if err := ahead.Discard(); err != nil {
			t.Error(err)
		}
	})
	t.Run("for another", func(t *testing.T) {
		m, other := plot(t), plot(t)
		g, _ := prepare(t, nil, other)
		run(t, launch.Command{Argv: touch(m), Mounts: []launch.Mount{m}, Ground: g})
		if !wrote(m) || wrote(other) {
			t.Errorf("written below the command's mount: %v; below another's: %v", wrote(m), wrote(other))
		}
	})
	t.Run("refused", func(t *testing.T) {
		m, bad := plot(t), plot(t)
		if err := os.Remove(bad.Upper); err != nil {
			t.Fatal(err)
		}
		g, refused := prepare(t, nil, m, bad)
		if len(refused) != 2 || refused[0] != nil || !errors.Is(refused[1], launch.ErrMount) {
			t.Errorf("refused: %v", refused)
		}
		// What could be mounted can be mounted again.
		if err := g.Discard(); err != nil {
			t.Fatal(err)
		}
		run(t, launch.Command{Argv: touch(m), Mounts: []launch.Mount{m}})
		if !wrote(m) {
			t.Error("nothing was written after the trial")
		}
	})
	t.Run("a command that cannot be started", func(t *testing.T) {
		m := plot(t)
		g, _ := prepare(t, nil, m)
		if p, err := launch.Start(t.Context(), launch.Command{Argv: []string{"/nosuch"}, Dir: "/", Mounts: []launch.Mount{m}, Ground: g}); err == nil {
			p.Wait()
			t.Error("a command that is not there was started")
		}
	})
}

// TestGroundLeavesNoProcess discards what was started and never used.
func TestGroundLeavesNoProcess(t *testing.T) {
	before := childrenOfThis(t)
	ahead := launch.StartAhead()
	m := plot(t)
	g, _ := prepare(t, nil, m)
	if now := childrenOfThis(t); len(now) <= len(before) {
		t.Errorf("no process was started: %v before, %v now", before, now)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := launch.Prepare(canceled, []launch.Mount{m}, ahead); !errors.Is(err, context.Canceled) {
		t.Errorf("Prepare when there is no time left: %v", err)
	}
	if err := errors.Join(ahead.Discard(), ahead.Discard(), g.Discard(), g.Discard()); err != nil {
		t.Error(err)
	}
	if now := childrenOfThis(t); !slices.Equal(now, before) {
		t.Errorf("processes %v before, %v after", before, now)
	}
	var st unix.Stat_t
	if err := unix.Stat(m.Work, &st); err != nil || st.Nlink != 2 {
		t.Errorf("the work directory is not as it was: %v, %d links", err, st.Nlink)
	}
}

func childrenOfThis(t *testing.T) []string {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, list := range lists {
		pids, _ := os.ReadFile(list) // a thread may have ended
		all = append(all, strings.Fields(string(pids))...)
	}
	slices.Sort(all)
	return all
}
