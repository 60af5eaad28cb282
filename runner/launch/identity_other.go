//go:build !linux

package launch

import (
	"errors"
	"strconv"
	"syscall"
)

// identity is the pid. Another process may have got it since, and then counts as the owner.
func identity(pid int) string { return strconv.Itoa(pid) }

func alive(owner string) bool {
	pid, err := strconv.Atoi(owner)
	return err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
