package checkpoint

import (
	"cmp"
	"encoding/binary"
	"io"
	"runtime"
	"slices"
	"sync"
)

const (
	// allBlocks is the target size of the blocks of strided views that the cores gather at a time, each from one file. The
	// larger a block is, the longer are the stretches of the source that go into it.
	allBlocks = 16 << 20
	// smallestBlock bounds the share of a core.
	smallestBlock = 1 << 20
	// spanBytes is how much of the source is read at a time to gather a block from it.
	spanBytes = 512 << 10
	// gapBytes is how much is read in vain rather than read in two: about what a read costs by itself.
	gapBytes = 4 << 10
	// bundle is how many stretches are read before they are copied, so that elements next to each other in the block
	// are written together.
	bundle = 64
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
	if n == 0 {
		return part(src, size, 0, 0), nil // wherever it starts: PyTorch cuts an empty tensor into views behind its storage
	}
	if v.Base < 0 || v.Base > size {
		return nil, Damaged("view starts at byte %d of a storage of %d", v.Base, size)
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
		return part(src, size, v.Base, total), nil
	}
	return newGather(src, size, v.Item, v.Base, total, shape, stride), nil
}

// part returns n bytes from off of a source that may be the block of further views.
func part(src io.ReaderAt, size, off, n int64) Data {
	d := Section(src, off, n)
	if s, ok := d.(*section); ok && n < size {
		return &window{*s, blockOf(src, size)}
	}
	return d
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

	mu sync.Mutex
	at int64 // offset of block[0] in the view, -1 while there is none
	*room
}

// A room is the memory that a view needs while it is read.
type room struct{ block, span []byte }

// rooms are passed on from one view to the next: the garbage of each would be as large as all that is in use.
var rooms = sync.Pool{New: func() any { return new(room) }}

func newGather(src io.ReaderAt, srcSize, item, base, total int64, shape, stride []int64) *gather {
	blockBytes := int64(max(smallestBlock, allBlocks/runtime.GOMAXPROCS(0)))
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
	if off+int64(done) == g.total && g.room != nil {
		rooms.Put(g.room)
		g.room, g.at = nil, -1
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
	if g.room == nil {
		g.room = rooms.Get().(*room)
	}
	g.block = grow(g.block, rows*g.rowBytes)
	g.at = start
	return g.load(src, shape, g.stride[g.level:])
}

// load gathers the sub-array at byte src into g.block, in stretches of the source.
func (g *gather) load(src int64, shape, stride []int64) error {
	count, span := g.stretch(shape, stride)
	to := make([]int64, len(shape)) // strides of the block in bytes
	step := g.item
	for d := len(shape) - 1; d >= 0; d-- {
		to[d] = step
		step *= shape[d]
	}
	// A stretch with one index of the last dimension is read together with those of its neighbours.
	last := len(shape) - 1
	together := int64(1)
	if count[last] == 1 {
		together = max(1, min(bundle, spanBytes/span))
	}
	part, from := make([]int64, len(shape)), make([]int64, len(shape))
	index := make([]int64, len(shape))
	for {
		in, out := src, int64(0)
		for d := range shape {
			part[d] = min(count[d], shape[d]-index[d])
			from[d] = stride[d] * g.item
			in += index[d] * from[d]
			out += index[d] * to[d]
		}
		n := min(together, shape[last]-index[last])
		if together > 1 {
			part[last], from[last] = n, span
		} else {
			n = 1
		}
		length := g.item
		for d := range shape {
			if together == 1 || d != last {
				length += (part[d] - 1) * from[d]
			}
		}
		g.span = grow(g.span, (n-1)*span+length)
		for k := range n {
			if err := ReadFull(g.src, g.span[k*span:k*span+length], in+k*stride[last]*g.item); err != nil {
				return err
			}
		}
		spread(g.block[out:], g.span, g.item, part, to, from)
		if !advance(index, shape, part) {
			return nil
		}
	}
}

// stretch returns how many indices of each dimension are read at a time, and the bytes of the source that this takes:
// those of the smallest strides, as long as little is read in vain.
func (g *gather) stretch(shape, stride []int64) (count []int64, span int64) {
	count = make([]int64, len(shape))
	order := make([]int, len(shape))
	for d := range shape {
		count[d], order[d] = 1, d
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(stride[a], stride[b]) })
	span = g.item
	for _, d := range order {
		step := stride[d] * g.item
		if step-span > gapBytes {
			break
		}
		count[d] = min(shape[d], 1+max(0, spanBytes-span)/max(1, step))
		span += (count[d] - 1) * step
		if count[d] < shape[d] {
			break
		}
	}
	return count, span
}

// advance steps a multi-dimensional index by part, and reports whether there is another one.
func advance(index, shape, part []int64) bool {
	for d := len(index) - 1; d >= 0; d-- {
		if index[d] += part[d]; index[d] < shape[d] {
			return true
		}
		index[d] = 0
	}
	return false
}

// spread copies elements of item bytes from their places in one strided array to those in another; strides are in bytes.
func spread(dst, src []byte, item int64, shape, to, from []int64) {
	if len(shape) > 1 {
		for i := range shape[0] {
			spread(dst[i*to[0]:], src[i*from[0]:], item, shape[1:], to[1:], from[1:])
		}
		return
	}
	n, t, f := shape[0], to[0], from[0]
	if t == item && f == item {
		copy(dst[:n*item], src)
		return
	}
	switch item {
	case 1:
		for i := range n {
			dst[i*t] = src[i*f]
		}
	case 2:
		for i := range n {
			binary.LittleEndian.PutUint16(dst[i*t:], binary.LittleEndian.Uint16(src[i*f:]))
		}
	case 4:
		for i := range n {
			binary.LittleEndian.PutUint32(dst[i*t:], binary.LittleEndian.Uint32(src[i*f:]))
		}
	case 8:
		for i := range n {
			binary.LittleEndian.PutUint64(dst[i*t:], binary.LittleEndian.Uint64(src[i*f:]))
		}
	default:
		for i := range n {
			copy(dst[i*t:i*t+item], src[i*f:])
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

// IsRearranged reports whether data lie in a file in another order than that of their elements or of an element's bytes.
func IsRearranged(d Data) bool {
	switch d.(type) {
	case *gather, *swapped:
		return true
	}
	return false
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
func (s *swapped) Heavy() bool      { return IsHeavy(s.Data) }

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
