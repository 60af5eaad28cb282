package launch

import (
	"fmt"
	"os"
	"strings"
)

// identity is four words: the boot, the pid namespace, the pid, and when the process started.
func identity(pid int) string {
	s, _ := readStat(pid)
	return fmt.Sprintf("%s %s %d %d", bootID(), pidNamespace(), pid, s.start)
}

func alive(owner string) bool {
	var boot, namespace string
	var pid int
	var start uint64
	if n, err := fmt.Sscanf(owner, "%s %s %d %d", &boot, &namespace, &pid, &start); n != 4 || err != nil {
		return true
	}
	switch {
	case boot == unknown || bootID() == unknown:
		return true
	case boot != bootID():
		return false // no process outlives its machine
	case namespace == unknown || namespace != pidNamespace():
		return true
	}
	s, ok := readStat(pid)
	return ok && s.start == start && s.state != 'Z'
}

// unknown stands for what could not be read.
const unknown = "-"

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(b) == 0 {
		return unknown
	}
	return strings.TrimSpace(string(b))
}

func pidNamespace() string {
	if link, err := os.Readlink("/proc/self/ns/pid"); err == nil {
		return link
	}
	return unknown
}
