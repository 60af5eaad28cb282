package lint

import (
	"context"
	"errors"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

// Path checks the checkpoint at path: a file, or a directory over whose files it is spread. A file that claims a format
// and breaks its rules is damage, see Unreadable; one that cannot be read for another reason is an error.
func Path(ctx context.Context, path string) (*Document, error) {
	c := NewChecker(path)
	err := all.Each(ctx, path, func(item all.Item, f *checkpoint.File, err error) error {
		var damaged *checkpoint.DamagedError
		switch {
		case errors.As(err, &damaged):
			c.AddUnreadable(item.Name, err)
			return nil
		case err != nil:
			return err
		}
		return c.Add(ctx, item.Name, f)
	})
	if err != nil {
		return nil, err
	}
	return c.Document(), nil
}

// Unreadable reports whether a file of the checkpoint could not be read at all.
func (d *Document) Unreadable() bool {
	return slices.ContainsFunc(d.Damage, func(x Damage) bool { return x.Rule == "CK101" })
}

// Complete reports whether nothing was found missing and nothing damaged.
func (d *Document) Complete() bool { return d.Resume != "no" && len(d.Damage) == 0 }
