package launch

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rule is what the filter does with one system call when all conditions hold; the first rule that fits decides.
type rule struct {
	nr     uint32
	when   []condition
	action uint32
}

// condition looks at the low 32 bits of an argument: flags never use more.
type condition struct {
	arg  int
	mask uint32
	// any asks for at least one bit of mask; otherwise the masked argument must equal value.
	any   bool
	value uint32
}

// offsets in struct seccomp_data, seccomp(2); the low half of an argument comes first on little-endian machines.
const (
	dataNR   = 0
	dataArch = 4
	dataArgs = 16
)

// assemble turns the rules into a classic BPF program. A call of another architecture or of none of the rules is allowed.
func assemble(rules []rule) []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	jump := func(test uint16, k uint32, yes, no int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | test, K: k, Jt: uint8(yes), Jf: uint8(no)}
	}
	ret := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	program := []unix.SockFilter{load(dataArch), jump(unix.BPF_JEQ, auditArch, 1, 0), ret(unix.SECCOMP_RET_ALLOW)}
	for _, r := range rules {
		var body []unix.SockFilter
		// Each condition is at most three instructions; what is left of the body is known only from its end.
		left := 1
		for i := len(r.when) - 1; i >= 0; i-- {
			c := r.when[i]
			var code []unix.SockFilter
			if c.any {
				code = []unix.SockFilter{load(dataArgs + 8*uint32(c.arg)), jump(unix.BPF_JSET, c.mask, 0, left)}
			} else {
				code = []unix.SockFilter{
					load(dataArgs + 8*uint32(c.arg)),
					{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: c.mask},
					jump(unix.BPF_JEQ, c.value, 0, left),
				}
			}
			body = append(code, body...)
			left = len(body) + 1
		}
		body = append(body, ret(r.action))
		program = append(program, load(dataNR), jump(unix.BPF_JEQ, r.nr, 0, len(body)))
		program = append(program, body...)
	}
	return append(program, ret(unix.SECCOMP_RET_ALLOW))
}

// listen installs the program on the calling thread and returns the descriptor on which notifications arrive.
func listen(program []unix.SockFilter) (int, error) {
	if auditArch == 0 {
		return 0, errors.ErrUnsupported
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	install := func(flags uintptr) (int, unix.Errno) {
		fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
		return int(fd), errno
	}
	const (
		// Speculation stays as it is without a filter, instead of being slowed down on kernels before 5.16.
		basic = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
		// From Linux 5.19 on a signal does not interrupt a call that is being answered.
		steady = basic | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	)
	fd, errno := install(steady)
	if errno == unix.EACCES {
		// Without CAP_SYS_ADMIN a filter is for processes that can gain no privileges.
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return 0, err
		}
		fd, errno = install(steady)
	}
	if errno == unix.EINVAL {
		fd, errno = install(basic)
	}
	if errno != 0 {
		return 0, errno
	}
	// From Linux 6.6 on a call and its answer can take turns on one processor, as neither has anything to do meanwhile. Without
	// that they wake each other on different ones, which takes several times as long.
	unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlSetFlags, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
	return fd, nil
}
