package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/reprocheck/reprocheck/fixtures"
	"github.com/reprocheck/reprocheck/runner/launch"
)

func TestMain(m *testing.M) {
	if code, ran := launch.RunIfStub(os.Args); ran {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){"reprocheck": main, "interrupt": interrupt, "killed": killed, "peak": peak})
}

// TestScripts runs testdata/script: what a user types, and what comes of it. Each script begins in its folder project,
// and fails when that is not as before at its end, when a process still runs, or when anything is left in the temporary
// directory or in HOME.
func TestScripts(t *testing.T) {
	python := interpreter(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup:               func(env *testscript.Env) error { return setup(env, python) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":   exitStatus,
			"tmpfs":    tmpfs,
			"snapshot": func(ts *testscript.TestScript, _ bool, _ []string) { taken(ts.Value(treeKey{})).take(ts) },
		},
	})
}

// TestScriptsWithPackages runs testdata/tensorflow and testdata/notebook with $PYTHON, which has what they need.
func TestScriptsWithPackages(t *testing.T) {
	python := fixtures.Python(t)
	for folder, module := range map[string]string{"tensorflow": "tensorflow", "notebook": "ipykernel"} {
		t.Run(folder, func(t *testing.T) {
			if !fixtures.HasModule(t, python, module) {
				t.Skipf("%s has no %s", python, module)
			}
			testscript.Run(t, testscript.Params{
				Dir:                 "testdata/" + folder,
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				Setup: func(env *testscript.Env) error {
					env.Setenv("PYTHON", python)
					return setup(env, interpreter(t))
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"status":   exitStatus,
					"snapshot": func(ts *testscript.TestScript, _ bool, _ []string) { taken(ts.Value(treeKey{})).take(ts) },
				},
			})
		})
	}
}

// TestScriptsAsUser runs those scripts again as a normal user for whom it makes a difference.
func TestScriptsAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("TestScripts did so already")
	}
	dir, err := os.MkdirTemp("", "user")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	// The test's own binary lies where only root can read it.
	original, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(dir, "reprocheck.test")
	err = errors.Join(os.Chmod(dir, 0o777), os.WriteFile(self, binary, 0o755), os.CopyFS(filepath.Join(dir, "testdata"), os.DirFS("testdata")))
	if err != nil {
		t.Fatal(err)
	}
	scripts := []string{"failing", "interrupt", "killed", "odd_files", "permissions", "processes", "workspace"}
	cmd := exec.Command(self, "-test.count=1", "-test.v", "-test.run=^TestScripts$/^("+strings.Join(scripts, "|")+")$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, script := range scripts {
		if !bytes.Contains(out, []byte("--- PASS: TestScripts/"+script+" ")) {
			t.Errorf("%s did not pass", script)
		}
	}
}

// interpreter is a Python 3 that this user may execute; the scripts need no more than its standard library.
func interpreter(t *testing.T) string {
	t.Helper()
	for dir := range strings.SplitSeq(os.Getenv("PATH"), ":") {
		out, err := exec.Command(filepath.Join(dir, "python3"), "-c", "import sys; print(sys.executable)").Output()
		if err == nil {
			// A version manager's python3 is a script that needs the real HOME; what it starts is the interpreter.
			return strings.TrimSpace(string(out))
		}
	}
	t.Skip("no python3")
	return ""
}

func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// setup gives a script its project, HOME, temporary directory and interpreter, and arranges that what it leaves is checked.
func setup(env *testscript.Env, python string) error {
	project, home, bin := filepath.Join(env.WorkDir, "project"), filepath.Join(env.WorkDir, "home"), filepath.Join(env.WorkDir, "bin")
	for _, dir := range []string{project, home, bin} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.Symlink(python, filepath.Join(bin, "python3")); err != nil {
		return err
	}
	temp := env.Getenv("TMPDIR")
	env.Cd = project
	env.Setenv("HOME", home)
	env.Setenv("PATH", bin+":"+env.Getenv("PATH"))
	env.Setenv("REPROCHECK_TEST_SCRIPT", env.WorkDir)
	// Nothing isolates a run from this directory: a script can have the runs differ by it.
	shared, err := os.MkdirTemp("/var/tmp", "reprocheck-test-")
	if err != nil {
		return err
	}
	env.Setenv("SHARED", shared)
	env.Defer(func() { os.RemoveAll(shared) })
	before := &tree{dir: project}
	before.take(env.T())
	env.Values[treeKey{}] = before
	env.Defer(func() {
		var wrong []string
		for _, dir := range []string{temp, home} {
			left, err := settled(dir)
			if err != nil {
				env.T().Fatal(err)
			}
			if len(left) > 0 {
				wrong = append(wrong, fmt.Sprintf("left in %s: %q", dir, slices.Sorted(maps.Keys(left))))
			}
		}
		if orphans := orphans(env.WorkDir); len(orphans) > 0 {
			wrong = append(wrong, fmt.Sprintf("still running: %q", orphans))
		}
		if diff := before.difference(env.T()); diff != "" {
			wrong = append(wrong, "the project was written to (-before +after):\n"+diff)
		}
		if len(wrong) > 0 {
			env.T().Fatal(strings.Join(wrong, "\n"))
		}
	})
	return nil
}

// settled lists what is left below dir once a custodian has had time to remove it.
func settled(dir string) (left map[string]string, err error) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if left, err = files(dir); err == nil && len(left) == 0 || time.Now().After(deadline) {
			return left, err
		}
	}
}

// orphans lists the processes of a script that still run.
func orphans(script string) []string {
	mark := []byte("REPROCHECK_TEST_SCRIPT=" + script + "\x00")
	var running []string
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		running = nil
		environments, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range environments {
			data, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(append(data, 0), mark) {
				continue
			}
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			running = append(running, string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
		}
		if len(running) == 0 || time.Now().After(deadline) {
			return running
		}
	}
}

// tree is the state of a script's project.
type tree struct {
	dir   string
	state map[string]string
}

type treeKey struct{}

func taken(value any) *tree { return value.(*tree) }

// fatal is what both a script and its test can do.
type fatal interface{ Fatalf(string, ...any) }

// take remembers the project as it is now.
func (tr *tree) take(t any) {
	state, err := files(tr.dir)
	if err != nil {
		fail(t, err)
	}
	tr.state = state
}

func (tr *tree) difference(t any) string {
	now, err := files(tr.dir)
	if err != nil {
		fail(t, err)
	}
	return cmp.Diff(tr.state, now)
}

func fail(t any, err error) {
	switch t := t.(type) {
	case fatal:
		t.Fatalf("%v", err)
	case testscript.T:
		t.Fatal(err)
	}
}

// files describes everything below dir but reprocheck's own store.
func files(dir string) (map[string]string, error) {
	state := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if entry.IsDir() && entry.Name() == ".reprocheck" {
			return fs.SkipDir
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		state[rel] = info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrPermission) {
				return err
			}
			state[rel] += fmt.Sprintf(" %x %v", sha256.Sum256(data), info.ModTime())
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			state[rel] += " -> " + target
		}
		return nil
	})
	return state, err
}

// exitStatus is the script command `status N COMMAND...`: it runs the command and wants the exit status N.
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// tmpfs is the script command `tmpfs DIR SIZE`: it mounts a file system of that size until the script ends.
func tmpfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs DIR SIZE")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.Mkdir(dir, 0o755))
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", dir).CombinedOutput(); err != nil {
		ts.Fatalf("%v\n%s", err, out)
	}
	ts.Defer(func() { exec.Command("umount", dir).Run() })
}

// interrupt is the program `interrupt PATTERN COMMAND...`: it starts the command, presses Ctrl-C as soon as a file that
// matches the pattern has content, and exits with the command's status. As from coreutils' timeout, the signal comes twice.
func interrupt() { os.Exit(signalled(syscall.SIGINT, os.Args[1], os.Args[2:], 2)) }

// killed is the program `killed SIGNAL PATTERN COMMAND...`, which sends that signal; a command that it ends gives status 0.
func killed() {
	os.Exit(max(0, signalled(unix.SignalNum("SIG"+os.Args[1]), os.Args[2], os.Args[3:], 1)))
}

func signalled(sent syscall.Signal, pattern string, argv []string, times int) int {
	// Tests that run under nohup ignore SIGHUP, and so would what they start.
	signal.Notify(make(chan os.Signal, 1), sent)
	command := exec.Command(argv[0], argv[1:]...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Start(); err != nil {
		panic(err)
	}
	for deadline := time.Now().Add(time.Minute); !written(pattern); {
		if time.Now().After(deadline) {
			command.Process.Kill()
			panic("in a minute nothing was written to " + pattern)
		}
		time.Sleep(20 * time.Millisecond)
	}
	for range times {
		command.Process.Signal(sent)
		time.Sleep(10 * time.Millisecond) // two that are pending become one
	}
	command.Wait()
	return command.ProcessState.ExitCode()
}

func written(pattern string) bool {
	found, err := filepath.Glob(pattern)
	if err != nil {
		panic(err)
	}
	return slices.ContainsFunc(found, func(path string) bool {
		f, err := os.Open(path)
		if err != nil {
			return false
		}
		defer f.Close()
		n, _ := io.ReadFull(f, make([]byte, 1))
		return n == 1
	})
}

// peak is the program `peak FILE COMMAND...`: it writes to the file how many KiB the command took at most. A process counts
// what the one that started it had at that moment as its own, which for the tests' is much.
func peak() {
	c := exec.Command(os.Args[2], os.Args[3:]...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.Run()
	used := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	if err := os.WriteFile(os.Args[1], []byte(strconv.FormatInt(used, 10)), 0o600); err != nil {
		panic(err)
	}
	os.Exit(c.ProcessState.ExitCode())
}
