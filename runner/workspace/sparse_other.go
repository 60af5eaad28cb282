//go:build !linux && !darwin

package workspace

import (
	"errors"
	"io/fs"
	"os"
)

func sparse(fs.FileInfo) bool { return false }

func allocated(info fs.FileInfo) int64 { return info.Size() }

func copyData(out, in *os.File, size int64) error { return errors.ErrUnsupported }
