package launch

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const auditArch = unix.AUDIT_ARCH_AARCH64

// pathCalls lists the system calls that change the file system through a path, with the arguments that name it.
var pathCalls = map[int32][]pathArgs{
	unix.SYS_OPENAT:    {{0, 1}},
	unix.SYS_OPENAT2:   {{0, 1}},
	unix.SYS_TRUNCATE:  {{noDir, 0}},
	unix.SYS_MKDIRAT:   {{0, 1}},
	unix.SYS_UNLINKAT:  {{0, 1}},
	unix.SYS_RENAMEAT:  {{0, 1}, {2, 3}},
	unix.SYS_RENAMEAT2: {{0, 1}, {2, 3}},
	unix.SYS_LINKAT:    {{2, 3}},
	unix.SYS_SYMLINKAT: {{1, 2}},
}

// openFlags lists the calls that open a path, with the argument that holds the flags.
var openFlags = map[int32]int{unix.SYS_OPENAT: 2}

// listCalls lists the calls that read a directory.
var listCalls = []int32{unix.SYS_GETDENTS64}

// oldGetdents is a call that arm64 does not have.
const oldGetdents = -1

// timeCall is a call that arm64 does not have.
const timeCall = -1

// vdsoClocks are the functions of the vDSO that read a clock, with the system calls they stand for, vdso(7).
var vdsoClocks = map[string]int32{
	"__kernel_clock_gettime": unix.SYS_CLOCK_GETTIME, "__kernel_gettimeofday": unix.SYS_GETTIMEOFDAY,
}

// callCode is the machine code of a function that makes a system call with the arguments it was given: mov x8, call; svc 0; ret.
func callCode(call int32) []byte {
	var code []byte
	for _, instruction := range []uint32{0xd2800008 | uint32(call)<<5, 0xd4000001, 0xd65f03c0} {
		code = binary.LittleEndian.AppendUint32(code, instruction)
	}
	return code
}
