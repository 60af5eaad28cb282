// Package filepool reads many files of one checkpoint through a few handles, so that a model of a thousand shards does
// not need a thousand open files.
package filepool

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// maxOpen is how many files are open at a time.
const maxOpen = 8

// Pool shares a few handles between many files. The zero value is ready for use.
type Pool struct {
	mu   sync.Mutex
	open map[string]*handle
	tick int64
}

type handle struct {
	file *os.File
	used int64 // tick of the last use
	busy int   // reads in progress
}

// file is one of the files.
type file struct {
	pool     *Pool
	path     string
	size     int64
	modified time.Time
}

// Add returns a reader of the file at path and its size. Behind symbolic links it must lie in one of the directories home.
func (p *Pool) Add(path string, home []string) (io.ReaderAt, int64, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, 0, err
	}
	if !slices.Contains(home, filepath.Dir(target)) {
		return nil, 0, checkpoint.Damaged("%s is a link that leaves the directory of the checkpoint", filepath.Base(path))
	}
	info, err := os.Stat(target)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, checkpoint.Damaged("%s is not a regular file", filepath.Base(path))
	}
	return &file{p, target, info.Size(), info.ModTime()}, info.Size(), nil
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	x, err := f.pool.acquire(f)
	if err != nil {
		return 0, err
	}
	defer f.pool.release(x)
	return x.file.ReadAt(b, off)
}

func (p *Pool) acquire(s *file) (*handle, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tick++
	if x := p.open[s.path]; x != nil {
		x.used = p.tick
		x.busy++
		return x, nil
	}
	p.evict()
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (info.Size() != s.size || !info.ModTime().Equal(s.modified)) {
		err = checkpoint.Damaged("%s changed while it was read", filepath.Base(s.path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	x := &handle{file: f, used: p.tick, busy: 1}
	if p.open == nil {
		p.open = map[string]*handle{}
	}
	p.open[s.path] = x
	return x, nil
}

// evict closes idle files, those not used for longest first, until there is room for one more.
func (p *Pool) evict() {
	for len(p.open) >= maxOpen {
		oldest := ""
		for path, x := range p.open {
			if x.busy == 0 && (oldest == "" || x.used < p.open[oldest].used) {
				oldest = path
			}
		}
		if oldest == "" {
			return // more readers than handles: each keeps its own
		}
		p.open[oldest].file.Close()
		delete(p.open, oldest)
	}
}

func (p *Pool) release(x *handle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x.busy--
}

// Close closes all files.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for path, x := range p.open {
		errs = append(errs, x.file.Close())
		delete(p.open, path)
	}
	return errors.Join(errs...)
}

// Homes are the directories that a file of a checkpoint may really lie in: that of its index, as named and, where the
// index is a symbolic link, as it is. Caches of the Hugging Face Hub link both to one folder of blobs.
func Homes(index string) ([]string, error) {
	named, err := filepath.EvalSymlinks(filepath.Dir(index))
	if err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(index)
	if err != nil {
		return nil, err
	}
	return []string{named, filepath.Dir(target)}, nil
}

// maxName is the longest name that file systems have.
const maxName = 255

// PlainName reports whether s names a file in the same directory and nothing else.
func PlainName(s string) bool {
	return len(s) <= maxName && s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\\\x00") && filepath.IsLocal(s)
}
