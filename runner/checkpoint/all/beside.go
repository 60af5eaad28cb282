package all

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// referring are the formats of files whose values may lie in other files.
var referring = map[string]bool{"onnx": true, "tensorbundle": true}

// beside returns the paths of the other files in which values of the checkpoint at path lie, and whether there are any. A
// file that may have some and cannot be opened counts as one that has, unless it is of no known format.
func beside(path string) (paths []string, spread bool) {
	if !refers(path) {
		return nil, false
	}
	f, err := Open(context.Background(), path)
	if err != nil {
		return nil, !errors.Is(err, checkpoint.ErrUnknownFormat)
	}
	defer f.Close()
	return f.Beside, len(f.Beside) > 0
}

// Beside returns the paths of the other files in which values of the checkpoint at path lie.
func Beside(path string) []string {
	paths, _ := beside(path)
	return paths
}

// refers reports whether the file at path may be of a format of which values may lie in other files.
func refers(path string) bool {
	info, err := os.Stat(path) // before opening, which would wait for the other end of a named pipe
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	r, err := os.Open(path)
	if err != nil {
		return false
	}
	defer r.Close()
	readers, _, err := candidates(r, info.Size(), filepath.Base(path))
	if err != nil {
		return false
	}
	for reader := range readers {
		if referring[reader.Format()] {
			return true
		}
	}
	return false
}
