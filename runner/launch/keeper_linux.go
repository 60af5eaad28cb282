package launch

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// settle is how long what the command leaves behind may run on: a tee that writes its last line, a
// resource tracker that removes shared memory. After it comes SIGTERM, and after as long again SIGKILL.
const settle = 250 * time.Millisecond

// keeper is the stub at work: the first process of the tree.
type keeper struct {
	setup
	command int // pid of the command
	outcome Outcome
	lastPID *os.File // /proc/sys/kernel/ns_last_pid of the namespace
	watch   *watcher // nil without a filter
}

// exits is what the reaper reports: one status for the command, then the end of everything.
type exits struct {
	command chan syscall.WaitStatus
	all     chan struct{}
}

// reap collects every process that ends until none is left.
func reap(command int) exits {
	e := exits{make(chan syscall.WaitStatus, 1), make(chan struct{})}
	go func() {
		defer close(e.all)
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, 0, nil)
			switch {
			case err == syscall.EINTR:
			case err != nil:
				return
			case pid == command:
				e.command <- status
			}
		}
	}()
	return e
}

// keep lives with the tree until it is gone. A closed orders kills it.
func (k *keeper) keep(orders <-chan order) Outcome {
	e := reap(k.command)
	pythons := newPythonWatch()
	defer pythons.stop()
	var wait <-chan time.Time
	next := k.terminateAll
	for {
		select {
		case o, ok := <-orders:
			switch {
			case !ok:
				k.killAll()
				orders = nil
			case o == orderInterrupt:
				// As a terminal's ^C does it: to the foreground process group.
				syscall.Kill(-k.command, syscall.SIGINT)
			case o == orderTerminate:
				k.terminateAll()
			case o == orderKill:
				k.killAll()
			}
		case status := <-e.command:
			o := ended(status)
			k.outcome.Code, k.outcome.Signal = o.Code, o.Signal
			wait = time.After(settle)
		case <-wait:
			if k.outcome.LeftRunning == nil {
				k.outcome.LeftRunning = programs(descendants())
			}
			next()
			next, wait = k.killAll, time.After(settle)
		case <-e.all:
			// The command's status may still be waiting: it is sent before all is closed.
			select {
			case status := <-e.command:
				o := ended(status)
				k.outcome.Code, k.outcome.Signal = o.Code, o.Signal
			default:
			}
			return k.finish(pythons)
		}
	}
}

// finish sums up what was seen.
func (k *keeper) finish(pythons *pythonWatch) Outcome {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage) == nil {
		k.outcome.MaxRSS = usage.Maxrss << 10 // KiB on Linux, getrusage(2)
	}
	k.outcome.Pythons = pythons.stop()
	if k.watch != nil {
		k.watch.report(&k.outcome)
	}
	return k.outcome
}

// terminateAll asks every process of the tree to end.
func (k *keeper) terminateAll() { k.signalAll(unix.SIGTERM) }

// killAll ends every process of the tree. In a pid namespace one call reaches them all; elsewhere they are stopped first,
// until no new one appears, so that none can fork away.
func (k *keeper) killAll() {
	if k.PIDNamespace {
		syscall.Kill(-1, unix.SIGKILL)
		return
	}
	for {
		stopped := map[int]bool{}
		for fresh := true; fresh; {
			fresh = false
			for _, p := range descendants() {
				if !stopped[p] && syscall.Kill(p, unix.SIGSTOP) == nil {
					stopped[p], fresh = true, true
				}
			}
		}
		if len(stopped) == 0 {
			return
		}
		for p := range stopped {
			syscall.Kill(p, unix.SIGKILL)
		}
		time.Sleep(time.Millisecond) // for the reaper
	}
}

func (k *keeper) signalAll(s syscall.Signal) {
	if k.PIDNamespace {
		syscall.Kill(-1, s)
		return
	}
	for _, p := range descendants() {
		syscall.Kill(p, s)
	}
}
