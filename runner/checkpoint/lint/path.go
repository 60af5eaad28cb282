package lint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// Path checks the checkpoint at path: a file, or a directory over whose files it is spread. A file that claims a format
// and breaks its rules is damage, see Unreadable; one that cannot be read for another reason is an error, and so is a
// directory that holds several checkpoints, what one of them lacks being no fault of the others.
func Path(ctx context.Context, path string) (*Document, error) {
	items, err := all.List(path)
	if err != nil {
		return nil, err
	}
	c := NewChecker(path)
	var several component.Units
	for _, item := range items {
		if err := c.item(ctx, item, &several); err != nil {
			return nil, err
		}
	}
	if len(c.files) == 0 {
		return nil, fmt.Errorf("%s: no file in it is a checkpoint: %w", path, checkpoint.ErrUnknownFormat)
	}
	if err := several.One(path); err != nil {
		return nil, err
	}
	return c.Document(), nil
}

func (c *Checker) item(ctx context.Context, item all.Item, several *component.Units) error {
	f, err := all.Open(ctx, item.Path)
	var damaged *checkpoint.DamagedError
	switch {
	case errors.As(err, &damaged):
		c.AddUnreadable(item.Name, err)
		return nil
	// A link may lead to what is gone.
	case err != nil && item.Path != c.path && (all.Foreign(item.Name, err) || errors.Is(err, fs.ErrNotExist)):
		if promises(item.Name) {
			c.AddUnreadable(item.Name, err)
		}
		return nil
	case err != nil:
		return err
	}
	defer f.Close()
	anatomy := component.Classify(f)
	several.Add(item.Name, f, anatomy)
	return c.Add(ctx, item.Name, f, anatomy)
}

// promises reports whether a file of that name is a checkpoint unless something destroyed it: a full disk leaves empty
// files, and a crash some of zeros, which are of no known format.
func promises(name string) bool {
	return slices.Contains([]string{".pt", ".pth", ".ckpt", ".safetensors", ".keras", ".h5"}, filepath.Ext(name))
}

// Unreadable reports whether a file of the checkpoint could not be read at all.
func (d *Document) Unreadable() bool {
	return slices.ContainsFunc(d.Damage, func(x Damage) bool { return x.Rule == "CK101" })
}

// Complete reports whether nothing was found missing and nothing damaged. Dead storage takes room and harms nothing.
func (d *Document) Complete() bool {
	return d.Resume != "no" && !slices.ContainsFunc(d.Damage, func(x Damage) bool { return x.Rule != "CK106" })
}
