package launch

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/reprocheck/reprocheck/seed"
)

const (
	notify = unix.SECCOMP_RET_USER_NOTIF
	// mapType is MAP_TYPE of mmap(2).
	mapType = 0xf
)

// writeFlags are the open(2) flags of which a call that changes a file has at least one.
const writeFlags = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC

// rulesFor says which calls the stub wants to see: as few as the controls and the audit need, because each
// costs the caller some 30 microseconds. shares says that the stub can share the descriptors of the tree's processes.
func rulesFor(c seed.Launch, audit, shares bool) []rule {
	var rules []rule
	on := func(nr int32, when ...condition) { rules = append(rules, rule{uint32(nr), when, notify}) }
	opens := func(flags uint32) {
		for _, nr := range sortedCalls(openFlags) {
			on(nr, condition{arg: openFlags[nr], mask: flags, any: true})
		}
	}
	if c.Entropy || audit {
		on(unix.SYS_GETRANDOM)
		// The C library (glibc 2.41) and Go keep a generator of their own in a droppable page, seeded by one getrandom and
		// again each minute. Refused the page, they ask the kernel each time.
		rules = append(rules, rule{unix.SYS_MMAP,
			[]condition{{arg: 3, mask: mapType, value: unix.MAP_DROPPABLE}}, unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)})
	}
	if c.DirOrder != "" {
		for _, nr := range listCalls {
			on(nr)
		}
		if !shares {
			// A directory opened anew, or wound back, is listed from its start.
			opens(unix.O_DIRECTORY)
			on(unix.SYS_LSEEK, condition{arg: 1, mask: ^uint32(0)}, condition{arg: 2, mask: ^uint32(0)})
		}
	}
	if c.Entropy {
		for _, nr := range sortedCalls(openFlags) {
			on(nr, condition{arg: openFlags[nr], mask: unix.O_DIRECTORY})
		}
		on(unix.SYS_OPENAT2)
	}
	if c.Clock {
		for _, nr := range loadCalls {
			on(nr)
		}
		for _, id := range realTime {
			on(unix.SYS_CLOCK_GETTIME, condition{arg: 0, mask: ^uint32(0), value: id})
		}
		on(unix.SYS_GETTIMEOFDAY)
		if timeCall >= 0 {
			on(timeCall)
		}
	}
	if audit {
		on(unix.SYS_EXECVE)
		on(unix.SYS_EXECVEAT)
		opens(writeFlags)
		for _, nr := range sortedCalls(pathCalls) {
			if _, open := openFlags[nr]; !open {
				on(nr)
			}
		}
	}
	return rules
}

func sortedCalls[V any](calls map[int32]V) []int32 {
	var all []int32
	for nr := range calls {
		all = append(all, nr)
	}
	slices.Sort(all)
	return all
}

// filter installs the filter on the calling thread, when there is anything to see, and begins to answer it.
func (k *keeper) filter() {
	rules := rulesFor(k.Controls, k.Audit, canShare())
	if len(rules) == 0 {
		return
	}
	w := newWatcher(k)
	fd, err := listen(assemble(rules))
	if err != nil {
		if err == unix.EBUSY {
			err = errNested
		}
		for _, r := range []struct {
			asked bool
			what  string
		}{
			{k.Controls.Entropy, "a repeatable stream of operating-system entropy"},
			{k.Controls.DirOrder != "", "a given order of directory listings"},
			{k.Controls.Clock, "a given clock outside of Python"},
			{k.Audit, "the watch over entropy reads and writes outside the workspace"},
		} {
			if r.asked {
				k.refuse(r.what, err)
			}
		}
		return
	}
	unix.CloseOnExec(fd)
	w.fd = fd
	k.watch = w
	go w.serve()
}
