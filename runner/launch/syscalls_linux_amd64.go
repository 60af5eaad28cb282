package launch

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const auditArch = unix.AUDIT_ARCH_X86_64

// pathCalls lists the system calls that change the file system through a path, with the arguments that name it.
var pathCalls = map[int32][]pathArgs{
	unix.SYS_OPEN:      {{noDir, 0}},
	unix.SYS_CREAT:     {{noDir, 0}},
	unix.SYS_OPENAT:    {{0, 1}},
	unix.SYS_OPENAT2:   {{0, 1}},
	unix.SYS_TRUNCATE:  {{noDir, 0}},
	unix.SYS_MKDIR:     {{noDir, 0}},
	unix.SYS_MKDIRAT:   {{0, 1}},
	unix.SYS_RMDIR:     {{noDir, 0}},
	unix.SYS_UNLINK:    {{noDir, 0}},
	unix.SYS_UNLINKAT:  {{0, 1}},
	unix.SYS_RENAME:    {{noDir, 0}, {noDir, 1}},
	unix.SYS_RENAMEAT:  {{0, 1}, {2, 3}},
	unix.SYS_RENAMEAT2: {{0, 1}, {2, 3}},
	unix.SYS_LINK:      {{noDir, 1}},
	unix.SYS_LINKAT:    {{2, 3}},
	unix.SYS_SYMLINK:   {{noDir, 1}},
	unix.SYS_SYMLINKAT: {{1, 2}},
}

// openFlags lists the calls that open a path, with the argument that holds the flags.
var openFlags = map[int32]int{unix.SYS_OPEN: 1, unix.SYS_OPENAT: 2}

// listCalls lists the calls that read a directory.
var listCalls = []int32{unix.SYS_GETDENTS64, unix.SYS_GETDENTS}

// oldGetdents is the call with the layout of struct linux_dirent, getdents(2).
const oldGetdents = unix.SYS_GETDENTS

// timeCall is time(2).
const timeCall = unix.SYS_TIME

// vdsoClocks are the functions of the vDSO that read a clock, with the system calls they stand for, vdso(7).
var vdsoClocks = map[string]int32{
	"__vdso_clock_gettime": unix.SYS_CLOCK_GETTIME, "__vdso_gettimeofday": unix.SYS_GETTIMEOFDAY, "__vdso_time": unix.SYS_TIME,
}

// callCode is the machine code of a function that makes a system call with the arguments it was given: mov eax, call; syscall; ret.
func callCode(call int32) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{0xb8}, uint32(call)), 0x0f, 0x05, 0xc3)
}
