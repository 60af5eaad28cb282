//go:build !linux && !darwin

package workspace

import "errors"

func freeBytes(dir string) (int64, error) { return 0, errors.ErrUnsupported }
