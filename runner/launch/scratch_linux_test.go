package launch_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/runner/launch"
)

// asScratchOwner marks a test binary that is to make a scratch directory, fill it, say where, and wait to be killed.
const asScratchOwner = "LAUNCH_TEST_SCRATCH"

func ownScratch(watch bool) error {
	s, err := launch.NewScratch()
	if err != nil {
		return err
	}
	if watch {
		s.Watch()
	}
	locked := filepath.Join(s.Dir, "run-0", "work")
	if err := os.MkdirAll(locked, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(locked, "weights"), []byte("w"), 0o600); err != nil {
		return err
	}
	if err := os.Chmod(locked, 0); err != nil {
		return err
	}
	fmt.Println(s.Dir)
	time.Sleep(time.Minute)
	return nil
}

// killedOwner returns the scratch directory of a process that has been killed.
func killedOwner(t *testing.T, temp, mode string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, asScratchOwner+"="+mode)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	return strings.TrimSpace(line)
}

func vanishes(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Lstat(path); os.IsNotExist(err) {
			return
		}
	}
	t.Errorf("%s is still there", path)
}

func TestScratchOfAKilledProcess(t *testing.T) {
	t.Run("its custodian removes it", func(t *testing.T) {
		vanishes(t, killedOwner(t, t.TempDir(), "watched"))
	})
	t.Run("the next one removes it", func(t *testing.T) {
		temp := t.TempDir()
		t.Setenv("TMPDIR", temp)
		left := killedOwner(t, temp, "unwatched")
		if _, err := os.Stat(left); err != nil {
			t.Fatal(err)
		}
		// Somebody's results of a similar name, and a living process's directory.
		results := filepath.Join(temp, "reprocheck-1")
		if err := os.Mkdir(results, 0o755); err != nil {
			t.Fatal(err)
		}
		living, err := launch.NewScratch()
		if err != nil {
			t.Fatal(err)
		}
		s, err := launch.NewScratch()
		if err != nil {
			t.Fatal(err)
		}
		s.Watch()
		vanishes(t, left)
		for _, dir := range []string{results, living.Dir, s.Dir} {
			if _, err := os.Stat(dir); err != nil {
				t.Error(err)
			}
		}
		for _, own := range []*launch.Scratch{s, living} {
			if err := own.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(own.Dir); !os.IsNotExist(err) {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}

func TestAlive(t *testing.T) {
	own := launch.Owner()
	fields := strings.Fields(own)
	if len(fields) != 4 {
		t.Fatalf("%q", own)
	}
	with := func(n int, value string) string {
		f := append([]string{}, fields...)
		f[n] = value
		return strings.Join(f, " ")
	}
	for _, c := range []struct {
		what, owner string
		want        bool
	}{
		{"this process", own, true},
		{"an earlier process of the same pid", with(3, "1"), false},
		{"a pid that nobody has", with(2, "99999999"), false},
		{"before the machine was started", with(0, "6d1f9f6e-0000-4000-8000-000000000000"), false},
		{"another pid namespace", with(1, "pid:[1]"), true},
		{"no such text", "1234", true},
		{"nothing", "", true},
	} {
		if got := launch.Alive(c.owner); got != c.want {
			t.Errorf("%s (%q): alive %v", c.what, c.owner, got)
		}
	}
}
