// Package tempcopy makes data readable in any order that can only be read from front to back, by a copy in a temporary
// file.
package tempcopy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// File holds the copies. It is made when the first of them is read.
type File struct {
	mu   sync.Mutex
	file *os.File
	end  int64
}

// Copy returns what d holds; the copy is made when it is first read.
func (f *File) Copy(d checkpoint.Data) checkpoint.Data { return &copied{from: d, to: f} }

// reserve returns the file and an offset from which on n bytes of it are the caller's.
func (f *File) reserve(n int64) (*os.File, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		file, err := os.CreateTemp("", "reprocheck-*")
		if err != nil {
			return nil, 0, fmt.Errorf("making room for inflated data: %w", err)
		}
		f.file = file
	}
	off := f.end
	f.end += n
	return f.file, off, nil
}

// Close removes the temporary file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return errors.Join(f.file.Close(), os.Remove(f.file.Name()))
}

type copied struct {
	from checkpoint.Data
	to   *File

	once sync.Once
	data io.ReaderAt
	err  error
}

func (c *copied) Size() int64 { return c.from.Size() }

func (c *copied) ReadAt(p []byte, off int64) (int, error) {
	c.once.Do(func() { c.data, c.err = c.fill() })
	if c.err != nil {
		return 0, c.err
	}
	return c.data.ReadAt(p, off)
}

func (c *copied) fill() (io.ReaderAt, error) {
	size := c.from.Size()
	file, start, err := c.to.reserve(size)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, min(size, 256<<10))
	for off := int64(0); off < size; {
		p := buf[:min(int64(len(buf)), size-off)]
		if err := checkpoint.ReadFull(c.from, p, off); err != nil {
			return nil, err
		}
		if _, err := file.WriteAt(p, start+off); err != nil {
			return nil, fmt.Errorf("writing inflated data: %w", err)
		}
		off += int64(len(p))
	}
	return checkpoint.Section(file, start, size), nil
}
