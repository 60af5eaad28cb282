package launch

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// tree is the supervisor's handle on the stub, which is the first process of the command's tree.
type tree struct {
	stub    *os.Process
	control *os.File
	in      *gob.Decoder
	out     *gob.Encoder
	mu      sync.Mutex // guards out
}

// isolation is one combination of namespaces to try.
type isolation struct {
	user, pid, mount, host bool
}

func (i isolation) flags() uintptr {
	var f uintptr
	if i.user {
		f |= unix.CLONE_NEWUSER
	}
	if i.pid {
		f |= unix.CLONE_NEWPID
	}
	if i.mount {
		f |= unix.CLONE_NEWNS
	}
	if i.host {
		f |= unix.CLONE_NEWUTS
	}
	return f
}

// isolations lists what to try for a command, best first. A pid namespace needs a mount namespace for its /proc.
// The last one always works.
func isolations(c Command, uid int) []isolation {
	mount, host := len(c.Mounts) > 0, c.Controls.Hostname != ""
	wanted := []isolation{{pid: true, mount: true, host: host}}
	if mount || host {
		wanted = append(wanted, isolation{mount: mount, host: host})
	}
	var all []isolation
	for _, i := range wanted {
		if uid == 0 {
			all = append(all, i)
		}
		i.user = true
		all = append(all, i)
	}
	return append(all, isolation{})
}

// startTree tries one isolation after another until the command runs, or fails for a reason of its own.
func startTree(c Command, files [3]*os.File) (*tree, error) {
	var refusal error
	for _, i := range isolations(c, os.Geteuid()) {
		if i == (isolation{}) && len(c.Mounts) > 0 {
			break
		}
		t, err := startIsolated(c, files, i)
		if err == nil {
			return t, nil
		}
		var f *failure
		if errors.As(err, &f) && f.Stage != stageNamespace && (f.Stage != stageMount || i.user) {
			return nil, err
		}
		if refusal == nil {
			refusal = err
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrMount, refusal)
}

// stubCapabilities are what mounting, copying up on an overlay, and setting the pid counter need inside a user
// namespace. They are given to the stub only.
var stubCapabilities = []uintptr{
	unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE,
	unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER, unix.CAP_CHOWN, unix.CAP_FSETID, unix.CAP_MKNOD,
}

// startIsolated starts the stub in its namespaces and the command under it.
func startIsolated(c Command, files [3]*os.File, i isolation) (*tree, error) {
	t, err := startStub(files, i)
	if err != nil {
		return nil, err
	}
	return t.start(c, i)
}

// start has the stub start the command.
func (t *tree) start(c Command, i isolation) (*tree, error) {
	a, err := t.ask(newSetup(c, i))
	if err == nil && a.Failure != nil {
		err = a.Failure
	}
	if err != nil {
		t.discard()
		return nil, fmt.Errorf("starting %s: %w", c.Argv[0], err)
	}
	return t, nil
}

func startStub(files [3]*os.File, i isolation) (*tree, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a control socket: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	unix.SetNonblock(pair[0], true) // so that Close ends a pending Read
	control := os.NewFile(uintptr(pair[0]), "control")
	attr := &syscall.SysProcAttr{Setsid: true, Cloneflags: i.flags()}
	if i.user {
		uid, gid := os.Geteuid(), os.Getegid()
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		attr.AmbientCaps = stubCapabilities
	}
	stub, err := os.StartProcess("/proc/self/exe", []string{stubName}, &os.ProcAttr{
		Dir: "/",
		// The stub needs two processors' worth of scheduling even on one: while the command is being executed one of its
		// threads is suspended, and another answers the filter.
		Env:   []string{"GOMAXPROCS=4", "GOTRACEBACK=none"},
		Files: []*os.File{files[0], files[1], files[2], theirs},
		Sys:   attr,
	})
	if err != nil {
		control.Close()
		if path := (*os.PathError)(nil); errors.As(err, &path) {
			err = path.Err // its path is /proc/self/exe, which says nothing
		}
		return nil, fmt.Errorf("starting a process in namespaces of its own: %w", err)
	}
	return &tree{stub: stub, control: control, in: gob.NewDecoder(control), out: gob.NewEncoder(control)}, nil
}

// ask sends the setup and returns the stub's first answer.
func (t *tree) ask(s setup) (a answer, err error) {
	if err = t.out.Encode(s); err == nil {
		err = t.in.Decode(&a)
	}
	return a, err
}

// discard ends a stub that never ran its command.
func (t *tree) discard() {
	t.stub.Kill()
	t.stub.Wait()
	t.control.Close()
}

// The first pid of a tree in its namespace: somewhere among the usual, and never twice the same unless it is asked for,
// because a training may take its seed from its pid.
const (
	fixedPID   = 4000
	lowestPID  = 1000
	pidsToUse  = 30000 // stays below the smallest usual kernel.pid_max, 32768
	pidsToFork = 2000  // room for a few forks before the counter wraps around
)

func newSetup(c Command, i isolation) setup {
	s := setup{
		Argv: c.Argv, Env: c.Env, Dir: c.Dir, Mounts: c.Mounts, Controls: c.Controls,
		Audit: c.Audit, Private: c.Private,
		PIDNamespace: i.pid, UserNamespace: i.user, HostNamespace: i.host,
		FirstPID: lowestPID + rand.IntN(pidsToUse-pidsToFork),
	}
	if c.Controls.FixedPIDs {
		s.FirstPID = fixedPID
	}
	return s
}

func (t *tree) order(o order) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out.Encode(o) // a stub that no longer listens has ended
}

func (t *tree) interrupt() { t.order(orderInterrupt) }
func (t *tree) terminate() { t.order(orderTerminate) }
func (t *tree) kill()      { t.order(orderKill) }

// abandon is for a stub that does not even kill.
func (t *tree) abandon() { t.stub.Kill() }

// wait waits for the whole tree.
func (t *tree) wait() (Outcome, error) {
	var a answer
	err := t.in.Decode(&a)
	state, werr := t.stub.Wait()
	t.control.Close()
	if werr != nil {
		return Outcome{}, fmt.Errorf("waiting for the launcher's stub: %w", werr)
	}
	if err == nil && a.Ended == nil {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("the launcher's stub was ended (%v) and the command with it: %w", state, err)
	}
	return *a.Ended, nil
}
