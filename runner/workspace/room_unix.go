//go:build linux || darwin

package workspace

import (
	"math"

	"golang.org/x/sys/unix"
)

// freeRoom returns what an ordinary user may still make on the file system of dir.
func freeRoom(dir string) (room, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return room{}, err
	}
	free := room{bytes: int64(st.Bavail) * int64(st.Bsize), files: int64(st.Ffree)}
	if st.Files == 0 { // such as btrfs
		free.files = math.MaxInt64
	}
	return free, nil
}
