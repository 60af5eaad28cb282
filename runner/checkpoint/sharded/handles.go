package sharded

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// maxOpen is how many shards are open at a time.
const maxOpen = 8

// handles shares a few open files between many shards.
type handles struct {
	mu   sync.Mutex
	open map[string]*handle
	tick int64
}

type handle struct {
	file *os.File
	used int64 // tick of the last use
	busy int   // reads in progress
}

// shard reads one file through the shared handles.
type shard struct {
	handles  *handles
	path     string
	size     int64
	modified time.Time
}

// add returns a reader of the file at path, which must really lie in one of the directories home.
func (h *handles) add(path string, home []string) (io.ReaderAt, int64, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, 0, err
	}
	if !slices.Contains(home, filepath.Dir(target)) {
		return nil, 0, checkpoint.Damaged("it is a link that leaves the directory of the index")
	}
	info, err := os.Stat(target)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, checkpoint.Damaged("it is not a regular file")
	}
	return &shard{h, target, info.Size(), info.ModTime()}, info.Size(), nil
}

func (s *shard) ReadAt(p []byte, off int64) (int, error) {
	x, err := s.handles.acquire(s)
	if err != nil {
		return 0, err
	}
	defer s.handles.release(x)
	return x.file.ReadAt(p, off)
}

func (h *handles) acquire(s *shard) (*handle, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tick++
	if x := h.open[s.path]; x != nil {
		x.used = h.tick
		x.busy++
		return x, nil
	}
	h.evict()
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (info.Size() != s.size || !info.ModTime().Equal(s.modified)) {
		err = checkpoint.Damaged("shard %s changed while it was read", filepath.Base(s.path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	x := &handle{file: f, used: h.tick, busy: 1}
	h.open[s.path] = x
	return x, nil
}

// evict closes idle files, those not used for longest first, until there is room for one more.
func (h *handles) evict() {
	for len(h.open) >= maxOpen {
		oldest := ""
		for path, x := range h.open {
			if x.busy == 0 && (oldest == "" || x.used < h.open[oldest].used) {
				oldest = path
			}
		}
		if oldest == "" {
			return // more readers than handles: each keeps its own
		}
		h.open[oldest].file.Close()
		delete(h.open, oldest)
	}
}

func (h *handles) release(x *handle) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x.busy--
}

// Close closes all files.
func (h *handles) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for path, x := range h.open {
		errs = append(errs, x.file.Close())
		delete(h.open, path)
	}
	return errors.Join(errs...)
}
