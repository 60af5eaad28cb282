package launch

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A given clock. Programs read the clock in the vDSO, the page of code that the kernel maps into each of them, without a system
// call that a filter could see. So where a program has just been loaded, that code is replaced by the system call it stands
// for: the page is the program's own copy, and what it forks inherits it. Clocks that only ever measure spans, such as
// CLOCK_MONOTONIC, stay as they are, and so do Python interpreters, whose lines the probe gives a clock: waiting until a time
// of day that the kernel does not know would fail there.

const (
	// clockStart is the time of the first read, in seconds: the same as the probe's.
	clockStart = 1_700_000_000
	// slowReads are the reads by which the clock advances a millisecond, then a second each: a script that waits until a time
	// has come gets there.
	slowReads = 1000
)

// clockAfter is what the clock shows, in seconds and nanoseconds, after n reads in the whole tree.
func clockAfter(n int64) (seconds, nanoseconds int64) {
	slow := min(n, slowReads)
	return clockStart + slow/1000 + n - slow, slow % 1000 * 1_000_000
}

// loadCalls are made once by each program that has just been loaded, before any code of its own runs: by the C libraries
// (glibc and musl) when they set up the first thread, and by Go when it counts processors.
var loadCalls = []int32{unix.SYS_SET_TID_ADDRESS, unix.SYS_SCHED_GETAFFINITY}

// realTime are the clocks that tell the time of day.
var realTime = []uint32{unix.CLOCK_REALTIME, unix.CLOCK_REALTIME_COARSE}

// readClock answers a read of the clock.
func (w *watcher) readClock(n *notification, p *process) reply {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid))
	if err != nil || isPython(exe) {
		return goOn
	}
	seconds, rest := clockAfter(w.clockReads)
	answer := reply{after: func(sent bool, _ int) {
		if sent {
			w.clockReads++
		}
	}}
	value, at := binary.NativeEndian.AppendUint64(nil, uint64(seconds)), n.args[0]
	switch n.nr {
	case timeCall:
		answer.value = seconds
	case unix.SYS_GETTIMEOFDAY:
		value = binary.NativeEndian.AppendUint64(value, uint64(rest/1000))
	default:
		value, at = binary.NativeEndian.AppendUint64(value, uint64(rest)), n.args[1]
	}
	if at != 0 && writeMemory(int(n.tid), uintptr(at), value) != nil {
		return goOn // the kernel will tell it what is wrong with the address
	}
	return answer
}

// loaded makes a program that has just been loaded read the clock by system calls.
func (w *watcher) loaded(p *process) {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid))
	if err != nil || isPython(exe) {
		return
	}
	if err := replaceVDSO(p.pid); err != nil {
		w.refuse(fmt.Sprintf("a given clock for %s: %v", exe, err))
	}
}

// replaceVDSO replaces the functions of a process's vDSO that read a clock.
func replaceVDSO(pid int) error {
	return withVDSO(pid, func(memory *os.File, at int64, call int32) error {
		_, err := memory.WriteAt(callCode(call), at)
		return err
	})
}

// tryVDSO reports whether the functions of this process's own vDSO could be replaced: it writes what is there already.
func tryVDSO() error {
	return withVDSO(os.Getpid(), func(memory *os.File, at int64, call int32) error {
		code := make([]byte, len(callCode(call)))
		if _, err := memory.ReadAt(code, at); err != nil {
			return err
		}
		_, err := memory.WriteAt(code, at)
		return err
	})
}

// withVDSO calls do for each function of a process's vDSO that reads a clock, with its address and the system call it
// stands for. A process without a vDSO makes the calls by itself.
func withVDSO(pid int, do func(memory *os.File, at int64, call int32) error) error {
	base, size, err := vdsoOf(pid)
	if err != nil || size == 0 {
		return err
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	image := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(memory, base, size), image); err != nil {
		return err
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return err
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return err
	}
	for _, s := range symbols {
		call, clock := vdsoClocks[s.Name]
		if !clock {
			continue
		}
		if s.Value >= uint64(size) {
			return errors.New("the vDSO is not as expected")
		}
		if err := do(memory, base+int64(s.Value), call); err != nil {
			return err
		}
	}
	return nil
}

// vdsoOf finds the code of a process's vDSO; size is 0 where there is none.
func vdsoOf(pid int) (base, size int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		var end int64
		if strings.HasSuffix(line, "[vdso]\n") {
			if _, err := fmt.Sscanf(line, "%x-%x", &base, &end); err != nil {
				return 0, 0, err
			}
			return base, end - base, nil
		}
	}
	return 0, 0, nil
}
