package lint

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

// Path checks the checkpoint at path: a file, or a directory over whose files it is spread. Files of no known format are
// passed over in a directory. One that claims a format and cannot be read is damage; see Unreadable.
func Path(ctx context.Context, path string) (*Document, error) {
	items, err := all.List(path)
	if err != nil {
		return nil, err
	}
	c := NewChecker(path)
	for _, item := range items {
		if err := c.open(ctx, item); err != nil {
			return nil, err
		}
	}
	if len(c.files) == 0 {
		return nil, fmt.Errorf("%s: %w", path, checkpoint.ErrUnknownFormat)
	}
	return c.Document(), nil
}

func (c *Checker) open(ctx context.Context, item all.Item) error {
	f, err := all.Open(ctx, item.Path)
	var damaged *checkpoint.DamagedError
	switch {
	case errors.Is(err, checkpoint.ErrUnknownFormat):
		return nil
	case errors.As(err, &damaged):
		c.AddUnreadable(item.Name, err)
		return nil
	case err != nil:
		return err
	}
	defer f.Close()
	return c.Add(ctx, item.Name, f)
}

// Unreadable reports whether a file of the checkpoint could not be read at all.
func (d *Document) Unreadable() bool {
	return slices.ContainsFunc(d.Damage, func(x Damage) bool { return x.Rule == "CK101" })
}

// Complete reports whether nothing was found missing and nothing damaged.
func (d *Document) Complete() bool { return d.Resume != "no" && len(d.Damage) == 0 }
