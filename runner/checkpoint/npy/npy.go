package npy

import "github.com/reprocheck/reprocheck/runner/checkpoint"

// Tensor returns the array that data holds in .npy format, of elements that are no Python objects. Where data are sequential,
// anyOrder returns what can be read in any order, as arrays in Fortran order are.
func (h *Header) Tensor(data checkpoint.Data, anyOrder func(checkpoint.Data) checkpoint.Data) (*checkpoint.Tensor, error) {
	if h.Fortran && len(h.Shape) > 1 && checkpoint.IsSequential(data) {
		data = anyOrder(data)
	}
	var elements checkpoint.Data = &tail{data, h.Start}
	if !checkpoint.IsSequential(data) {
		elements = checkpoint.Section(data, h.Start, data.Size()-h.Start)
	}
	return Array(elements, h.Type, h.Shape, Axes(len(h.Shape), h.Fortran))
}

// tail is the part of sequential data behind an offset.
type tail struct {
	data  checkpoint.Data
	start int64
}

func (t *tail) Size() int64                             { return t.data.Size() - t.start }
func (t *tail) Sequential() bool                        { return true }
func (t *tail) ReadAt(p []byte, off int64) (int, error) { return t.data.ReadAt(p, t.start+off) }
