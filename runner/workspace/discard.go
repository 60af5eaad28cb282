package workspace

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/reprocheck/reprocheck/runner/launch"
)

// What becomes of the files of a run that is over. ext4 looks, for every new file, through all that were removed from the same
// group of inodes in the last minutes (recently_deleted in fs/ext4/ialloc.c): after a run that wrote 20,000 files the next one
// took seven times as long to write its own. Many small files are therefore set aside in the scratch directory, whose owner
// removes them at the end.
const (
	// manyFiles is the number of files and directories whose removal is noticed.
	manyFiles = 1000
	// largeFile is the size in bytes from which a file is removed at once: such files are few, and fill a disk.
	largeFile = 1 << 20
	// block is what a file takes beyond its size in bytes at most, on the usual file systems.
	block = 4096
	// asideShare is the part of what is free, of space and of inodes, that one run's files may keep occupied.
	asideShare = 1.0 / 20
)

// discard removes the tree at root, a directory of scratch, or sets it aside there.
func discard(root, scratch string) error {
	if worthSettingAside(root, scratch) {
		if aside, err := os.MkdirTemp(scratch, asidePrefix); err == nil && os.Rename(root, filepath.Join(aside, "tree")) == nil {
			return nil
		}
	}
	return launch.RemoveAll(root)
}

const asidePrefix = "aside-"

// worthSettingAside removes the large files below root and reports whether there are many small ones, and room to keep them.
func worthSettingAside(root, scratch string) bool {
	var files, bytes int64
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // the kernel's own directory of mode 000 below an overlay's work directory
		}
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case d.Type().IsRegular() && info.Size() >= largeFile:
			return os.Remove(path)
		}
		files++
		bytes += info.Size() + block
		return nil
	})
	if err != nil || files < manyFiles {
		return false
	}
	free, err := freeRoom(scratch)
	return err == nil && float64(bytes) <= asideShare*float64(free.bytes) && float64(files) <= asideShare*float64(free.files)
}
