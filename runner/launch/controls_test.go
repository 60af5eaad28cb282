package launch_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/seed"
)

const noPython = "no python3 on this machine"

// python returns the path of an interpreter, or skips.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip(noPython)
	return ""
}

// controlled runs a Python program under controls and returns what it printed; it skips where a control is refused.
func controlled(t *testing.T, controls seed.Launch, program string, more ...string) string {
	t.Helper()
	o, out, errs := run(t, launch.Command{Argv: append([]string{python(t), "-S", "-c", program}, more...), Controls: controls})
	if o.Code != 0 {
		t.Fatalf("%s: %+v\n%s", program, o, errs)
	}
	if len(o.Refused) > 0 {
		t.Skip("refused here: ", o.Refused)
	}
	return out
}

// differs checks that a program's output is the same twice under the controls, differs under other controls, and, where
// free is set, differs from run to run without any.
func differs(t *testing.T, program string, controls, other seed.Launch, free bool) {
	t.Helper()
	first := controlled(t, controls, program)
	if again := controlled(t, controls, program); again != first {
		t.Errorf("under control %q, and then %q", first, again)
	}
	if second := controlled(t, other, program); second == first {
		t.Errorf("%q under %+v and under %+v", first, controls, other)
	}
	if free {
		if a, b := controlled(t, seed.Launch{}, program), controlled(t, seed.Launch{}, program); a == b {
			t.Errorf("without control %q twice", a)
		}
	}
}

func TestEntropy(t *testing.T) {
	one, two := seed.Launch{Entropy: true, EntropySeed: 1}, seed.Launch{Entropy: true, EntropySeed: 2}
	for name, program := range map[string]string{
		"large":       `import os, hashlib; print(hashlib.sha256(os.urandom(3 << 20)).hexdigest())`,
		"python":      `import os, random, uuid; print(os.urandom(8), random.random(), uuid.uuid4(), hash("abc"))`,
		"dev urandom": `print(open("/dev/urandom", "rb", buffering=0).read(8)); print(open("/dev/random", "rb").read(8))`,
		"two opens":   `a, b = (open("/dev/urandom", "rb", buffering=0).read(8) for _ in "ab"); assert a != b; print(a, b)`,
		"children": `
import os, subprocess, sys
if len(sys.argv) > 1: sys.exit(print(os.urandom(8).hex()))
children = [subprocess.Popen([sys.executable, "-S", "-c", "import os; print(os.urandom(8).hex())"], stdout=subprocess.PIPE) for _ in range(4)]
out = [c.communicate()[0] for c in children]
assert len(set(out)) == 4, out
print(out)`,
		"forks": `
import os
fds = []
for _ in range(4):
    r, w = os.pipe(); fds.append(r)
    if os.fork() == 0:
        os.write(w, os.urandom(8).hex().encode()); os._exit(0)
out = [os.read(r, 16) for r in fds]
assert len(set(out)) == 4, out
print(out)`,
	} {
		t.Run(name, func(t *testing.T) { differs(t, program, one, two, true) })
	}
}

// TestSparedPython controls entropy and listings in what a Python interpreter starts, and not in itself.
func TestSparedPython(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b", "c", "a"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	show := func() (children, own string) {
		out := controlled(t, seed.Launch{Entropy: true, EntropySeed: 1, DirOrder: "reversed", SparePython: true}, `
import os, subprocess, sys
sh = lambda line: subprocess.run(["sh", "-c", line, sys.argv[1]], stdout=subprocess.PIPE, text=True, check=True).stdout
device = open("/dev/urandom", "rb", buffering=0).read(8)
print(sh("od -An -N8 -tx1 /dev/urandom; ls -U $0").split(), os.urandom(8), device, hash("abc"), os.listdir(sys.argv[1]) == ["c", "b", "a"], sep="|")`, dir)
		children, own, _ = strings.Cut(out, "|")
		return children, own
	}
	free := controlled(t, seed.Launch{}, `import os, sys; print(os.listdir(sys.argv[1]) == ["c", "b", "a"])`, dir)
	children, own := show()
	if !strings.Contains(children, "'c', 'b', 'a'") {
		t.Errorf("a shell in Python lists %s", children)
	}
	if !strings.HasSuffix(own, free) {
		t.Errorf("Python itself is listed to in another order than without control: %s", own)
	}
	again, other := show()
	if children != again {
		t.Errorf("a shell in Python draws %s and then %s", children, again)
	}
	for i, a := range strings.Split(own, "|")[:3] {
		if b := strings.Split(other, "|")[i]; a == b {
			t.Errorf("Python itself draws %s twice", a)
		}
	}
}

// TestClock reads the clock in every way that programs have, in a tree of them. The interpreter's own clock is left to the probe.
func TestClock(t *testing.T) {
	ways := map[string]string{
		"date": `date +%s.%N; date +%s.%N`,
		"bash": `exec bash -c 'echo $EPOCHREALTIME'`,
		"awk":  `awk 'BEGIN { srand(); print srand(), srand() }'`,
		"perl": `perl -MTime::HiRes=time -e 'print time, " ", CORE::time'`,
		"make": `printf 'X := $(shell date +%%s%%N)\nall:\n\t@echo $(X)\n' | make -s -f -`,
		"go":   `$0 -test.run '^TestPrintTime$'`,
	}
	self := copyOfSelf(t)
	for name, script := range ways {
		if _, err := exec.LookPath(name); err != nil && name != "go" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			show := func(controls seed.Launch) string {
				o, out, errs := run(t, launch.Command{Argv: []string{"sh", "-c", script, self}, Env: append(os.Environ(), "PRINT_TIME=1"), Controls: controls})
				if len(o.Refused) > 0 {
					t.Skip("refused here: ", o.Refused)
				}
				if o.Code != 0 || out == "" {
					t.Fatalf("%+v\n%s", o, errs)
				}
				return out
			}
			first := show(seed.Launch{Clock: true})
			if !strings.Contains(first, "1700000") {
				t.Errorf("a clock that begins at 1700000000 s is read as %q", first)
			}
			if again := show(seed.Launch{Clock: true}); again != first {
				t.Errorf("%q, and then %q", first, again)
			}
			if free := show(seed.Launch{}); free == first {
				t.Errorf("%q without control as well", free)
			}
		})
	}
	if out := controlled(t, seed.Launch{Clock: true}, `import time, subprocess
assert time.time() > 1_750_000_000, "the interpreter's clock"
began = time.monotonic()
subprocess.run(["sleep", "0.05"], check=True)
assert 0.05 <= time.monotonic() - began < 20
print(subprocess.run(["sh", "-c", "end=$(( $(date +%s) + 30 )); while [ $(date +%s) -lt $end ]; do date +%s > /dev/null; :; done; echo over"], stdout=subprocess.PIPE, check=True).stdout.decode())`); !strings.HasPrefix(out, "over") {
		t.Errorf("a loop until a time of day: %q", out)
	}
}

// copyOfSelf is a file that holds this program, and that every user can run.
func copyOfSelf(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("no copy of this program: ", err)
	}
	path := filepath.Join(t.TempDir(), "self")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPrintTime is what TestClock runs as a program in Go.
func TestPrintTime(t *testing.T) {
	if os.Getenv("PRINT_TIME") == "" {
		t.Skip("runs in TestClock only")
	}
	fmt.Println(time.Now().UnixNano())
	os.Exit(0)
}

func TestDirOrder(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i := range 1500 {
		names = append(names, "sample-"+strconv.Itoa(i*7919%1500)+strings.Repeat("x", i%40))
	}
	for _, n := range names {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(names)
	list := func(order string, seedValue uint64) []string {
		out := controlled(t, seed.Launch{DirOrder: order, DirSeed: seedValue}, `import os, sys
print(*os.listdir(sys.argv[1]), sep="\n")`, dir)
		return strings.Fields(out)
	}
	if got := list("sorted", 0); !slices.Equal(got, names) {
		t.Errorf("sorted: %d names, %.5q", len(got), got)
	}
	reversed := slices.Clone(names)
	slices.Reverse(reversed)
	if got := list("reversed", 0); !slices.Equal(got, reversed) {
		t.Errorf("reversed: %d names, %.5q", len(got), got)
	}
	one := list("shuffled", 1)
	if again := list("shuffled", 1); !slices.Equal(one, again) {
		t.Error("shuffled with one seed: two orders")
	}
	if two := list("shuffled", 2); slices.Equal(one, two) {
		t.Error("shuffled with two seeds: one order")
	}
	if slices.Sort(one); !slices.Equal(one, names) {
		t.Error("shuffling lost names")
	}
}

// TestDirOrderState does what leaves a directory half read, and then reads it again.
func TestDirOrderState(t *testing.T) {
	dir := t.TempDir()
	for i := range 600 {
		if err := os.WriteFile(filepath.Join(dir, "a-rather-long-name-so-that-many-calls-are-needed-"+strconv.Itoa(i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	controlled(t, seed.Launch{DirOrder: "shuffled", DirSeed: 3}, `
import os, sys
d = sys.argv[1]
want = os.listdir(d)
assert len(want) == 600, len(want)
it = os.scandir(d); next(it); it.close()
assert os.listdir(d) == want, "after a scandir that was given up"
fd = os.open(d, os.O_RDONLY)
assert os.listdir(fd) == want, "through a descriptor"
assert os.listdir(fd) == want, "through a descriptor again"
os.close(fd)
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    assert all(got == want for got in pool.map(os.listdir, [d] * 8)), "in threads"
assert sum(len(f) for _, _, f in os.walk(d)) == 600
os.mkdir(d + "/empty"); assert os.listdir(d + "/empty") == []
os.rmdir(d + "/empty")
`, dir)
}

func TestNoASLR(t *testing.T) {
	differs(t, `print([l.split()[0] for l in open("/proc/self/maps") if "stack" in l or "libc" in l])`,
		seed.Launch{NoASLR: true}, seed.Launch{}, true)
}

func TestCPUs(t *testing.T) {
	if out := controlled(t, seed.Launch{CPUs: 1}, `import os; print(len(os.sched_getaffinity(0)))`); out != "1\n" {
		t.Errorf("%q processors, want 1", out)
	}
	o, _, _ := run(t, launch.Command{Argv: []string{"true"}, Controls: seed.Launch{CPUs: 100_000}})
	if len(o.Refused) != 1 {
		t.Errorf("100,000 processors: refused %q", o.Refused)
	}
}

func TestHostname(t *testing.T) {
	if out := controlled(t, seed.Launch{Hostname: "elsewhere"}, `import socket; print(socket.gethostname())`); out != "elsewhere\n" {
		t.Errorf("host name %q", out)
	}
}

// TestPythons looks for the interpreters in the tree.
func TestPythons(t *testing.T) {
	o, out, _ := run(t, launch.Command{Audit: true, Argv: []string{"sh", "-c", python(t) + ` -S -c "
import os, time; print(os.getpid(), flush=True)
if os.fork() == 0: print(os.getpid(), flush=True)
time.sleep(0.3)"; true`}})
	if len(o.Refused) > 0 {
		t.Skip("refused here: ", o.Refused)
	}
	var want []string
	for _, p := range o.Pythons {
		want = append(want, strconv.Itoa(p.PID))
	}
	got := strings.Fields(out)
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("interpreters seen %+v, there were %v", o.Pythons, got)
	}
}

// A fork that takes long to run its program, as on a busy machine, is told from an interpreter.
func TestCopiesOfPythons(t *testing.T) {
	o, out, _ := run(t, launch.Command{Audit: true, Argv: []string{"sh", "-c", python(t) + ` -S -c "
import os, sys, time; os.write(1, b'%d\n' % os.getpid())
for program in ['sleep', '0.3'], [sys.executable, '-S', '-c', 'import time; time.sleep(0.3)']:
    if os.fork() == 0:
        os.write(1, b'%d\n' % os.getpid())
        time.sleep(0.3)
        os.execvp(program[0], program)
time.sleep(0.8)"; true`}})
	if len(o.Refused) > 0 {
		t.Skip("refused here: ", o.Refused)
	}
	var pids []int
	for field := range strings.FieldsSeq(out) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if slices.Sort(pids); len(pids) != 3 {
		t.Fatalf("printed %q", out)
	}
	copies := map[int]int{}
	for _, p := range o.Pythons {
		if of, seen := copies[p.PID]; !seen || of != 0 {
			copies[p.PID] = p.CopyOf
		}
	}
	if want := map[int]int{pids[0]: 0, pids[1]: pids[0], pids[2]: 0}; !maps.Equal(copies, want) {
		t.Errorf("interpreters seen %+v, want %v", o.Pythons, want)
	}
}

func TestAudit(t *testing.T) {
	outside, inside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(outside+"/old", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(outside+"/gone", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, inside+"/link"); err != nil {
		t.Fatal(err)
	}
	script := `
echo 1 > mine; mkdir sub; echo 2 > sub/x; rm mine; cat $0/old > /dev/null
echo 3 > $0/new; echo 4 > link/through; mv sub/x $0/moved; rm $0/gone
echo 5 > $0/temporary; rm $0/temporary
echo 6 > $0/none/x; mkdir $0; mkdir $0/folder && echo 7 > $0/folder/y
`
	o, _, errs := run(t, launch.Command{Argv: []string{"sh", "-c", script, outside}, Dir: inside, Audit: true})
	if len(o.Refused) > 0 {
		t.Skip("refused here: ", o.Refused)
	}
	var want []string
	for _, name := range []string{"folder", "folder/y", "gone", "moved", "new", "through"} {
		want = append(want, filepath.Join(outside, name))
	}
	if !slices.Equal(o.Outside, want) {
		t.Errorf("written outside: %q, want %q\n%s", o.Outside, want, errs)
	}
	if len(o.Entropy) == 0 {
		t.Log("no process drew entropy: an older C library does not")
	}
}

func TestEntropyReads(t *testing.T) {
	program := `import os; os.urandom(100)
if os.fork() == 0: os.urandom(1000)
else: os.wait()`
	o, _, _ := run(t, launch.Command{Argv: []string{python(t), "-S", "-c", program}, Audit: true})
	if len(o.Refused) > 0 {
		t.Skip("refused here: ", o.Refused)
	}
	if len(o.Entropy) != 2 || o.Entropy[0].Place != "0" || o.Entropy[1].Place != "0.0" {
		t.Fatalf("entropy reads %+v, want two processes", o.Entropy)
	}
	// The interpreter and the C library draw a little themselves.
	if n := o.Entropy[0].Bytes; n < 100 || n > 1000 {
		t.Errorf("the parent drew %d bytes", n)
	}
	if n := o.Entropy[1].Bytes; n != 1000 {
		t.Errorf("the child drew %d bytes, want 1000", n)
	}
}

// TestCapabilities holds what is said to be available against what a run is refused.
func TestCapabilities(t *testing.T) {
	available := map[string]bool{}
	for _, c := range launch.Capabilities(t.Context()) {
		if c.Detail == "" || c.For == "" {
			t.Errorf("%+v says too little", c)
		}
		available[c.Name] = c.Available
		t.Logf("%-26s %-5v %s", c.Name, c.Available, c.Detail)
	}
	for name, controls := range map[string]seed.Launch{
		"fixed process ids":        {FixedPIDs: true},
		"operating-system entropy": {Entropy: true},
		"clock":                    {Clock: true},
		"directory order":          {DirOrder: "sorted"},
		"address layout":           {NoASLR: true},
		"processor affinity":       {CPUs: 1},
		"host name":                {Hostname: "elsewhere"},
	} {
		o, _, _ := run(t, launch.Command{Argv: []string{"true"}, Controls: controls})
		if granted := len(o.Refused) == 0; granted != available[name] {
			t.Errorf("%s: available %v, but a run was refused %q", name, available[name], o.Refused)
		}
	}
}

// TestAuditOfSharedMemory holds that a file left in shared memory counts as one, and memory that processes share for a while does not.
func TestAuditOfSharedMemory(t *testing.T) {
	old, err := os.CreateTemp("/dev/shm", "left")
	if err != nil {
		t.Skip("no shared memory: ", err)
	}
	t.Cleanup(func() { _ = os.Remove(old.Name()) })
	_ = old.Close()
	// File times tick, and the audit allows for it.
	time.Sleep(50 * time.Millisecond)
	o, _, errs := run(t, launch.Command{Argv: []string{"sh", "-c", `
echo 1 > $0; echo 2 > $0; echo 3 > $0.segment; echo 4 > $0.segment; rm $0.segment
`, old.Name()}, Audit: true})
	if len(o.Refused) > 0 {
		t.Skip("refused here: ", o.Refused)
	}
	if want := []string{old.Name()}; !slices.Equal(o.Outside, want) {
		t.Errorf("written outside: %q, want %q\n%s", o.Outside, want, errs)
	}
}
