package lint

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
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
	var several units
	for _, item := range items {
		if err := c.item(ctx, item, &several); err != nil {
			return nil, err
		}
	}
	if len(c.files) == 0 {
		return nil, fmt.Errorf("%s: no file in it is a checkpoint: %w", path, checkpoint.ErrUnknownFormat)
	}
	if names := several.names(); len(names) > 1 {
		return nil, fmt.Errorf("%s holds %d checkpoints, to be checked one by one: %s", path, len(names), shortList(names))
	}
	return c.Document(), nil
}

func (c *Checker) item(ctx context.Context, item all.Item, several *units) error {
	f, err := all.Open(ctx, item.Path)
	var damaged *checkpoint.DamagedError
	switch {
	case errors.As(err, &damaged):
		c.AddUnreadable(item.Name, err)
		return nil
	case err != nil && item.Path != c.path && all.Foreign(item.Name, err):
		if promises(item.Name) {
			c.AddUnreadable(item.Name, err)
		}
		return nil
	case err != nil:
		return err
	}
	defer f.Close()
	several.add(item.Name, f)
	return c.Add(ctx, item.Name, f)
}

// promises reports whether a file of that name is a checkpoint unless something destroyed it: a full disk leaves empty
// files, and a crash some of zeros, which are of no known format.
func promises(name string) bool {
	return slices.Contains([]string{".pt", ".pth", ".ckpt", ".safetensors", ".keras", ".h5"}, filepath.Ext(name))
}

func shortList(names []string) string {
	const most = 5
	text := ""
	for i, n := range names {
		if i == most {
			return text + fmt.Sprintf(" and %d more", len(names)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += n
	}
	return text
}

// Unreadable reports whether a file of the checkpoint could not be read at all.
func (d *Document) Unreadable() bool {
	return slices.ContainsFunc(d.Damage, func(x Damage) bool { return x.Rule == "CK101" })
}

// Complete reports whether nothing was found missing and nothing damaged. Dead storage takes room and harms nothing.
func (d *Document) Complete() bool {
	return d.Resume != "no" && !slices.ContainsFunc(d.Damage, func(x Damage) bool { return x.Rule != "CK106" })
}
