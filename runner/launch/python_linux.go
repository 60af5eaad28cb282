package launch

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// isPython tells interpreters by their file names: python3, python3.13t, pypy3.10.
func isPython(exe string) bool {
	name := filepath.Base(exe)
	rest, ok := strings.CutPrefix(name, "python")
	if !ok {
		rest, ok = strings.CutPrefix(name, "pypy")
	}
	return ok && strings.Trim(strings.TrimRight(rest, "dmtu"), "0123456789.") == ""
}

// pythonWatch looks at the tree from time to time and remembers the Python interpreters in it.
type pythonWatch struct {
	end, ended chan struct{}
	once       sync.Once
	seen       map[int]*sighting
}

type sighting struct {
	start uint64
	exe   string
	first time.Time
	sure  bool
	// copyOf is the parent, as long as both have the same command line.
	copyOf int
}

// A fresh process is looked for often, a running one ever less.
const (
	firstLook  = 10 * time.Millisecond
	lastLook   = 250 * time.Millisecond
	transition = 30 * time.Millisecond // longer than a process needs from fork to exec
)

func newPythonWatch() *pythonWatch {
	w := &pythonWatch{end: make(chan struct{}), ended: make(chan struct{}), seen: map[int]*sighting{}}
	go func() {
		defer close(w.ended)
		for pause := firstLook; ; pause = min(pause+pause/8, lastLook) {
			select {
			case <-w.end:
				return
			case <-time.After(pause):
				w.look()
			}
		}
	}()
	return w
}

// look notes every process whose program is a Python interpreter. One that is seen only once may be a fork on its way
// to another program, so it takes two looks.
func (w *pythonWatch) look() {
	now := time.Now()
	for _, pid := range descendants() {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil || !isPython(exe) {
			continue
		}
		s, ok := readStat(pid)
		if !ok {
			continue
		}
		if old := w.seen[pid]; old != nil && old.start == s.start && old.exe == exe {
			old.sure = old.sure || now.Sub(old.first) >= transition
			if old.copyOf != 0 && !sameCommand(pid, old.copyOf) {
				old.copyOf = 0
			}
			continue
		}
		seen := &sighting{start: s.start, exe: exe, first: now}
		if sameCommand(pid, s.parent) {
			seen.copyOf = s.parent
		}
		w.seen[pid] = seen
	}
}

// sameCommand reports whether two processes have the same command line, as a fork has until it runs a program.
func sameCommand(a, b int) bool {
	of := func(pid int) []byte {
		line, err := readProc(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			return nil
		}
		return line
	}
	line := of(a)
	return len(line) > 0 && bytes.Equal(line, of(b))
}

// stop ends the watch and returns what it has seen, by pid.
func (w *pythonWatch) stop() []PythonProcess {
	w.once.Do(func() { close(w.end) })
	<-w.ended
	var all []PythonProcess
	for pid, s := range w.seen {
		if s.sure {
			all = append(all, PythonProcess{PID: pid, Exe: s.exe, CopyOf: s.copyOf})
		}
	}
	slices.SortFunc(all, func(a, b PythonProcess) int { return a.PID - b.PID })
	return all
}
