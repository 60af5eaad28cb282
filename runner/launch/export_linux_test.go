package launch

import (
	"os"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EnterContainer gives the process what Docker's default profile leaves to a container (moby/profiles, default.json:
// system calls that need capabilities are refused without them), and executes the program anew with args.
func EnterContainer(args []string) error {
	runtime.LockOSThread()
	keep := []int{
		unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FSETID, unix.CAP_FOWNER, unix.CAP_MKNOD, unix.CAP_NET_RAW, unix.CAP_SETGID,
		unix.CAP_SETUID, unix.CAP_SETFCAP, unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_CHROOT, unix.CAP_KILL, unix.CAP_AUDIT_WRITE,
	}
	if os.Geteuid() == 0 {
		for c := range unix.CAP_LAST_CAP + 1 {
			if !slices.Contains(keep, c) {
				unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
			}
		}
	}
	refuse := uint32(unix.SECCOMP_RET_ERRNO | unix.EPERM)
	namespaces := uint32(unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET)
	rules := []rule{
		{unix.SYS_CLONE, []condition{{arg: 0, mask: namespaces, any: true}}, refuse},
		{unix.SYS_CLONE3, nil, unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	}
	for _, persona := range []uint32{0, 8, 0x20000, 0x20008, 0xffffffff} {
		rules = append(rules, rule{unix.SYS_PERSONALITY, []condition{{arg: 0, mask: 0xffffffff, value: persona}}, unix.SECCOMP_RET_ALLOW})
	}
	for _, nr := range []uint32{
		unix.SYS_PERSONALITY, unix.SYS_UNSHARE, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_SETNS, unix.SYS_SETHOSTNAME,
		unix.SYS_PIDFD_GETFD, unix.SYS_KCMP, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_MOVE_MOUNT,
	} {
		rules = append(rules, rule{nr, nil, refuse})
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := assemble(rules)
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", args, os.Environ())
}
