//go:build linux || darwin

package workspace

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// sparse reports whether a file takes less room than its size, as one with holes does: a disk image, or a preallocated array.
func sparse(info fs.FileInfo) bool { return allocated(info) < info.Size() }

// allocated is the room that a file's data take, at most its size.
func allocated(info fs.FileInfo) int64 {
	const unit = 512 // of st_blocks, stat(2)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return min(st.Blocks*unit, info.Size())
	}
	return info.Size()
}

// copyData copies what of a file is no hole, see lseek(2), and gives the copy the same size.
func copyData(out, in *os.File, size int64) error {
	for at := int64(0); ; {
		start, err := unix.Seek(int(in.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return out.Truncate(size) // the rest is a hole
		}
		if err != nil {
			return err
		}
		end, err := unix.Seek(int(in.Fd()), start, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		for _, f := range []*os.File{in, out} {
			if _, err := f.Seek(start, io.SeekStart); err != nil {
				return err
			}
		}
		if _, err := out.ReadFrom(io.LimitReader(in, end-start)); err != nil {
			return err
		}
		at = end
	}
}
