package checkpoint

import (
	"io"
	"slices"
	"sync"
)

const (
	// blockBytes is the target size of the block of a strided view that is gathered at a time.
	blockBytes = 4 << 20
	// spanBytes is the largest stretch of the source that is read whole to gather a block from it.
	spanBytes = 8 << 20
)

// View describes elements of Item bytes at Base + Σ index[d]·Stride[d]·Item of a source, as PyTorch's and NumPy's
// strided layouts do. Strides are in elements and not negative.
type View struct {
	Item   int64
	Base   int64 // offset of the first element in bytes
	Shape  []int64
	Stride []int64
}

// Strided returns the C-order bytes of a view of src, or an error where the view reaches outside [0, size) of src.
func Strided(src io.ReaderAt, size int64, v View) (Data, error) {
	if len(v.Shape) != len(v.Stride) {
		return nil, Damaged("shape %s with %d strides", ShapeText(v.Shape), len(v.Stride))
	}
	n, err := Elements(v.Shape)
	if err != nil {
		return nil, err
	}
	total, err := byteCount(n, int(v.Item)*8)
	if err != nil {
		return nil, err
	}
	if v.Base < 0 || v.Base > size {
		return nil, Damaged("view starts at byte %d of a storage of %d", v.Base, size)
	}
	if n == 0 {
		return Section(src, 0, 0), nil
	}
	room := (size - v.Base) / v.Item // elements from Base to the end
	last := int64(0)
	for d, s := range v.Shape {
		if v.Stride[d] < 0 {
			return nil, Unsupported("negative stride")
		}
		if s > 1 && v.Stride[d] > room/(s-1) {
			return nil, Damaged("view of shape %s passes the end of its storage", ShapeText(v.Shape))
		}
		last += (s - 1) * v.Stride[d]
		if last >= room {
			return nil, Damaged("view of shape %s passes the end of its storage", ShapeText(v.Shape))
		}
	}
	if room == 0 {
		return nil, Damaged("view of shape %s of an empty storage", ShapeText(v.Shape))
	}
	shape, stride := collapse(v.Shape, v.Stride)
	if len(shape) == 0 || len(shape) == 1 && stride[0] == 1 {
		return Section(src, v.Base, total), nil
	}
	return newGather(src, size, v.Item, v.Base, total, shape, stride), nil
}

// collapse drops extents of 1 and joins neighbouring dimensions that are contiguous to each other.
func collapse(shape, stride []int64) (s, st []int64) {
	for d := range shape {
		if shape[d] == 1 {
			continue
		}
		if n := len(s); n > 0 && st[n-1] == stride[d]*shape[d] {
			s[n-1] *= shape[d]
			st[n-1] = stride[d]
			continue
		}
		s, st = append(s, shape[d]), append(st, stride[d])
	}
	return s, st
}

// gather yields a view in C order. It fills one block at a time, so it is cheap only from front to back.
type gather struct {
	src           io.ReaderAt
	srcSize       int64
	item, base    int64
	total         int64
	shape, stride []int64
	// A block is up to blockRows consecutive indices of dimension level, with all inner dimensions.
	level     int
	rowBytes  int64
	blockRows int64

	mu    sync.Mutex
	block []byte
	at    int64 // offset of block[0] in the view, -1 while there is none
	span  []byte
}

func newGather(src io.ReaderAt, srcSize, item, base, total int64, shape, stride []int64) *gather {
	g := &gather{src: src, srcSize: srcSize, item: item, base: base, total: total, shape: shape, stride: stride, at: -1}
	g.level = len(shape) - 1
	g.rowBytes = item
	for g.level > 0 && g.rowBytes*shape[g.level] <= blockBytes {
		g.rowBytes *= shape[g.level]
		g.level--
	}
	g.blockRows = min(shape[g.level], max(1, blockBytes/g.rowBytes))
	return g
}

func (g *gather) Size() int64      { return g.total }
func (g *gather) Sequential() bool { return true }

func (g *gather) ReadAt(p []byte, off int64) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= g.total {
			return done, io.EOF
		}
		if g.at < 0 || at < g.at || at >= g.at+int64(len(g.block)) {
			if err := g.fill(at); err != nil {
				g.at = -1
				return done, err
			}
		}
		done += copy(p[done:], g.block[at-g.at:])
	}
	if off+int64(done) == g.total {
		g.block, g.span, g.at = nil, nil, -1 // a file may hold many views, read one after the other
	}
	return done, nil
}

// fill loads the block that holds offset at.
func (g *gather) fill(at int64) error {
	outer := g.rowBytes * g.shape[g.level] // bytes of one full run of the block dimension
	row := at % outer / g.rowBytes / g.blockRows * g.blockRows
	rows := min(g.blockRows, g.shape[g.level]-row)
	start := at/outer*outer + row*g.rowBytes

	src := g.base + row*g.stride[g.level]*g.item
	for d, rest := g.level-1, at/outer; d >= 0; d-- {
		src += rest % g.shape[d] * g.stride[d] * g.item
		rest /= g.shape[d]
	}
	shape := slices.Clone(g.shape[g.level:])
	shape[0] = rows
	g.block = grow(g.block, rows*g.rowBytes)
	g.at = start
	return g.load(src, shape, g.stride[g.level:])
}

// load gathers the sub-array at byte src into g.block: from one stretch of the source where that is not much longer
// than the block, else by stretches along the dimension of the smallest stride.
func (g *gather) load(src int64, shape, stride []int64) error {
	span := int64(1)
	for d := range shape {
		span += (shape[d] - 1) * stride[d]
	}
	span *= g.item
	if span <= spanBytes && span <= 8*int64(len(g.block))+(64<<10) {
		g.span = grow(g.span, span)
		if err := ReadFull(g.src, g.span, src); err != nil {
			return err
		}
		scatter(g.block, g.span, g.item, shape, stride)
		return nil
	}
	run := 0
	for d := range shape {
		if stride[d] < stride[run] {
			run = d
		}
	}
	// Split the run dimension until a stretch along it is affordable.
	runLen := min(shape[run], max(1, spanBytes/max(1, stride[run]*g.item)))
	outStride := int64(1) // of the run dimension, in elements of the block
	for d := run + 1; d < len(shape); d++ {
		outStride *= shape[d]
	}
	index := make([]int64, len(shape))
	for {
		n := min(runLen, shape[run]-index[run])
		in, out := src, int64(0)
		for d := range shape {
			in += index[d] * stride[d] * g.item
			out = out*shape[d] + index[d]
		}
		g.span = grow(g.span, ((n-1)*stride[run]+1)*g.item)
		if err := ReadFull(g.src, g.span, in); err != nil {
			return err
		}
		for i := range n {
			to := (out + i*outStride) * g.item
			copy(g.block[to:to+g.item], g.span[i*stride[run]*g.item:])
		}
		if !advance(index, shape, run, n) {
			return nil
		}
	}
}

// advance steps a multi-dimensional index, by n along dimension run, and reports whether there is another one.
func advance(index, shape []int64, run int, n int64) bool {
	for d := len(index) - 1; d >= 0; d-- {
		if d == run {
			index[d] += n
		} else {
			index[d]++
		}
		if index[d] < shape[d] {
			return true
		}
		index[d] = 0
	}
	return false
}

// scatter copies elements of a strided source to their places in C order.
func scatter(dst, src []byte, item int64, shape, stride []int64) {
	index := make([]int64, len(shape))
	last := len(shape) - 1
	step := stride[last] * item
	for out := int64(0); out < int64(len(dst)); {
		in := int64(0)
		for d := range last {
			in += index[d] * stride[d] * item
		}
		if stride[last] == 1 {
			out += int64(copy(dst[out:], src[in:in+shape[last]*item]))
		} else {
			for range shape[last] {
				copy(dst[out:out+item], src[in:])
				in += step
				out += item
			}
		}
		for d := last - 1; d >= 0; d-- {
			if index[d]++; index[d] < shape[d] {
				break
			}
			index[d] = 0
		}
	}
}

// grow returns a slice of n bytes, reusing b where it is large enough.
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// SwapBytes returns data with the bytes of every element of item bytes reversed: big endian to little endian.
// Complex numbers pass the size of one of their parts.
func SwapBytes(d Data, item int64) Data {
	if item <= 1 {
		return d
	}
	return &swapped{d, item}
}

type swapped struct {
	Data
	item int64
}

func (s *swapped) Sequential() bool { return IsSequential(s.Data) }

func (s *swapped) ReadAt(p []byte, off int64) (int, error) {
	lo := off / s.item * s.item
	hi := min((off+int64(len(p))+s.item-1)/s.item*s.item, s.Size())
	if lo == off && hi == off+int64(len(p)) {
		if err := ReadFull(s.Data, p, off); err != nil {
			return 0, err
		}
		reverseEach(p, int(s.item))
		return len(p), nil
	}
	if hi <= off {
		return 0, io.EOF
	}
	buf := make([]byte, hi-lo)
	if err := ReadFull(s.Data, buf, lo); err != nil {
		return 0, err
	}
	reverseEach(buf, int(s.item))
	n := copy(p, buf[off-lo:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func reverseEach(p []byte, item int) {
	for ; len(p) >= item; p = p[item:] {
		slices.Reverse(p[:item])
	}
}
