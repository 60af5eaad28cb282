package probe

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Bounds on what is kept of one trace.
const (
	maxFacts     = 256
	maxFactText  = 4096
	maxChildren  = 65536
	maxNameDepth = 64
	maxPIDs      = 16
)

// Process is one Python process of a run, as its trace tells.
type Process struct {
	// Name is the process's name and its ancestors': "main", "main/worker-0", "main/exec-1/mp-2". Names are unique
	// in a run: the second of a name is "main/worker-0#2", by the time of its start.
	Name string
	// Trace is the file's name within the directory.
	Trace string
	PID   int64
	// PIDs are numbers that the process knows itself or its parent by: PID, and what its lines were told, which is another where
	// host is pinned. Bounded.
	PIDs []int64
	// Parent is the Name of the nearest ancestor that has a trace, empty for the first process.
	Parent string
	// Args is the command line, bounded by the probe.
	Args []string
	// Facts are what the process found out about its environment: versions, thread counts, flags, and "python",
	// "executable", "hash_seed" from its heartbeat.
	Facts  map[string]string
	Events int64
	// Damaged is the number of lines that could not be read.
	Damaged int64
	// Steps is the number of optimizer steps seen.
	Steps int64
	// Killed are the pids of processes that this one ended, bounded: one of them may not have begun yet.
	Killed []int64
	// Exited says that the process ended in the ordinary way.
	Exited bool
}

// NewerProtocolError says that a trace was written by a probe that this reader does not understand.
type NewerProtocolError struct {
	Trace    string
	Protocol int64
}

func (e *NewerProtocolError) Error() string {
	return fmt.Sprintf("trace %s speaks protocol %d, newer than the protocol %d of this reprocheck: use the version that wrote it",
		e.Trace, e.Protocol, Protocol)
}

// trace is a process with what its name is made from.
type trace struct {
	Process
	start    int64 // ns, from the file's name
	ancestor int64 // pid, 0 for none
	via      int64 // pid of the ancestor's child on the way to this process
	identity string
	children map[int64]int64 // pid to number, of processes that were started by exec
	parent   *trace
}

// Processes reads every trace in dir, in the order in which the processes were started. A file without a heartbeat
// is no process and is left out. Memory is bounded for each process, whatever the size of its trace.
func Processes(dir string) ([]Process, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the traces of a run: %w", err)
	}
	var traces []*trace
	for _, entry := range entries {
		pid, start, ok := fileName(entry.Name())
		if !ok || !entry.Type().IsRegular() {
			continue
		}
		found := &trace{Process: Process{Trace: entry.Name(), PID: pid, PIDs: []int64{pid}}, start: start}
		alive, err := found.read(dir)
		if err != nil {
			return nil, err
		}
		if alive {
			traces = append(traces, found)
		}
	}
	slices.SortFunc(traces, func(a, b *trace) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.PID, b.PID))
	})
	return named(traces), nil
}

// fileName parses "<pid>-<start time in ns>.jsonl".
func fileName(name string) (pid, start int64, ok bool) {
	stem, isTrace := strings.CutSuffix(name, ".jsonl")
	first, second, isPair := strings.Cut(stem, "-")
	pid, err1 := strconv.ParseInt(first, 10, 64)
	start, err2 := strconv.ParseInt(second, 10, 64)
	return pid, start, isTrace && isPair && err1 == nil && err2 == nil
}

// read reads one trace, and reports whether it begins with a heartbeat.
func (t *trace) read(dir string) (alive bool, err error) {
	file, err := os.Open(filepath.Join(dir, t.Trace))
	if err != nil {
		return false, fmt.Errorf("open a trace: %w", err)
	}
	defer file.Close()
	decoder := NewDecoder(file)
	for {
		event, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, fmt.Errorf("read trace %s: %w", t.Trace, err)
		}
		if t.Events == 0 {
			if event.Kind != KindProcess {
				return false, nil
			}
			if protocol := event.DetailInt("protocol"); protocol > Protocol {
				return false, &NewerProtocolError{Trace: t.Trace, Protocol: protocol}
			}
			t.begin(&event)
		}
		t.Events++
		t.Steps = max(t.Steps, event.Step)
		switch event.Kind {
		case KindIdentity:
			t.identity = event.Value
		case KindFact:
			t.fact(event.DetailString("name"), event.Value)
		case KindChild:
			if len(t.children) < maxChildren {
				t.children[event.DetailInt("pid")] = event.DetailInt("n")
			}
		case KindKilled:
			if len(t.Killed) < maxChildren {
				t.Killed = append(t.Killed, event.DetailInt("pid"))
			}
		case KindHost:
			t.told(&event)
		case KindExit:
			t.Exited = true
		}
	}
	t.Damaged = decoder.Damaged()
	return t.Events > 0, nil
}

func (t *trace) begin(event *Event) {
	t.Facts = make(map[string]string)
	t.children = make(map[int64]int64)
	t.ancestor = event.DetailInt("parent")
	t.via = event.DetailInt("via")
	t.Args = event.DetailStrings("argv")
	for _, name := range []string{"python", "executable", "hash_seed"} {
		t.fact(name, event.DetailString(name))
	}
}

// told takes over the number of a process that a line was told.
func (t *trace) told(event *Event) {
	if api := event.DetailString("api"); api != "os.getpid" && api != "os.getppid" || len(t.PIDs) >= maxPIDs {
		return
	}
	if pid, err := strconv.ParseInt(event.Value, 10, 64); err == nil && !slices.Contains(t.PIDs, pid) {
		t.PIDs = append(t.PIDs, pid)
	}
}

func (t *trace) fact(name, value string) {
	if len(name) > maxFactText || len(value) > maxFactText {
		return
	}
	if _, known := t.Facts[name]; known || len(t.Facts) < maxFacts {
		t.Facts[name] = value
	}
}

// named gives every process its full name. traces are in the order of their start.
func named(traces []*trace) []Process {
	latest := make(map[int64]*trace) // by pid: a pid may have been used again
	execs := make(map[*trace]int64)
	for _, t := range traces {
		if t.ancestor != 0 && t.ancestor != t.PID {
			t.parent = latest[t.ancestor]
		}
		if t.identity == "" && t.parent != nil {
			t.identity = t.execName(execs)
		}
		latest[t.PID] = t
	}
	taken := make(map[string]int64)
	processes := make([]Process, 0, len(traces))
	for _, t := range traces {
		base := "main"
		if t.parent != nil {
			base = t.identity
			// A parent starts before its child, and so has its name already.
			if t.Parent = t.parent.Name; strings.Count(t.Parent, "/") < maxNameDepth {
				base = t.Parent + "/" + t.identity
			}
		} else if t.identity != "" && len(processes) > 0 {
			base = t.identity
		}
		taken[base]++
		t.Name = base
		if n := taken[base]; n > 1 {
			t.Name = base + "#" + strconv.FormatInt(n, 10)
		}
		processes = append(processes, t.Process)
	}
	return processes
}

// execName numbers a process that was started by exec as its parent counted it, or by the order of the starts where
// the parent did not see it.
func (t *trace) execName(execs map[*trace]int64) string {
	if number, ok := t.parent.children[t.via]; ok {
		return "exec-" + strconv.FormatInt(number, 10)
	}
	known := slices.Collect(maps.Values(t.parent.children))
	for {
		execs[t.parent]++
		if !slices.Contains(known, execs[t.parent]) {
			return "exec-" + strconv.FormatInt(execs[t.parent], 10)
		}
	}
}
