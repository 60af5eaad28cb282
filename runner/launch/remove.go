package launch

import (
	"io/fs"
	"os"
	"path/filepath"
)

// RemoveAll is os.RemoveAll for trees whose directories may have lost their permissions: the kernel keeps a directory of
// mode 000 below an overlay's work directory, and a run may have made others.
func RemoveAll(root string) error {
	err := os.RemoveAll(root)
	if err == nil {
		return nil
	}
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			if err != nil {
				// The directory could not be read; WalkDir has called before, when it was opened by the branch below.
				return nil
			}
			os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(root)
}
