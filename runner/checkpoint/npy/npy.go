package npy

import (
	"bytes"
	"context"
	"io"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Reader reads .npy files.
type Reader struct{}

// Format returns "npy".
func (Reader) Format() string { return "npy" }

// Sniff looks for NumPy's magic string.
func (Reader) Sniff(head []byte, _ string, _ int64) bool { return bytes.HasPrefix(head, []byte(magic)) }

// Open reads a .npy file, whose only entry has the empty name.
func (Reader) Open(_ context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	t, err := Open(checkpoint.Section(r, 0, size), nil)
	if err != nil {
		return nil, err
	}
	return &checkpoint.File{
		Format:  "npy",
		Entries: []checkpoint.Entry{{Kind: checkpoint.KindTensor, Type: string(t.DType), Data: t}},
	}, nil
}

// Open returns the array that data holds in .npy format. Where data are sequential, anyOrder returns what can be read in
// any order, as arrays in Fortran order are.
func Open(data checkpoint.Data, anyOrder func(checkpoint.Data) checkpoint.Data) (*checkpoint.Tensor, error) {
	h, err := readHeader(data, data.Size())
	if err != nil {
		return nil, err
	}
	if h.typ.Object {
		return nil, checkpoint.Unsupported("array of Python objects in a .npy file")
	}
	if h.fortran && len(h.shape) > 1 && checkpoint.IsSequential(data) {
		data = anyOrder(data)
	}
	var elements checkpoint.Data = &tail{data, h.start}
	if !checkpoint.IsSequential(data) {
		elements = checkpoint.Section(data, h.start, data.Size()-h.start)
	}
	return Array(elements, h.typ.Name, h.typ.Item, h.typ.Swap, h.shape, h.fortran)
}

// tail is the part of sequential data behind an offset.
type tail struct {
	data  checkpoint.Data
	start int64
}

func (t *tail) Size() int64                             { return t.data.Size() - t.start }
func (t *tail) Sequential() bool                        { return true }
func (t *tail) ReadAt(p []byte, off int64) (int, error) { return t.data.ReadAt(p, t.start+off) }
