package all

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Each opens what List returns for a path, one after the other, and calls visit with the file, which is closed after
// that, or with the error that opening it gave. In a directory, files that are Foreign are passed over; Each returns an
// error that wraps checkpoint.ErrUnknownFormat where nothing is left.
func Each(ctx context.Context, path string, visit func(Item, *checkpoint.File, error) error) error {
	items, err := List(path)
	if err != nil {
		return err
	}
	visited := false
	for _, item := range items {
		f, err := Open(ctx, item.Path)
		if err != nil && item.Path != path && Foreign(item.Name, err) {
			continue
		}
		visited = true
		err = visit(item, f, err)
		if f != nil {
			f.Close()
		}
		if err != nil {
			return err
		}
	}
	if !visited {
		return fmt.Errorf("%s: no file in it is a checkpoint: %w", path, checkpoint.ErrUnknownFormat)
	}
	return nil
}

// Foreign reports whether err, from opening the file of that name, says no more than that it is no checkpoint: it is of
// no known format, or JSON beyond the limits, as vocabularies and logs beside a checkpoint are.
func Foreign(name string, err error) bool {
	var limit *checkpoint.LimitError
	return errors.Is(err, checkpoint.ErrUnknownFormat) || errors.As(err, &limit) && strings.HasSuffix(name, ".json")
}
