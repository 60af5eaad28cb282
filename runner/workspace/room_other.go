//go:build !linux && !darwin

package workspace

import "errors"

func freeRoom(dir string) (room, error) { return room{}, errors.ErrUnsupported }
