package probe_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/fixtures"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// session is a workspace with scripts in it, and an interpreter that runs them with the probe or without.
type session struct {
	t      *testing.T
	python string
	root   string
	probe  string
	env    []string
	faulty bool // the probe is expected to fail at something
}

func newSession(t *testing.T, files map[string]string) *session {
	t.Helper()
	s := &session{t: t, python: fixtures.Python(t), root: t.TempDir(), probe: t.TempDir()}
	if err := probe.Unpack(s.probe); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(s.root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// needs skips the test where the interpreter lacks a module.
func (s *session) needs(module string) {
	s.t.Helper()
	if !fixtures.HasModule(s.t, s.python, module) {
		s.t.Skipf("%s has no %s", s.python, module)
	}
}

// result is what a command left: its traces by process name, too, when it ran with the probe.
type result struct {
	stdout, stderr string
	err            error
	processes      []probe.Process
	events         map[string][]probe.Event
}

// bare runs the interpreter without the probe.
func (s *session) bare(args ...string) result {
	s.t.Helper()
	return s.run(nil, "", args...)
}

// watched runs the interpreter with the probe.
func (s *session) watched(config probe.Config, args ...string) result {
	s.t.Helper()
	config.Root = s.root
	config.TraceDir = s.t.TempDir()
	path := filepath.Join(s.t.TempDir(), "probe.json")
	if err := config.Write(path); err != nil {
		s.t.Fatal(err)
	}
	found := s.run([]string{probe.EnvConfig + "=" + path, "PYTHONPATH=" + s.probe}, "", args...)
	found.read(s.t, config.TraceDir)
	for name, p := range found.processes {
		for fact, value := range p.Facts {
			if strings.HasPrefix(fact, probe.FaultFact) && !s.faulty {
				s.t.Errorf("process %v of %v: the probe failed: %s %s", name, args, fact, value)
			}
		}
	}
	return found
}

func (s *session) run(env []string, stdin string, args ...string) result {
	s.t.Helper()
	cmd := exec.Command(s.python, args...)
	cmd.Dir = s.root
	cmd.Env = append(append(os.Environ(), "OMP_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE="), append(s.env, env...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Stdin = strings.NewReader(stdin)
	err := cmd.Run()
	return result{stdout: stdout.String(), stderr: stderr.String(), err: err}
}

func (r *result) read(t *testing.T, dir string) {
	t.Helper()
	processes, err := probe.Processes(dir)
	if err != nil {
		t.Fatal(err)
	}
	r.processes = processes
	r.events = make(map[string][]probe.Event)
	for _, process := range processes {
		file, err := os.Open(filepath.Join(dir, process.Trace))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		decoder := probe.NewDecoder(file)
		for {
			event, err := decoder.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			r.events[process.Name] = append(r.events[process.Name], event)
		}
		if decoder.Damaged() != 0 {
			t.Errorf("trace of %s: %d damaged lines", process.Name, decoder.Damaged())
		}
	}
}

// ok fails the test unless the command ended with status 0.
func (r result) ok(t *testing.T) result {
	t.Helper()
	if r.err != nil {
		t.Fatalf("%v\n%s%s", r.err, r.stdout, r.stderr)
	}
	return r
}

func (r result) names() []string {
	var names []string
	for _, process := range r.processes {
		names = append(names, process.Name)
	}
	return names
}

// of returns the events of a kind in the main process.
func (r result) of(kind probe.Kind) []probe.Event {
	var found []probe.Event
	for _, event := range r.events["main"] {
		if event.Kind == kind {
			found = append(found, event)
		}
	}
	return found
}
