package launch

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// descendants lists the living processes below this one, parents first.
func descendants() []int {
	self := os.Getpid()
	if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d/children", self)); err != nil {
		return scanDescendants(self)
	}
	found := []int{self}
	for i := 0; i < len(found); i++ {
		found = append(found, children(found[i])...)
	}
	alive := found[1:]
	kept := alive[:0]
	for _, pid := range alive {
		if s, ok := readStat(pid); ok && s.state != 'Z' {
			kept = append(kept, pid)
		}
	}
	return kept
}

// children lists the children of all threads of a process, oldest first for each thread.
func children(pid int) []int {
	var all []int
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, t := range tasks {
		list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, t.Name()))
		for _, f := range bytes.Fields(list) {
			if n, err := strconv.Atoi(string(f)); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

// scanDescendants is for a kernel without CONFIG_PROC_CHILDREN.
func scanDescendants(self int) []int {
	below := map[int][]int{}
	names, _ := os.ReadDir("/proc")
	for _, n := range names {
		pid, err := strconv.Atoi(n.Name())
		if err != nil {
			continue
		}
		if s, ok := readStat(pid); ok && s.state != 'Z' {
			below[s.parent] = append(below[s.parent], pid)
		}
	}
	found := append([]int(nil), below[self]...)
	for i := 0; i < len(found); i++ {
		found = append(found, below[found[i]]...)
	}
	return found
}

// programs names what processes run, as comm(5) has it, each once and sorted.
func programs(pids []int) []string {
	const most = 10
	names := []string{}
	for _, pid := range pids {
		if b, err := readProc("/proc/" + strconv.Itoa(pid) + "/comm"); err == nil {
			names = append(names, string(bytes.TrimSuffix(b, []byte("\n"))))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), most)]
}

// stat is what is needed of /proc/PID/stat, proc(5).
type stat struct {
	state  byte
	parent int
	start  uint64 // in clock ticks since boot
}

func readStat(pid int) (stat, bool) {
	b, err := readProc("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	// The name in parentheses may itself hold parentheses and blanks; the last one ends it.
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return stat{}, false
	}
	f := bytes.Fields(b[i+1:])
	if len(f) < 20 || len(f[0]) != 1 {
		return stat{}, false
	}
	parent, err := strconv.Atoi(string(f[1]))
	if err != nil {
		return stat{}, false
	}
	start, err := strconv.ParseUint(string(f[19]), 10, 64)
	return stat{f[0][0], parent, start}, err == nil
}

// readProc reads a short file of proc(5). os.ReadFile would make ten system calls more, and it is read at each call that is answered.
func readProc(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	const longest = 4096 // the kernel gives such a file by the page
	b := make([]byte, longest)
	n, err := unix.Read(fd, b)
	return b[:max(n, 0)], err
}
