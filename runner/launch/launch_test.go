package launch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/runner/launch"
)

func TestMain(m *testing.M) {
	if code, ran := launch.RunIfStub(os.Args); ran {
		os.Exit(code)
	}
	if as := helper(os.Args[0]); as != nil {
		if err := as(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// run launches a command to its end and returns its outcome with both outputs.
func run(t *testing.T, c launch.Command) (o launch.Outcome, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	if c.Env == nil {
		c.Env = os.Environ()
	}
	if c.Stdout == nil {
		c.Stdout = &out
	}
	c.Stderr = &errs
	p, err := launch.Start(t.Context(), c)
	if err != nil {
		t.Fatalf("starting %q: %v", c.Argv, err)
	}
	o, err = p.Wait()
	if err != nil {
		t.Fatalf("waiting for %q: %v", c.Argv, err)
	}
	return o, out.String(), errs.String()
}

func TestExit(t *testing.T) {
	for _, c := range []struct {
		script string
		code   int
		signal string
		stdout string
	}{
		{"echo hello; exit 0", 0, "", "hello\n"},
		{"exit 7", 7, "", ""},
		{"kill -SEGV $$", 139, "SIGSEGV", ""},
		{"exec >&-; exit 3", 3, "", ""},
	} {
		o, out, _ := run(t, launch.Command{Argv: []string{"sh", "-c", c.script}})
		if o.Code != c.code || o.Signal != c.signal || out != c.stdout {
			t.Errorf("%s: code %d, signal %q, output %q; want %d, %q, %q", c.script, o.Code, o.Signal, out, c.code, c.signal, c.stdout)
		}
	}
}

func TestBadCommand(t *testing.T) {
	dir := t.TempDir()
	plain := dir + "/plain"
	if err := os.WriteFile(plain, []byte("no program\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		argv []string
		dir  string
		want error
	}{
		{"not found", []string{"no-such-program-anywhere"}, dir, exec.ErrNotFound},
		{"path not found", []string{"./no-such-program"}, dir, exec.ErrNotFound},
		{"not executable", []string{"./plain"}, dir, fs.ErrPermission},
		{"a directory", []string{"/tmp"}, dir, syscall.EISDIR},
		{"no directory", []string{"true"}, dir + "/none", launch.ErrDirectory},
		{"no directory, its reason", []string{"true"}, dir + "/none", fs.ErrNotExist},
		{"directory is a file", []string{"true"}, plain, launch.ErrDirectory},
	} {
		_, err := launch.Start(t.Context(), launch.Command{Argv: c.argv, Dir: c.dir, Env: os.Environ()})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestTimeout(t *testing.T) {
	o, _, _ := run(t, launch.Command{
		Argv:    []string{"sh", "-c", "trap '' INT TERM; sleep 60 & sleep 60; sleep 60"},
		Timeout: 200 * time.Millisecond, Grace: 200 * time.Millisecond,
	})
	if !o.TimedOut || o.Signal != "SIGKILL" {
		t.Errorf("outcome %+v, want a timeout ended by SIGKILL", o)
	}
}

func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := launch.Start(ctx, launch.Command{Argv: []string{"sleep", "60"}, Dir: "/", Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	o, err := p.Wait()
	if err != nil || o.Signal != "SIGINT" || o.TimedOut {
		t.Errorf("outcome %+v, %v; want SIGINT", o, err)
	}
}

func TestGrandchildHoldsPipe(t *testing.T) {
	o, out, _ := run(t, launch.Command{Argv: []string{"sh", "-c", "setsid sleep 600 & echo done"}})
	if o.Code != 0 || out != "done\n" {
		t.Errorf("code %d, output %q", o.Code, out)
	}
}

func TestPIDs(t *testing.T) {
	pid := func(fixed bool) string {
		var c launch.Command
		c.Argv = []string{"sh", "-c", "echo $$"}
		c.Controls.FixedPIDs = fixed
		o, out, _ := run(t, c)
		if len(o.Refused) > 0 {
			t.Skip(o.Refused)
		}
		return strings.TrimSpace(out)
	}
	free, fixed := map[string]bool{}, map[string]bool{}
	for range 5 {
		free[pid(false)] = true
		fixed[pid(true)] = true
	}
	if len(free) != 5 || len(fixed) != 1 {
		t.Errorf("free pids %v, fixed %v", free, fixed)
	}
}
