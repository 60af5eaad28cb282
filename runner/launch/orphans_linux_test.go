package launch_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/runner/launch"
)

// asSupervisor marks, in the environment, a test binary that is to launch its arguments and wait.
const asSupervisor = "LAUNCH_TEST_SUPERVISOR"

// nasty leaves behind what ignores signals, has left its process group and session, has been orphaned, and
// forks on and on. It says when all are there, and how many.
const nasty = `
import os, signal, sys, time
for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)
def fork(f):
    if os.fork() == 0:
        f(); os._exit(0)
def sleep(): time.sleep(600)
def session(): os.setsid(); sleep()
def daemon():
    os.setsid()
    fork(sleep)
def forker():
    end = time.time() + 60
    while time.time() < end:
        if os.fork(): os._exit(0)
        time.sleep(0.002)
for f in (sleep, session, daemon, forker): fork(f)
time.sleep(0.1)
print("ready", flush=True)
if sys.argv[1] == "stay": sleep()
`

// marked lists the processes that have the marker in their environment.
func marked(marker string) (pids []int) {
	names, _ := os.ReadDir("/proc")
	for _, n := range names {
		pid, err := strconv.Atoi(n.Name())
		if err != nil {
			continue
		}
		if env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil && bytes.Contains(env, []byte(marker)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// gone waits for all processes with the marker to end.
func gone(t *testing.T, marker string) {
	t.Helper()
	var left []int
	for range 500 {
		if left = marked(marker); len(left) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("processes left behind: %v", left)
	for _, pid := range left {
		if p, err := os.FindProcess(pid); err == nil {
			p.Kill()
		}
	}
}

func TestNoOrphans(t *testing.T) {
	t.Run("the command ends", func(t *testing.T) {
		marker := fmt.Sprintf("NASTY=end-%d", os.Getpid())
		o, out, errs := run(t, launch.Command{Argv: []string{python(t), "-S", "-c", nasty, "end"}, Env: append(os.Environ(), marker)})
		if o.Code != 0 || out != "ready\n" {
			t.Errorf("%+v, output %q %s", o, out, errs)
		}
		gone(t, marker)
	})
	t.Run("kill", func(t *testing.T) {
		marker := fmt.Sprintf("NASTY=kill-%d", os.Getpid())
		ready := make(lines, 1)
		p, err := launch.Start(t.Context(), launch.Command{
			Argv: []string{python(t), "-S", "-c", nasty, "stay"}, Dir: "/", Env: append(os.Environ(), marker),
			Stdout: ready, Grace: 50 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		<-ready
		p.Kill()
		if o, err := p.Wait(); err != nil || o.Signal != "SIGKILL" {
			t.Errorf("%+v, %v", o, err)
		}
		gone(t, marker)
	})
	t.Run("the supervisor is killed", func(t *testing.T) {
		marker := fmt.Sprintf("NASTY=die-%d", os.Getpid())
		cmd := exec.Command("/proc/self/exe", python(t), "-S", "-c", nasty, "stay")
		cmd.Env = append(os.Environ(), marker, asSupervisor+"=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if n := len(marked(marker)); n < 5 {
			t.Errorf("only %d processes are there to be ended", n)
		}
		cmd.Process.Kill()
		cmd.Wait()
		gone(t, marker)
	})
}

// lines signals the first write.
type lines chan struct{}

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- struct{}{}:
	default:
	}
	return len(b), nil
}

// supervise launches a command with the process's own output and waits for it.
func supervise(argv []string) error {
	p, err := launch.Start(context.Background(), launch.Command{
		Argv: argv, Dir: "/", Env: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Audit: true,
	})
	if err != nil {
		return err
	}
	o, err := p.Wait()
	fmt.Println("refused:", o.Refused)
	return err
}
