package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// inspection holds what is wrong with each facility, empty for one that works; it is made in a stub that does nothing else.
type inspection struct {
	Namespaces, Hostname, ASLR, Affinity, Filter, Clock string
	// Shares says that the stub can share descriptors of other processes.
	Shares bool
}

// inspect tries everything that changes only this process. It runs in the stub.
func (k *keeper) inspect() *inspection {
	found := &inspection{Shares: canShare()}
	note := func(to *string, err error) {
		if err != nil {
			*to = err.Error()
		}
	}
	if f := k.enter(); f != nil {
		found.Namespaces = f.Text
	}
	if !k.HostNamespace {
		note(&found.Hostname, errNoNamespace)
	} else {
		note(&found.Hostname, unix.Sethostname([]byte("reprocheck")))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the thread ends with what has been done to it
		note(&found.ASLR, disableASLR())
		note(&found.Affinity, restrictCPUs(1))
		// One rule, for a call that this program does not make.
		_, err := listen(assemble([]rule{{nr: unix.SYS_ACCT, action: notify}}))
		if err == unix.EBUSY {
			err = errNested
		}
		note(&found.Filter, err)
		if err == nil {
			err = tryVDSO()
		}
		note(&found.Clock, err)
	}()
	<-done
	return found
}

// Capabilities finds out by trial what this machine lets the launcher do. It takes a few milliseconds.
func Capabilities(ctx context.Context) []Capability {
	found, in, refusal := inspectHere(ctx)
	if found == nil {
		return []Capability{{Name: "launcher", Detail: refusal.Error(), For: "everything"}}
	}
	how := "in the machine's own user namespace"
	if in.user {
		how = "in a user namespace"
	}
	namespaces := found.Namespaces
	if !in.pid {
		namespaces = refusal.Error()
	}
	withListing := "by seccomp user notification"
	if !found.Shares {
		withListing += ", without pidfd_getfd(2): positions set by seekdir(3) are not kept"
	}
	capability := func(name, wrong, detail, purpose string) Capability {
		if wrong != "" {
			detail = "refused: " + wrong
		}
		return Capability{name, wrong == "", detail, purpose}
	}
	tree := capability("process tree", "", "a pid namespace "+how, "ending every process of a run, even when reprocheck is killed")
	if namespaces != "" {
		tree.Detail = "a subreaper; a pid namespace is refused: " + namespaces
	}
	return []Capability{
		tree,
		capability("private mounts", namespaces, "a mount namespace "+how, "a clean tree at the same path in every run, without copying"),
		capability("fixed process ids", namespaces, "by ns_last_pid", "pinning seeds taken from a pid"),
		capability("operating-system entropy", found.Filter, "by seccomp user notification", "seeing and pinning os-entropy in any language"),
		capability("clock", found.Clock, "by seccomp user notification, and a vDSO that calls the kernel", "pinning wall-clock outside of Python"),
		capability("directory order", found.Filter, withListing, "pinning and varying file-order in any language"),
		capability("write audit", found.Filter, "by seccomp user notification", "noticing what a run writes outside its workspace"),
		capability("address layout", found.ASLR, "by personality(2)", "pinning object-identity"),
		capability("processor affinity", found.Affinity, "by sched_setaffinity(2)", "varying threads"),
		capability("host name", found.Hostname, "by a UTS namespace", "varying host"),
	}
}

// inspectHere asks a stub in the best isolation that can be had, and returns why a better one could not.
func inspectHere(ctx context.Context) (found *inspection, in isolation, refusal error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, in, err
	}
	defer null.Close()
	c := Command{}
	c.Controls.Hostname = "reprocheck"
	for _, in = range isolations(c, os.Geteuid()) {
		if ctx.Err() != nil {
			return nil, in, ctx.Err()
		}
		found, err = inspectIsolated(null, in)
		if err == nil && found.Namespaces != "" && in != (isolation{}) {
			err = errors.New(found.Namespaces)
		}
		if err == nil {
			return found, in, refusal
		}
		if refusal == nil {
			refusal = err
		}
	}
	return nil, in, refusal
}

func inspectIsolated(null *os.File, in isolation) (*inspection, error) {
	t, err := startStub([3]*os.File{null, null, null}, in)
	if err != nil {
		return nil, err
	}
	defer t.discard()
	s := newSetup(Command{}, in)
	s.Inspect = true
	a, err := t.ask(s)
	if err == nil && a.Inspection == nil {
		err = fmt.Errorf("the launcher's stub did not answer")
	}
	return a.Inspection, err
}
