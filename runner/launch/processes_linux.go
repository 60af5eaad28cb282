package launch

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// process is one process of the tree, as the filter's watcher knows it.
type process struct {
	pid      int
	start    uint64
	place    []int // ordinals from the command down, each among the children of its parent
	born     int   // children that have been given a place
	executed bool  // a program that has not been looked at yet
	exe      string
	calls    int64
	bytes    int64
	stream   *entropyStream
	opened   int // streams handed out in place of /dev/urandom
}

// processTable finds the process of a thread. A process is known by its pid and its start time, because pids come again.
type processTable struct {
	root    *process // the stub
	byPID   map[int]*process
	threads map[int]thread
}

type thread struct {
	start uint64
	of    *process
}

// maxThreads bounds the memory for a program that starts one thread after another.
const maxThreads = 1 << 14

func newProcessTable(stub int) processTable {
	root := &process{pid: stub}
	return processTable{root: root, byPID: map[int]*process{stub: root}, threads: map[int]thread{}}
}

// of returns the process of a thread, nil for the stub itself and for a process that is gone.
func (t *processTable) of(tid int) *process {
	s, ok := readStat(tid)
	if !ok {
		return nil
	}
	if known, ok := t.threads[tid]; ok && known.start == s.start {
		return known.of
	}
	pid := threadGroup(tid)
	if pid == 0 || pid == t.root.pid {
		return nil
	}
	p := t.find(pid)
	if p != nil {
		if len(t.threads) >= maxThreads {
			clear(t.threads) // only a cache
		}
		t.threads[tid] = thread{s.start, p}
	}
	return p
}

// find returns the process with that pid and gives it a place in the tree.
//
// Siblings are numbered by age, all those that are there when the first of them is looked for: which worker draws
// first does not matter then. One that lives and dies unseen is not counted.
func (t *processTable) find(pid int) *process {
	s, ok := readStat(pid)
	if !ok {
		return nil
	}
	if p := t.byPID[pid]; p != nil && (p == t.root || p.start == s.start) {
		return p
	}
	parent := t.root
	if s.parent != t.root.pid && s.parent > 0 {
		if parent = t.find(s.parent); parent == nil {
			parent = t.root
		}
	}
	type sibling struct {
		pid   int
		start uint64
	}
	siblings := []sibling{{pid, s.start}}
	for _, c := range children(parent.pid) {
		if cs, ok := readStat(c); ok && c != pid {
			siblings = append(siblings, sibling{c, cs.start})
		}
	}
	slices.SortFunc(siblings, func(a, b sibling) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.pid, b.pid))
	})
	for _, c := range siblings {
		if old := t.byPID[c.pid]; old != nil && old.start == c.start {
			continue
		}
		t.byPID[c.pid] = &process{pid: c.pid, start: c.start, place: append(slices.Clone(parent.place), parent.born)}
		parent.born++
	}
	return t.byPID[pid]
}

// threadGroup returns the pid of the process that a thread belongs to, 0 when it is gone.
func threadGroup(tid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(status, []byte("\nTgid:"))
	if !ok {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	pid, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	if err != nil {
		return 0
	}
	return pid
}

// maxEntropyProcesses bounds Outcome.Entropy.
const maxEntropyProcesses = 1000

// entropy sums up, by place.
func (t *processTable) entropy() []EntropyReads {
	var drew []*process
	for _, p := range t.byPID {
		if p.calls > 0 {
			drew = append(drew, p)
		}
	}
	slices.SortFunc(drew, func(a, b *process) int { return slices.Compare(a.place, b.place) })
	var all []EntropyReads
	for _, p := range drew[:min(len(drew), maxEntropyProcesses)] {
		all = append(all, EntropyReads{Place: placeName(p.place), PID: p.pid, Exe: p.exe, Calls: p.calls, Bytes: p.bytes})
	}
	return all
}

func placeName(place []int) string {
	var name []byte
	for i, n := range place {
		if i > 0 {
			name = append(name, '.')
		}
		name = strconv.AppendInt(name, int64(n), 10)
	}
	return string(name)
}
