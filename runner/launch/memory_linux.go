package launch

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"
)

// maxPath is PATH_MAX of limits.h, the longest path that a system call takes.
const maxPath = 4096

// readString reads a string of another process. It reads page by page, because the page after the string's may not be there.
func readString(tid int, address uintptr) (string, bool) {
	var out []byte
	page := uintptr(os.Getpagesize())
	for len(out) < maxPath {
		buf := make([]byte, min(page-address%page, maxPath))
		n, err := unix.ProcessVMReadv(tid, vector(buf), []unix.RemoteIovec{{Base: address, Len: len(buf)}}, 0)
		if err != nil || n == 0 {
			return "", false
		}
		if i := bytes.IndexByte(buf[:n], 0); i >= 0 {
			return string(append(out, buf[:i]...)), true
		}
		out = append(out, buf[:n]...)
		address += uintptr(n)
	}
	return "", false
}

// writeMemory writes to another process.
func writeMemory(tid int, address uintptr, data []byte) error {
	for len(data) > 0 {
		n, err := unix.ProcessVMWritev(tid, vector(data), []unix.RemoteIovec{{Base: address, Len: len(data)}}, 0)
		if err != nil {
			return err
		}
		data = data[n:]
		address += uintptr(n)
	}
	return nil
}

func vector(b []byte) []unix.Iovec {
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	return []unix.Iovec{v}
}
