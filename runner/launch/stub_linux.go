package launch

import (
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// RunIfStub makes the calling process the launcher's stub when it was started as one: it must be called with os.Args
// before anything else in main, and in TestMain of a package whose tests launch. When ran is true the process
// has done its work and exits with code.
func RunIfStub(args []string) (code int, ran bool) {
	if len(args) == 0 || args[0] != stubName {
		return 0, false
	}
	unix.CloseOnExec(controlFD)
	unix.SetNonblock(controlFD, true)
	control := os.NewFile(controlFD, "control")
	if control == nil {
		return 2, true
	}
	in, out := gob.NewDecoder(control), gob.NewEncoder(control)
	var s setup
	if err := in.Decode(&s); err != nil {
		return 2, true
	}
	if s.Remove != "" {
		clearAfter(receive(in), s.Remove)
		return 0, true
	}
	k := &keeper{setup: s}
	if s.Inspect {
		out.Encode(answer{Inspection: k.inspect()})
		return 0, true
	}
	f := k.enter()
	if f == nil && s.Trial {
		out.Encode(answer{Tried: tryMounts(s.Mounts, s.UserNamespace)})
		k.setup = setup{}
		if in.Decode(&k.setup) != nil {
			return 0, true // it was a trial only
		}
	}
	if f == nil {
		f = k.start()
	}
	if f != nil {
		out.Encode(answer{Failure: f})
		return 1, true
	}
	if err := out.Encode(answer{Started: true}); err != nil {
		k.killAll()
		return 2, true
	}
	outcome := k.keep(receive(in))
	out.Encode(answer{Ended: &outcome})
	return 0, true
}

// receive hands on the orders that come over the control socket. It closes the channel when reprocheck has ended, however it did.
func receive(in *gob.Decoder) <-chan order {
	orders := make(chan order)
	go func() {
		defer close(orders)
		for {
			var o order
			if in.Decode(&o) != nil {
				return
			}
			orders <- o
		}
	}()
	return orders
}

// start sets the process up and starts the command, in namespaces that have been entered.
func (k *keeper) start() *failure {
	if f := k.furnish(); f != nil {
		return f
	}
	if info, err := os.Stat(k.Dir); err != nil {
		return newFailure(stageDirectory, fmt.Errorf("working directory %s: %w", k.Dir, err))
	} else if !info.IsDir() {
		return newFailure(stageDirectory, fmt.Errorf("working directory %s: %w", k.Dir, unix.ENOTDIR))
	}
	path, err := LookPath(k.Argv[0], k.Env, k.Dir)
	if err != nil {
		return newFailure(stageCommand, err)
	}
	started := make(chan error)
	go func() {
		// The thread is never unlocked: what it has given up and taken on is inherited by the command, and by nothing else here.
		// It stays, because the command is to die with it should the stub be killed.
		runtime.LockOSThread()
		started <- k.fork(path)
		select {}
	}()
	if err := <-started; err != nil {
		return newFailure(stageCommand, fmt.Errorf("%s: %w", path, err))
	}
	return nil
}

// enter makes the namespaces the process's own.
func (k *keeper) enter() *failure {
	if k.PIDNamespace || len(k.Mounts) > 0 {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return newFailure(stageNamespace, fmt.Errorf("making mounts private: %w", err))
		}
	}
	if k.PIDNamespace {
		if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			return newFailure(stageNamespace, fmt.Errorf("mounting /proc for the pid namespace: %w", err))
		}
		var err error
		// Opened here, because an open of the filtered thread would be a call to answer.
		if k.lastPID, err = os.OpenFile("/proc/sys/kernel/ns_last_pid", os.O_WRONLY, 0); err == nil {
			err = k.setNextPID()
		}
		if err != nil {
			return newFailure(stageNamespace, fmt.Errorf("setting the first pid: %w", err))
		}
	} else {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return newFailure(stageCommand, fmt.Errorf("becoming the subreaper: %w", err))
		}
	}
	return nil
}

// furnish makes the namespaces what the command expects to find.
func (k *keeper) furnish() *failure {
	if k.Controls.FixedPIDs && !k.PIDNamespace {
		k.refuse("fixed process ids", errNoNamespace)
	}
	if err := mountAll(k.Mounts, k.UserNamespace); err != nil {
		return newFailure(stageMount, err)
	}
	if name := k.Controls.Hostname; name != "" {
		err := errNoNamespace
		if k.HostNamespace {
			err = unix.Sethostname([]byte(name))
		}
		if err != nil {
			k.refuse("another host name", err)
		}
	}
	return nil
}

// setNextPID makes the next process of the namespace have the pid FirstPID.
func (k *keeper) setNextPID() error {
	_, err := k.lastPID.WriteAt(strconv.AppendInt(nil, int64(k.FirstPID-1), 10), 0)
	return err
}

// fork starts the command from the calling thread, which hands its restrictions down to it.
func (k *keeper) fork(path string) error {
	if k.UserNamespace {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
			return fmt.Errorf("giving up capabilities: %w", err)
		}
	}
	k.restrict()
	// A collection would wait for this thread, which is suspended until the command has been executed, which may
	// wait for the filter's answer from another thread of this process.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	k.filter()
	if k.PIDNamespace {
		// Now, because the threads of this process take pids too.
		if err := k.setNextPID(); err != nil {
			return fmt.Errorf("setting the first pid: %w", err)
		}
	}
	var err error
	k.command, err = syscall.ForkExec(path, k.Argv, &syscall.ProcAttr{
		Dir: k.Dir, Env: k.Env, Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	return err
}

// restrict applies the controls that a thread hands down to its children.
func (k *keeper) restrict() {
	if k.Controls.NoASLR {
		if err := disableASLR(); err != nil {
			k.refuse("a fixed address-space layout", err)
		}
	}
	if n := k.Controls.CPUs; n > 0 {
		if err := restrictCPUs(n); err != nil {
			k.refuse("a restricted set of processors", err)
		}
	}
}

// addrNoRandomize is ADDR_NO_RANDOMIZE of personality(2), which x/sys/unix does not have.
const addrNoRandomize = 0x0040000

func disableASLR() error {
	// 0xffffffff asks for the current persona without changing it, personality(2).
	old, _, errno := unix.RawSyscall(unix.SYS_PERSONALITY, 0xffffffff, 0, 0)
	if errno == 0 {
		_, _, errno = unix.RawSyscall(unix.SYS_PERSONALITY, old|addrNoRandomize, 0, 0)
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// restrictCPUs keeps the first n of the processors that the process may use.
func restrictCPUs(n int) error {
	var have, keep unix.CPUSet
	if err := unix.SchedGetaffinity(0, &have); err != nil {
		return err
	}
	if have.Count() < n {
		return fmt.Errorf("%d asked for, %d there", n, have.Count())
	}
	for cpu := 0; keep.Count() < n; cpu++ {
		if have.IsSet(cpu) {
			keep.Set(cpu)
		}
	}
	return unix.SchedSetaffinity(0, &keep)
}

// errNoNamespace is why a control that lives in a namespace cannot be had.
var errNoNamespace = errors.New("this machine refuses the namespace that it needs")

func (k *keeper) refuse(what string, err error) {
	k.outcome.Refused = append(k.outcome.Refused, fmt.Sprintf("%s: %v", what, err))
}
