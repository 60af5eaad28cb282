// Package npyfile reads arrays in NumPy's .npy format: those of numbers, and those of Python objects, which are pickles behind
// a header.
package npyfile

import (
	"context"
	"io"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npy"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/checkpoint/torchlegacy"
)

// Reader reads .npy files.
type Reader struct{}

// Format returns "npy".
func (Reader) Format() string { return "npy" }

// Sniff looks for NumPy's magic string.
func (Reader) Sniff(head []byte, _ string, _ int64) bool { return npy.Signature(head) }

// Open reads a .npy file. An array of numbers is its only entry, which has the empty name.
func (Reader) Open(_ context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	f := &checkpoint.File{Format: "npy"}
	a := NewArrays(f, size, nil)
	if err := a.Add("", checkpoint.Section(r, 0, size), 0); err != nil {
		return nil, err
	}
	return f, a.Done()
}

// maxNames bounds the names of all types together, which of structured arrays are those of their fields.
const maxNames = 8 << 20

// Arrays appends arrays in .npy format to the entries of a file.
type Arrays struct {
	file     *checkpoint.File
	size     int64
	anyOrder func(checkpoint.Data) checkpoint.Data
	memory   int64 // that further pickles may take
	names    int64 // bytes that the names of further types may have
	objects  *pyobject.Collector
}

// NewArrays returns one for a file of a given size. anyOrder makes sequential data readable in any order; it is not called
// where no data are sequential.
func NewArrays(f *checkpoint.File, size int64, anyOrder func(checkpoint.Data) checkpoint.Data) *Arrays {
	return &Arrays{f, size, anyOrder, pickle.DefaultLimits().Memory, maxNames, pyobject.NewCollector(f, size)}
}

// Add adds the array that data hold, under its name. crc is the CRC-32 of the data, 0 where none is known.
func (a *Arrays) Add(name string, data checkpoint.Data, crc uint32) error {
	h, err := npy.ReadHeader(data)
	checkpoint.Release(data)
	if err != nil {
		return err
	}
	if a.names -= int64(len(h.Type.Name)); a.names < 0 {
		return checkpoint.Limit("structured arrays whose fields have names of more than %d MiB", maxNames>>20)
	}
	if h.Type.Object {
		return a.objects.Warn(a.addObjects(name, h, data))
	}
	t, err := h.Tensor(data, a.anyOrder)
	if err != nil {
		return err
	}
	if crc != 0 {
		t.Data = checkpoint.Sealed(t.Data, data.Size()-t.Data.Size(), crc)
	}
	a.file.Entries = append(a.file.Entries, checkpoint.TensorEntry(name, t))
	return nil
}

func (a *Arrays) addObjects(name string, h *npy.Header, data checkpoint.Data) error {
	if checkpoint.IsSequential(data) {
		data = a.anyOrder(data)
	}
	root, end, err := pickle.Parse(data, h.Start, data.Size(), pickle.Options{Budget: &a.memory, Named: a.objects.Named})
	if err != nil {
		return err
	}
	if end != data.Size() {
		return checkpoint.Damaged("%d bytes follow the pickle of an array of Python objects", data.Size()-end)
	}
	// NumPy takes what the pickle holds for the array, whatever the header says.
	if shape, ok := pyobject.ObjectArrayShape(root); !ok || !slices.Equal(shape, h.Shape) {
		return checkpoint.Damaged("the pickle behind the header of an array of Python objects holds no such array of shape %s", checkpoint.ShapeText(h.Shape))
	}
	return a.objects.Add(name, root, pyobject.Source{File: data, FileSize: a.size, Memory: &a.memory, LoadLegacy: torchlegacy.Nested(a.objects.Named)})
}

// Done makes the names of all entries of the file unambiguous.
func (a *Arrays) Done() error { return a.objects.Done() }
