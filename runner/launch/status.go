package launch

import (
	"errors"
	"io/fs"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// ended puts a wait status into the words of an Outcome.
func ended(s syscall.WaitStatus) Outcome {
	if s.Signaled() {
		return Outcome{Code: 128 + int(s.Signal()), Signal: unix.SignalName(s.Signal())}
	}
	return Outcome{Code: s.ExitStatus()}
}

// isMissing reports whether err says that there is no such file.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, exec.ErrNotFound)
}
