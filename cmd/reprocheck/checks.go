package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/reprocheck/reprocheck/runner"
	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/local"
)

// checkCommand refuses a command that cannot start, before anything is prepared for it.
func checkCommand(name string, env []string, dir string) error {
	if name == "" {
		return usagef("the command to run is an empty word")
	}
	_, err := launch.LookPath(name, env, dir)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return hinted(err, exitUsage, "the command runs exactly as typed, without a shell; for shell syntax write: reprocheck run -- sh -c '...'")
	case errors.Is(err, syscall.EISDIR):
		return hinted(err, exitUsage, "name the program to run: reprocheck run -- python train.py")
	case errors.Is(err, fs.ErrPermission):
		return hinted(err, exitUsage, "allow it with chmod +x, or name its interpreter: reprocheck run -- python train.py")
	case err != nil:
		return usagef("looking for the command: %w", err)
	}
	return nil
}

// checkContinue refuses what --continue would have to ignore: an audit's runs are comparable under its own settings only.
func checkContinue(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("--continue goes on with the command of the latest audit; leave out %q", c.Args().First())
	}
	free := []string{"continue", "store", "config", "json", "verbose", "v"}
	for _, name := range c.LocalFlagNames() {
		if !slices.Contains(free, name) {
			return fmt.Errorf("--continue goes on with the settings of the latest audit; leave out %s%s", strings.Repeat("-", min(len(name), 2)), name)
		}
	}
	return nil
}

// checkTemp refuses a directory for temporary files in which no run could have its workspace.
func checkTemp(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
	case !info.IsDir():
		err = &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	default:
		if err = unix.Access(dir, unix.W_OK|unix.X_OK); err == nil {
			return nil
		}
		err = &fs.PathError{Op: "write to", Path: dir, Err: err}
	}
	return hinted(fmt.Errorf("the directory for temporary files cannot be used: %w", err), exitUsage, "set TMPDIR to a directory that can be written to, or leave it unset for /tmp")
}

// own marks an audit as this process's until release is called, so that no second process goes on with it meanwhile.
func own(audit string) (release func(), err error) {
	mark := filepath.Join(audit, "owner")
	if owner, err := os.ReadFile(mark); err == nil && launch.Alive(string(owner)) {
		return nil, usagef("audit %s is being run by another reprocheck; where there is none, remove %s", filepath.Base(audit), mark)
	}
	if err := runner.WriteFile(mark, []byte(launch.Owner())); err != nil {
		return nil, fmt.Errorf("marking the audit as running: %w", err)
	}
	return func() { os.Remove(mark) }, nil
}

// checkOutside refuses what no private layer can lie over, where the command would write without one.
func checkOutside(flag string, dirs []string) error {
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		switch {
		case !filepath.IsAbs(dir):
			return fmt.Errorf("--%s %s: give the absolute path of a directory", flag, dir)
		case err != nil:
			return fmt.Errorf("--%s: %w", flag, err)
		case !info.IsDir():
			return fmt.Errorf("--%s %s: not a directory", flag, dir)
		case noLayer(dir):
			return fmt.Errorf("--%s %s: no private layer can lie over it; give the directory that the command writes to", flag, dir)
		}
	}
	return nil
}

// noLayer reports whether a directory is the root directory, or the kernel's account of processes.
func noLayer(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	return err == nil && (real == "/" || real == "/proc" || strings.HasPrefix(real, "/proc/"))
}

// stopped says what an audit leaves that was ended by a signal or by a failure of ours; finished counts its finished runs.
func stopped(err error, finished int) error {
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return hinted(err, exitUsage, "it is no program for this machine; a script without a first line such as #!/bin/sh needs its interpreter: reprocheck run -- sh ./train.sh")
	case errors.Is(err, local.ErrUncompared):
		return hinted(err, exitUsage, "`reprocheck doctor` says why; what is written in the working directory is compared everywhere")
	case finished == 1:
		return hinted(err, codeOf(err), "1 finished run is kept; `reprocheck run --continue` goes on from it")
	case finished > 1:
		return hinted(err, codeOf(err), fmt.Sprintf("%d finished runs are kept; `reprocheck run --continue` goes on from them", finished))
	case errors.Is(err, context.Canceled):
		return hinted(err, exitInterrupted, "no run had finished, so nothing is kept")
	}
	return err
}
