package launch_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const inContainer = "launch-test-container" // argv[0] of a test binary that is to shut itself in first

// again marks a process in which the tests run a second time.
const again = "LAUNCH_TEST_AGAIN"

// TestCircumstances runs the other tests again: as a normal user, and with what Docker's default profile leaves. Tests that
// meet a refusal skip, so each circumstance also says what must not be refused.
func TestCircumstances(t *testing.T) {
	if os.Getenv(again) != "" {
		t.Skip("these are the circumstances")
	}
	if testing.Short() {
		t.Skip("runs all tests twice more")
	}
	anywhere := []string{"TestExit", "TestBadCommand", "TestTimeout", "TestContext", "TestGrandchildHoldsPipe", "TestNoOrphans"}
	entropy := []string{"TestEntropy", "TestClock", "TestDirOrder", "TestDirOrderState", "TestCPUs", "TestAudit", "TestPythons"}
	for _, c := range []struct {
		name      string
		container bool
		needs     []string
	}{
		{"normal user", false, append(entropy, anywhere...)},
		{"container and user", true, append(entropy, anywhere...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := os.Geteuid() == 0
			if !root && !c.container {
				t.Skip("that is so already")
			}
			dir, err := os.MkdirTemp("", "circumstances")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			os.Chmod(dir, 0o777)
			cmd := exec.Command("/proc/self/exe", "-test.v", "-test.count=1", "-test.short")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), again+"=1", "TMPDIR="+dir, "HOME="+dir)
			if c.container {
				cmd.Args[0] = inContainer
			}
			if root {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			passed := map[string]bool{}
			for _, m := range regexp.MustCompile(`(?m)^--- PASS: (\S+)`).FindAllStringSubmatch(out.String(), -1) {
				passed[m[1]] = true
			}
			for _, m := range regexp.MustCompile(`(?m)^ +--- SKIP: ([^/\s]+)`).FindAllStringSubmatch(out.String(), -1) {
				delete(passed, m[1])
			}
			for _, test := range c.needs {
				if !passed[test] && !strings.Contains(out.String(), noPython) {
					t.Errorf("%s did not pass", test)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}
