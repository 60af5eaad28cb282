//go:build !linux

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// tree is a process group. A process that leaves its group is out of reach here.
type tree struct {
	command *exec.Cmd
	refused []string
}

func startTree(c Command, files [3]*os.File) (*tree, error) {
	if len(c.Mounts) > 0 {
		return nil, fmt.Errorf("%w: this system has no private mounts", ErrMount)
	}
	if info, err := os.Stat(c.Dir); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDirectory, err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%w: %s: %w", ErrDirectory, c.Dir, syscall.ENOTDIR)
	}
	path, err := LookPath(c.Argv[0], c.Env, c.Dir)
	if err != nil {
		return nil, err
	}
	t := &tree{
		command: &exec.Cmd{
			Path: path, Args: c.Argv, Env: c.Env, Dir: c.Dir,
			Stdin: files[0], Stdout: files[1], Stderr: files[2],
			SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
		},
		refused: refusals(c),
	}
	if err := t.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return t, nil
}

// refusals names what was asked for and is done on Linux only.
func refusals(c Command) []string {
	var refused []string
	for _, r := range []struct {
		asked bool
		what  string
	}{
		{c.Controls.Entropy, "a repeatable stream of operating-system entropy"},
		{c.Controls.DirOrder != "", "a given order of directory listings"},
		{c.Controls.Clock, "a given clock outside of Python"},
		{c.Controls.NoASLR, "a fixed address-space layout"},
		{c.Controls.CPUs > 0, "a restricted set of processors"},
		{c.Controls.FixedPIDs, "fixed process ids"},
		{c.Controls.Hostname != "", "another host name"},
		{c.Audit, "the watch over entropy reads and writes outside the workspace"},
	} {
		if r.asked {
			refused = append(refused, r.what+": available on Linux only")
		}
	}
	return refused
}

func (t *tree) signal(s syscall.Signal) { syscall.Kill(-t.command.Process.Pid, s) }

func (t *tree) interrupt() { t.signal(syscall.SIGINT) }
func (t *tree) terminate() { t.signal(syscall.SIGTERM) }
func (t *tree) kill()      { t.signal(syscall.SIGKILL) }
func (t *tree) abandon()   { t.signal(syscall.SIGKILL) }

func (t *tree) wait() (Outcome, error) {
	err := t.command.Wait()
	t.signal(syscall.SIGKILL)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Outcome{Refused: t.refused}, fmt.Errorf("waiting for the command: %w", err)
	}
	status, _ := t.command.ProcessState.Sys().(syscall.WaitStatus)
	o := ended(status)
	o.Refused = t.refused
	if usage, ok := t.command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		o.MaxRSS = usage.Maxrss // bytes on macOS, unlike Linux
	}
	return o, nil
}

// Ground is nowhere here: this system has no private mounts.
type Ground struct{ out [2]*os.File }

func (g *Ground) claim(c Command) bool { return false }

func (g *Ground) start(c Command) (*tree, error) { return nil, errors.ErrUnsupported }

// Discard does nothing.
func (g *Ground) Discard() error { return nil }

// Ahead is nothing here.
type Ahead struct{}

// StartAhead starts nothing.
func StartAhead() *Ahead { return nil }

// Discard does nothing.
func (a *Ahead) Discard() error { return nil }

// RunIfStub does nothing here: only Linux needs the stub.
func RunIfStub(args []string) (code int, ran bool) { return 0, false }

// Capabilities says what this system offers to the launcher.
func Capabilities(ctx context.Context) []Capability {
	return []Capability{{
		Name: "process group", Available: true,
		Detail: "the tree is ended by its process group; a process that leaves it is not reached",
		For:    "ending a run",
	}, {
		Name:   "controls of the launcher",
		Detail: "entropy, directory order, address layout, affinity and private mounts are available on Linux only",
		For:    "pinning what the environment cannot reach",
	}}
}
