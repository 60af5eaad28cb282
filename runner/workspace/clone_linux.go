package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// reflinkFile makes a file that shares the blocks of from until either is written.
func reflinkFile(from, to string, info fs.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = unix.IoctlFileClone(int(out.Fd()), int(in.Fd())); err != nil {
		out.Close()
		return fmt.Errorf("sharing blocks between files: %w", err)
	}
	return out.Close()
}

func cloneFile(from, to string, info fs.FileInfo) error {
	return errors.New("clonefile is available on macOS only")
}
