package launch

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errNested is what EBUSY means: a process tree has at most one listener.
var errNested = errors.New("another program above reprocheck watches system calls already (a nested reprocheck, or the container's runtime)")

// The structures and commands of seccomp_unotify(2), which x/sys/unix does not have.
type (
	notification struct {
		id    uint64
		tid   uint32
		flags uint32
		nr    int32
		arch  uint32
		ip    uint64
		args  [6]uint64
	}
	response struct {
		id    uint64
		value int64
		errno int32 // negative
		flags uint32
	}
	addDescriptor struct {
		id       uint64
		flags    uint32
		source   uint32
		target   uint32
		newFlags uint32
	}
)

const (
	ioctlAddDescriptor = 0x40182103 // SECCOMP_IOCTL_NOTIF_ADDFD
	ioctlStillValid    = 0x40082102 // SECCOMP_IOCTL_NOTIF_ID_VALID
	ioctlSetFlags      = 0x40082104 // SECCOMP_IOCTL_NOTIF_SET_FLAGS
)

// reply is what a handler wants a call to return.
type reply struct {
	carryOn bool // let the kernel perform the call
	value   int64
	errno   unix.Errno
	// file, when set, becomes a descriptor of the caller, and its number the value.
	file      *os.File
	fileFlags uint32
	// after is called when the reply has been sent, or could not be: an interrupted call comes again.
	// With file, value is the number of the descriptor.
	after func(sent bool, value int)
}

var goOn = reply{carryOn: true}

// watcher answers the filter's notifications, one at a time.
type watcher struct {
	fd     int
	setup  setup
	pid    int // of the stub itself
	start  time.Time
	writes *writeAudit
	order  *listing

	mu        sync.Mutex // guards what follows against report
	processes processTable
	refused   map[string]bool
	pythons   []PythonProcess
	// clockReads counts the answered reads of the clock in the whole tree.
	clockReads int64
}

func newWatcher(k *keeper) *watcher {
	pid := os.Getpid()
	w := &watcher{setup: k.setup, pid: pid, start: time.Now(), processes: newProcessTable(pid), refused: map[string]bool{}}
	if k.Audit {
		w.writes = newWriteAudit(append([]string{k.Dir}, k.Private...), w.start)
	}
	if k.Controls.DirOrder != "" {
		w.order = newListing(k.Controls.DirOrder, k.Controls.DirSeed)
	}
	return w
}

// serve answers until the process ends. The descriptor stays valid as long as the stub's own filtered thread lives.
func (w *watcher) serve() {
	for {
		var n notification
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n)))
		switch errno {
		case 0:
			w.mu.Lock()
			w.answer(&n, w.handle(&n))
			w.mu.Unlock()
		case unix.EINTR, unix.ENOENT: // the caller was killed or interrupted before we heard of it
		default:
			return
		}
	}
}

func (w *watcher) answer(n *notification, r reply) {
	sent, value := false, int(r.value)
	if r.after != nil {
		defer func() { r.after(sent, value) }()
	}
	if r.file != nil {
		add := addDescriptor{id: n.id, flags: unix.SECCOMP_ADDFD_FLAG_SEND, source: uint32(r.file.Fd()), newFlags: r.fileFlags}
		fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.fd), ioctlAddDescriptor, uintptr(unsafe.Pointer(&add)))
		r.file.Close()
		value = int(fd)
		if sent = errno == 0; sent || errno == unix.ENOENT {
			return
		}
		w.refuse("a file in place of the one that was to be opened: " + errno.Error())
		r.carryOn = true
	}
	out := response{id: n.id, value: r.value, errno: -int32(r.errno)}
	if r.carryOn {
		out = response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&out)))
	sent = errno == 0 && r.file == nil
}

func (w *watcher) handle(n *notification) reply {
	p := w.processes.of(int(n.tid))
	if p == nil {
		return goOn // the stub's own thread, or a process that is gone
	}
	switch nr := n.nr; {
	case nr == unix.SYS_GETRANDOM:
		return w.getrandom(n, p)
	case nr == unix.SYS_LSEEK:
		w.order.rewind(p, int32(n.args[0]))
		return goOn
	case nr == unix.SYS_CLOCK_GETTIME || nr == unix.SYS_GETTIMEOFDAY || nr == timeCall:
		return w.readClock(n, p)
	case slices.Contains(loadCalls, nr):
		w.loaded(p)
		return goOn
	case nr == unix.SYS_EXECVE || nr == unix.SYS_EXECVEAT:
		p.executed = true
		return goOn
	case slices.Contains(listCalls, nr) && w.spares(p):
		return goOn
	case slices.Contains(listCalls, nr):
		return w.order.list(w, n, p)
	}
	return w.path(n, p)
}

// spares reports whether entropy and listings of a process are left to the probe.
func (w *watcher) spares(p *process) bool {
	if !w.setup.Controls.SparePython {
		return false
	}
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid))
	return err == nil && isPython(exe)
}

// path handles the calls that name a path.
func (w *watcher) path(n *notification, p *process) reply {
	flags, opens := openFlags[n.nr]
	if opens && w.order != nil && n.args[flags]&unix.O_DIRECTORY != 0 && !w.spares(p) {
		return w.order.openDirectory(w, n, p, int(n.args[flags]))
	}
	for _, a := range pathCalls[n.nr] {
		name, ok := readString(int(n.tid), uintptr(n.args[a.path]))
		if !ok || !w.valid(n) {
			return goOn
		}
		if w.setup.Controls.Entropy && (name == "/dev/urandom" || name == "/dev/random") && opens && n.args[flags]&writeFlags == 0 && !w.spares(p) {
			return w.openRandom(n, p, uint32(n.args[flags]))
		}
		if w.writes != nil && (!opens || n.args[flags]&writeFlags != 0) {
			w.writes.see(int(n.tid), a.directory(n), name)
		}
	}
	return goOn
}

// valid reports whether the call is still waiting: until then the caller's pid cannot have become another process's.
func (w *watcher) valid(n *notification) bool {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.fd), ioctlStillValid, uintptr(unsafe.Pointer(&n.id)))
	return errno == 0
}

func (w *watcher) refuse(what string) { w.refused[what] = true }

// report adds what was seen to the outcome.
func (w *watcher) report(o *Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o.Entropy = w.processes.entropy()
	if w.writes != nil {
		o.Outside = w.writes.outside()
	}
	o.Refused = append(o.Refused, slices.Sorted(maps.Keys(w.refused))...)
	for _, p := range w.pythons {
		if !slices.Contains(o.Pythons, p) {
			o.Pythons = append(o.Pythons, p)
		}
	}
	slices.SortFunc(o.Pythons, func(a, b PythonProcess) int { return a.PID - b.PID })
}
