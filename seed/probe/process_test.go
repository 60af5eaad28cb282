package probe_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/seed/probe"
)

func TestEveryProcessSaysThatItIsAlive(t *testing.T) {
	tests := []struct {
		name   string
		script string
		want   []string
	}{
		{"fork", `
import os
for _ in range(2):
    if os.fork() == 0:
        os._exit(0)
    os.wait()
`, []string{"main", "main/fork-1", "main/fork-2"}},
		{"subprocess", `
import subprocess, sys
subprocess.run([sys.executable, "-c", "pass"], check=True)
subprocess.run(sys.executable + " -c pass; true", shell=True, check=True)
subprocess.run([sys.executable, "-c", "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'])"], check=True)
`, []string{"main", "main/exec-1", "main/exec-2", "main/exec-3", "main/exec-3/exec-1"}},
		{"multiprocessing by fork", `
import multiprocessing
def work(n): pass
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    for n in range(2):
        process = context.Process(target=work, args=(n,))
        process.start(); process.join()
`, []string{"main", "main/mp-1", "main/mp-2"}},
		{"multiprocessing by spawn", `
import multiprocessing
def work(n): pass
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    for n in range(2):
        process = context.Process(target=work, args=(n,))
        process.start(); process.join()
`, []string{"main", "main/mp-1", "main/mp-2", "main/resource-tracker"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSession(t, map[string]string{"run.py": test.script})
			got := s.watched(probe.Config{}, "run.py").ok(t).names()
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("processes (-want +got):\n%s", diff)
			}
		})
	}
}

// A process that another ends may not have spoken up by then; the other says which it was.
func TestEndedProcessesAreToldOf(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import multiprocessing, time
if __name__ == "__main__":
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    process.start(); process.terminate(); process.join()
    print(process.pid)
`})
	found := s.watched(probe.Config{}, "run.py").ok(t)
	killed := found.of(probe.KindKilled)
	if len(killed) != 1 || fmt.Sprintln(killed[0].DetailInt("pid")) != found.stdout {
		t.Errorf("%v, want one process, %s", killed, found.stdout)
	}
}

func TestDataLoaderWorkersAreNamed(t *testing.T) {
	for _, method := range []string{"fork", "spawn"} {
		t.Run(method, func(t *testing.T) {
			s := newSession(t, map[string]string{"run.py": `
import sys, torch
from torch.utils.data import DataLoader, TensorDataset
if __name__ == "__main__":
    loader = DataLoader(TensorDataset(torch.arange(8)), batch_size=2, num_workers=2, multiprocessing_context=sys.argv[1])
    for epoch in range(2):
        for batch in loader: pass
`})
			s.needs("torch")
			found := s.watched(probe.Config{}, "run.py", method).ok(t)
			var workers []string
			for _, name := range found.names() {
				if strings.Contains(name, "worker") {
					workers = append(workers, name)
				}
			}
			slices.Sort(workers)
			want := []string{"main/worker-0", "main/worker-0#2", "main/worker-1", "main/worker-1#2"}
			if diff := cmp.Diff(want, workers); diff != "" {
				t.Errorf("workers (-want +got):\n%s", diff)
			}
			for _, name := range workers {
				begun := slices.ContainsFunc(found.events[name], func(e probe.Event) bool { return e.Kind == probe.KindWorker })
				if !begun {
					t.Errorf("%s: no worker event", name)
				}
			}
		})
	}
}

func TestWaysToStart(t *testing.T) {
	const script = "import random\nrandom.random()\n"
	tests := []struct {
		name  string
		stdin string
		args  []string
		file  string
	}{
		{"script", "", []string{"run.py"}, "run.py"},
		{"script in a folder", "", []string{"sub/run.py"}, "sub/run.py"},
		{"module", "", []string{"-m", "package"}, "package/__main__.py"},
		{"command", "", []string{"-c", script}, "<string>"},
		{"standard input", script, []string{"-"}, "<stdin>"},
	}
	s := newSession(t, map[string]string{
		"run.py": script, "sub/run.py": script, "package/__init__.py": "", "package/__main__.py": script,
	})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := probe.Config{Root: s.root, TraceDir: t.TempDir()}
			path := filepath.Join(t.TempDir(), "probe.json")
			if err := config.Write(path); err != nil {
				t.Fatal(err)
			}
			found := s.run([]string{probe.EnvConfig + "=" + path, "PYTHONPATH=" + s.probe}, test.stdin, test.args...).ok(t)
			found.read(t, config.TraceDir)
			draws := found.of(probe.KindDraw)
			if len(draws) != 1 || draws[0].File != test.file || draws[0].Line != 2 {
				t.Errorf("draws: got %+v, want one at %s:2", draws, test.file)
			}
		})
	}
}

func TestUsersSitecustomizeRuns(t *testing.T) {
	s := newSession(t, map[string]string{
		"own/sitecustomize.py": "import sys\nsys.users_own = __name__\n",
		"run.py":               "import sys, sitecustomize\nprint(sys.users_own, sitecustomize.__file__)\n",
	})
	s.probe += string(os.PathListSeparator) + filepath.Join(s.root, "own")
	got := s.watched(probe.Config{}, "run.py").ok(t)
	want := "sitecustomize " + filepath.Join(s.root, "own", "sitecustomize.py") + "\n"
	if got.stdout != want {
		t.Errorf("got %q, want %q", got.stdout, want)
	}
	if len(got.processes) != 1 {
		t.Errorf("processes: got %v, want main alone", got.names())
	}
}

func TestNothingHappensWithoutConfiguration(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": "import sys\nprint('reprocheck_probe' in sys.modules)\n"})
	damaged := filepath.Join(t.TempDir(), "damaged.json")
	if err := os.WriteFile(damaged, []byte(`{"protocol":1,"trace_dir":`), 0o644); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(t.TempDir(), "newer.json")
	if err := os.WriteFile(newer, []byte(`{"protocol":2,"trace_dir":"/nonexistent","root":"/"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := s.run([]string{"PYTHONPATH=" + s.probe}, "", "run.py").ok(t); got.stdout != "False\n" || got.stderr != "" {
		t.Errorf("without the variable: got %q, %q", got.stdout, got.stderr)
	}
	for _, path := range []string{damaged, newer, filepath.Join(t.TempDir(), "absent.json")} {
		got := s.run([]string{"PYTHONPATH=" + s.probe, probe.EnvConfig + "=" + path}, "", "run.py").ok(t)
		if got.stdout != "True\n" || got.stderr != "" {
			t.Errorf("%s: got %q, %q: want a program that runs as if nothing were there", path, got.stdout, got.stderr)
		}
	}
}

func TestAKillLosesNothing(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import os, random, signal
random.seed(1)
random.random()
os.kill(os.getpid(), signal.SIGKILL)
`})
	found := s.watched(probe.Config{}, "run.py")
	if found.err == nil {
		t.Fatal("the script was to be killed")
	}
	if len(found.of(probe.KindSeed)) != 1 || len(found.of(probe.KindDraw)) != 1 || found.processes[0].Exited {
		t.Errorf("got %+v, want the seed, the draw, and no exit", found.events["main"])
	}
}

func TestTheEndIsTheUsersOwn(t *testing.T) {
	for name, end := range map[string]string{
		"exception":    "raise ValueError('mine')",
		"SystemExit":   "raise SystemExit(7)",
		"a message":    "raise SystemExit('mine')",
		"atexit":       "import atexit; atexit.register(print, 'bye')",
		"os._exit":     "import os; os._exit(3)",
		"interruption": "raise KeyboardInterrupt",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t, map[string]string{"run.py": "import random\nrandom.random()\n" + end + "\n"})
			bare, watched := s.bare("run.py"), s.watched(probe.Config{}, "run.py")
			if bare.stdout != watched.stdout || bare.stderr != watched.stderr || status(bare) != status(watched) {
				t.Errorf("bare: %q %q %s\nwatched: %q %q %s", bare.stdout, bare.stderr, status(bare),
					watched.stdout, watched.stderr, status(watched))
			}
			if got := watched.processes[0].Exited; got != (name != "os._exit") {
				t.Errorf("exit seen: %v", got)
			}
		})
	}
}

func TestADaemonThatClosesItsDescriptorsKeepsItsFiles(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import os, random
os.closerange(3, 4096)
kept = [os.open("kept-%d" % n, os.O_WRONLY | os.O_CREAT) for n in range(600)]
random.seed(5)
print(sum(os.path.getsize("kept-%d" % n) for n in range(600)))
`})
	found := s.watched(probe.Config{}, "run.py").ok(t)
	if found.stdout != "0\n" {
		t.Errorf("bytes that the probe wrote into the user's files: %q", found.stdout)
	}
	if len(found.of(probe.KindSeed)) != 1 {
		t.Errorf("got %+v, want the seed call in the trace", found.events["main"])
	}
}

func status(r result) string {
	if r.err == nil {
		return "exit status 0"
	}
	return r.err.Error()
}

// A process that an exception ended says so, and one that ends by itself or by sys.exit does not.
func TestTheExceptionThatEndedAProcess(t *testing.T) {
	for end, want := range map[string]string{"raise KeyError(1)": "KeyError", "import sys; sys.exit(3)": "", "pass": ""} {
		s := newSession(t, map[string]string{"run.py": end + "\n"})
		exits := s.watched(probe.Config{}, "run.py").of(probe.KindExit)
		if len(exits) != 1 || exits[0].DetailString("error") != want {
			t.Errorf("%s: %v, want one exit with the error %q", end, exits, want)
		}
	}
}
