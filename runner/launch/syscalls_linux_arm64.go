package launch

import "golang.org/x/sys/unix"

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
