package workspace

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// noneChanges lists the files of a tree that were touched since mark. There is nothing to compare them with.
func noneChanges(root string, hide []string, mark time.Time) func(func(Change, error) bool) {
	return func(yield func(Change, error) bool) {
		var dir func(rel string) error
		dir = func(rel string) error {
			return eachName(filepath.Join(root, rel), func(name string, err error) error {
				path := filepath.Join(rel, name)
				if err == nil && slices.Contains(hide, path) {
					return nil
				}
				var info fs.FileInfo
				if err == nil {
					info, err = os.Lstat(filepath.Join(root, path))
				}
				switch {
				case err == nil && info.IsDir():
					return dir(path)
				case err == nil && changeTime(info).Before(mark):
					return nil
				}
				c := Change{Path: path}
				if err == nil {
					c, _, err = compare(path, filepath.Join(root, path), info, "", nil)
					c.Op = Modified
				}
				c.Path = filepath.ToSlash(c.Path)
				if !yield(c, err) {
					return errStopped
				}
				return nil
			})
		}
		dir("")
	}
}
