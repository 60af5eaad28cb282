package launch

import (
	"errors"
	"io/fs"
	"os/exec"
	"syscall"

	"github.com/reprocheck/reprocheck/seed"
)

// stubName is the stub's argv[0], by which a process knows that it is one.
const stubName = "reprocheck-stub"

// controlFD is the stub's end of the control socket.
const controlFD = 3

// setup is the first message to the stub. Gob carries it because arguments and file names need not be UTF-8.
type setup struct {
	Argv, Env, Private []string
	Dir                string
	Mounts             []Mount
	Controls           seed.Launch
	Audit              bool
	// PIDNamespace says that the stub is pid 1 of a namespace of its own, FirstPID what pid the command gets there (roughly
	// where another pid is taken), and UserNamespace that it has capabilities to give up.
	PIDNamespace  bool
	FirstPID      int
	UserNamespace bool
	// Trial asks for a trial of the mounts, after which another setup says what to start, or nothing does.
	Trial bool
	// Remove asks for nothing but to remove this directory when the process at the other end has ended.
	Remove string
	// Inspect asks for nothing but a trial of everything else.
	Inspect bool
	// HostNamespace says that the host name may be set.
	HostNamespace bool
}

// order tells the stub what to do with the running tree.
type order int

const (
	orderInterrupt order = 1 + iota
	orderTerminate
	orderKill
)

// answer is a message from the stub: Tried after a trial, then Started or Failure, then Ended.
type answer struct {
	// Tried holds what is wrong with each mount of a trial, empty for one that works.
	Tried []string
	// Inspection answers Inspect.
	Inspection *inspection
	Started    bool
	Failure    *failure
	Ended      *Outcome
}

// stage is what the stub was doing when it failed.
type stage int

const (
	stageNamespace stage = 1 + iota // setting up the pid namespace: possible without
	stageMount
	stageDirectory
	stageCommand
)

// failure carries an error over the control socket so that errors.Is works on the other side.
type failure struct {
	Stage    stage
	Text     string
	Errno    syscall.Errno
	NotFound bool
}

func newFailure(s stage, err error) *failure {
	f := &failure{Stage: s, Text: err.Error(), NotFound: errors.Is(err, exec.ErrNotFound)}
	if !errors.As(err, &f.Errno) && errors.Is(err, fs.ErrPermission) {
		f.Errno = syscall.EACCES
	}
	return f
}

func (f *failure) Error() string { return f.Text }

func (f *failure) Unwrap() []error {
	var errs []error
	if f.Errno != 0 {
		errs = append(errs, f.Errno)
	}
	if f.NotFound {
		errs = append(errs, exec.ErrNotFound)
	}
	switch f.Stage {
	case stageMount:
		errs = append(errs, ErrMount)
	case stageDirectory:
		errs = append(errs, ErrDirectory)
	}
	return errs
}
