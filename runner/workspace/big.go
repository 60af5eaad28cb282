package workspace

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// bigFiles keeps copies of files from one run to the next where the copies are expensive and hardly ever written to: large files, and
// those that nobody may write to, such as all objects of a git repository. A run gets a hard link to the copy, never to the
// original. Runs side by side have a directory each.
type bigFiles struct {
	dir   string
	given map[string]fs.FileInfo // copies that this run has links to, with the originals' attributes
}

// copy is copyFile for all files.
func (b *bigFiles) copy(from, to string, info fs.FileInfo) error {
	if info.Size() <= bigFile && info.Mode()&0o222 != 0 {
		return copyFile(from, to, info)
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	if b.given == nil {
		b.given = map[string]fs.FileInfo{}
	}
	kept := filepath.Join(b.dir, fmt.Sprintf("%x", sha256.Sum256([]byte(from))))
	if old, err := os.Lstat(kept); err != nil || !sameStamp(old, info) {
		os.Remove(kept)
		if err := copyFile(from, kept, info); err != nil {
			return err
		}
		if err := restore(kept, info); err != nil {
			return err
		}
	}
	b.given[kept] = info
	return os.Link(kept, to)
}

// recover removes the copies that the run has written to.
func (b *bigFiles) recover() {
	for kept, info := range b.given {
		if now, err := os.Lstat(kept); err != nil || !sameStamp(now, info) {
			os.Remove(kept)
		}
	}
}

func sameStamp(a, b fs.FileInfo) bool { return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) }
