package checkpoint

import (
	"io"
	"math"
	"strconv"
	"strings"
)

// Data is a value's canonical bytes, readable in any order and by several goroutines at once.
type Data interface {
	io.ReaderAt
	// Size is the number of bytes.
	Size() int64
}

// Sequential is implemented by Data that is cheap to read only from front to back, such as a compressed stream.
type Sequential interface{ Sequential() bool }

// Releaser is implemented by Data that keep hold of memory from one read to the next.
type Releaser interface{ Release() }

// Release says of d that nothing more is read for now.
func Release(d Data) {
	if r, ok := d.(Releaser); ok {
		r.Release()
	}
}

// MaxElements bounds the elements of one tensor, so that byte counts cannot overflow.
const MaxElements = 1 << 44

// Tensor is an array whose elements are read on demand, in C order and little endian whatever the file holds.
type Tensor struct {
	DType DType
	// Shape lists the extents, outermost first; empty for a scalar tensor.
	Shape []int64
	// Attrs is content that neither type, shape nor values tell, in a canonical text: "conj", "neg", quantiser
	// parameters. Mostly empty.
	Attrs string
	Data
	// From holds facts of the file that are not content, nil where there are none; Origin reads it.
	From *Origin
}

// Origin is how a container keeps tensors that can be views of one block.
type Origin struct {
	Device       string
	RequiresGrad bool
}

// Origins are those of a file, which many tensors share.
type Origins map[Origin]*Origin

// Shared returns an equal origin that is held already.
func (o Origins) Shared(x Origin) *Origin {
	if o[x] == nil {
		o[x] = &x
	}
	return o[x]
}

// Shapes are some of those of a file: most tensors of a model share theirs.
type Shapes map[string][]int64

// Shared returns an equal shape that is held already.
func (s Shapes) Shared(shape []int64) []int64 {
	const most = 1 << 10
	text := ShapeText(shape)
	if same, ok := s[text]; ok {
		return same
	}
	if len(s) < most {
		s[text] = shape
	}
	return shape
}

// Block is a run of stored bytes that one or more tensors are views of.
type Block struct {
	r      io.ReaderAt
	off, n int64
}

// Size is the number of bytes.
func (b Block) Size() int64 { return b.n }

// Block returns what the tensor is a view of, false where its container keeps every tensor by itself.
func (t *Tensor) Block() (Block, bool) {
	if t.From == nil {
		return Block{}, false
	}
	switch d := t.Data.(type) {
	case *section:
		return Block(*d), true
	case *window:
		return d.block, true
	case *gather:
		return blockOf(d.src, d.srcSize), true
	}
	return Block{}, false
}

// Extent is where the tensor lies in its block, of which it shows no more than its own bytes: from the first of them to the last.
func (t *Tensor) Extent() (from, to int64) {
	switch d := t.Data.(type) {
	case *window:
		from = d.off - d.block.off
	case *gather:
		to = d.base + d.item
		for i, n := range d.shape {
			to += (n - 1) * d.stride[i] * d.item
		}
		return d.base, to
	}
	return from, from + t.Size()
}

func blockOf(r io.ReaderAt, size int64) Block {
	if s, ok := r.(*section); ok {
		return Block(*s)
	}
	return Block{r, 0, size}
}

// Origin returns what is known of how the tensor is kept.
func (t *Tensor) Origin() Origin {
	if t.From == nil {
		return Origin{}
	}
	return *t.From
}

// NewTensor returns a tensor over data, or an error where data is not as long as dtype and shape say.
func NewTensor(dtype DType, bits int, shape []int64, data Data) (*Tensor, error) {
	n, err := Elements(shape)
	if err != nil {
		return nil, err
	}
	want, err := byteCount(n, bits)
	if err != nil {
		return nil, err
	}
	if data.Size() != want {
		return nil, Damaged("tensor of %s%s takes %d bytes, the file has %d", dtype, ShapeText(shape), want, data.Size())
	}
	return &Tensor{DType: dtype, Shape: shape, Data: data}, nil
}

// Elements returns the number of elements of a shape, or an error for a negative extent or a product above MaxElements.
func Elements(shape []int64) (int64, error) {
	if len(shape) > 64 {
		return 0, Damaged("tensor of %d dimensions", len(shape))
	}
	n, zero := int64(1), false
	for _, s := range shape {
		switch {
		case s < 0:
			return 0, Damaged("negative extent in shape %s", ShapeText(shape))
		case s == 0:
			zero = true
		case s > MaxElements/n:
			return 0, Limit("tensor of shape %s has more than 2^44 elements", ShapeText(shape))
		default:
			n *= s
		}
	}
	if zero {
		return 0, nil
	}
	return n, nil
}

func byteCount(elements int64, bits int) (int64, error) {
	if bits <= 0 || elements > (math.MaxInt64-7)/int64(bits) {
		return 0, Damaged("%d elements of %d bits", elements, bits)
	}
	return (elements*int64(bits) + 7) / 8, nil
}

// ShapeText writes a shape without spaces: "[2,3]", "[]".
func ShapeText(shape []int64) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range shape {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(s, 10))
	}
	b.WriteByte(']')
	return b.String()
}

// Section returns n bytes of r from off as Data. A section of a section does not keep that.
func Section(r io.ReaderAt, off, n int64) Data {
	if s, ok := r.(*section); ok && off >= 0 && n >= 0 && off <= s.n && n <= s.n-off {
		return &section{s.r, s.off + off, n}
	}
	return &section{r, off, n}
}

// section is an io.SectionReader without a position, two thirds of its size: a file may have a hundred thousand.
type section struct {
	r      io.ReaderAt
	off, n int64
}

func (s *section) Size() int64 { return s.n }

func (s *section) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= s.n {
		return 0, io.EOF
	}
	if left := s.n - off; int64(len(p)) > left {
		n, err := s.r.ReadAt(p[:left], s.off+off)
		if err == nil {
			err = io.EOF
		}
		return n, err
	}
	return s.r.ReadAt(p, s.off+off)
}

// window is a section that is not the whole of its block.
type window struct {
	section
	block Block
}

// Text returns a string's bytes as Data.
func Text(s string) Data { return text(s) }

type text string

func (t text) Size() int64 { return int64(len(t)) }

func (t text) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > int64(len(t)) {
		return 0, io.EOF
	}
	n := copy(p, t[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// IsSequential reports whether d should be read front to back by one goroutine.
func IsSequential(d Data) bool {
	if t, ok := d.(*Tensor); ok {
		d = t.Data
	}
	s, ok := d.(Sequential)
	return ok && s.Sequential()
}
