//go:build !linux && !darwin

package workspace

import (
	"errors"
	"io/fs"
)

// bestFirst lists the kinds to try.
func bestFirst() []Kind { return []Kind{Copy} }

func reflinkFile(from, to string, info fs.FileInfo) error {
	return errors.New("reflinks are available on Linux only")
}

func cloneFile(from, to string, info fs.FileInfo) error {
	return errors.New("clonefile is available on macOS only")
}
