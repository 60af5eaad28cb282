//go:build !linux

package workspace

import (
	"context"
	"errors"
)

func (w *Workspace) overlay(ctx context.Context) error {
	return errors.New("overlays are available on Linux only")
}
