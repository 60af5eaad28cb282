package orbax

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npy"
)

const (
	// maxDescription bounds the text that describes an array.
	maxDescription = 64 << 10
	// maxStreams bounds the chunks that are unpacked side by side.
	maxStreams = 256
	// maxChunks bounds the chunks of an array.
	maxChunks = 1 << 16
)

// description is the file .zarray of the format Zarr, version 2.
type description struct {
	Chunks     []int64
	Compressor *struct{ ID string }
	DType      any
	FillValue  any `json:"fill_value"`
	Filters    []any
	Order      string
	Separator  *string `json:"dimension_separator"`
	Shape      []int64
	Format     int `json:"zarr_format"`
}

// parseArray returns the array that a .zarray describes; chunk returns the bytes of one of its chunks.
func parseArray(text []byte, chunk func(index string) (checkpoint.Data, bool, error)) (*checkpoint.Tensor, error) {
	var d description
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, checkpoint.Damaged("description of an array: %v", err)
	}
	switch {
	case d.Format != 2:
		return nil, checkpoint.Unsupported("Zarr version %d", d.Format)
	case d.Order != "C":
		return nil, checkpoint.Unsupported("order %q", checkpoint.Clip(d.Order, 20))
	case len(d.Filters) > 0:
		return nil, checkpoint.Unsupported("array with filters")
	case d.Compressor != nil && d.Compressor.ID != "zstd":
		return nil, checkpoint.Unsupported("compressor %q", checkpoint.Clip(d.Compressor.ID, 20))
	case len(d.Chunks) != len(d.Shape):
		return nil, checkpoint.Damaged("chunks of %d dimensions in an array of %d", len(d.Chunks), len(d.Shape))
	}
	name, ok := d.DType.(string)
	if !ok {
		return nil, checkpoint.Unsupported("array of records")
	}
	typ, err := elementType(name)
	if err != nil {
		return nil, err
	}
	g := &grid{shape: d.Shape, chunk: d.Chunks, item: typ.Item, packed: d.Compressor != nil}
	if err := g.collect(d, chunk); err != nil {
		return nil, err
	}
	return npy.Array(g, typ.Name, typ.Item, typ.Swap, d.Shape, false)
}

// elementType reads a type as NumPy writes it, or one of the names that TensorStore has added.
func elementType(name string) (npy.Type, error) {
	switch dtype := checkpoint.DType(name); dtype {
	case checkpoint.BFloat16, checkpoint.Float8E4M3FN, checkpoint.Float8E4M3FNUZ, checkpoint.Float8E5M2, checkpoint.Float8E5M2FNUZ:
		return npy.Type{Name: dtype, Item: int64(dtype.Bits() / 8)}, nil
	}
	typ, err := npy.ParseType(name)
	if err == nil && (typ.Object || typ.Item == 0) {
		err = checkpoint.Unsupported("array of type %q", checkpoint.Clip(name, 20))
	}
	return typ, err
}

// grid shows an array in chunks as one in C order. Every chunk is unpacked from front to back, side by side with its
// neighbours, and none is held: in C order, the elements of each come in the order in which it has them.
type grid struct {
	shape, chunk []int64
	count        []int64 // chunks along each dimension
	item         int64
	size         int64
	packed       bool
	chunks       []checkpoint.Data

	mu      sync.Mutex
	at      int64 // offset of the next byte
	row     int64 // first coordinate of the open chunks
	streams map[int64]*stream
}

// stream is a chunk that is being read.
type stream struct {
	r    io.Reader
	zstd *zstd.Decoder
	at   int64
}

// collect finds the chunks, which must all be there.
func (g *grid) collect(d description, chunk func(index string) (checkpoint.Data, bool, error)) error {
	n, err := checkpoint.Elements(g.shape)
	if err != nil {
		return err
	}
	if n > (1<<62)/g.item {
		return checkpoint.Limit("array of %d elements of %d bytes", n, g.item)
	}
	g.size = n * g.item
	if n == 0 {
		return nil
	}
	if m, err := checkpoint.Elements(g.chunk); err != nil {
		return err
	} else if m == 0 || m > (1<<62)/g.item {
		return checkpoint.Damaged("chunks of shape %s", checkpoint.ShapeText(g.chunk))
	}
	total, side := int64(1), int64(1)
	g.count = make([]int64, len(g.shape))
	for i := range g.shape {
		if g.chunk[i] > g.shape[i] { // what the array does not show might take a day to unpack
			return checkpoint.Unsupported("chunks of shape %s in an array of shape %s", checkpoint.ShapeText(g.chunk), checkpoint.ShapeText(g.shape))
		}
		g.count[i] = (g.shape[i]-1)/g.chunk[i] + 1
		if g.count[i] > maxChunks/total {
			return checkpoint.Limit("array in more than %d chunks", maxChunks)
		}
		total *= g.count[i]
		if i > 0 {
			side *= g.count[i]
		}
	}
	if side > maxStreams {
		return checkpoint.Limit("array with %d chunks side by side", side)
	}
	separator := "."
	if d.Separator != nil {
		separator = *d.Separator
	}
	index := make([]int64, len(g.count))
	for range total {
		words := make([]string, len(index))
		for i, v := range index {
			words[i] = strconv.FormatInt(v, 10)
		}
		key := strings.Join(words, separator)
		if len(index) == 0 {
			key = "0"
		}
		data, ok, err := chunk(key)
		if err != nil {
			return err
		}
		if !ok {
			return checkpoint.Unsupported("chunk %s, which is not stored", key)
		}
		g.chunks = append(g.chunks, data)
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < g.count[i] {
				break
			}
			index[i] = 0
		}
	}
	return nil
}

func (g *grid) Size() int64      { return g.size }
func (g *grid) Sequential() bool { return true }

func (g *grid) ReadAt(p []byte, off int64) (n int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for n < len(p) && err == nil {
		at := off + int64(n)
		if at >= g.size {
			return n, io.EOF
		}
		var m int
		m, err = g.run(p[n:], at)
		n += m
	}
	if err != nil || off+int64(n) == g.size {
		g.close() // a file may have many arrays, read one after the other
	}
	return n, err
}

// run reads as much as lies together in one chunk, from byte at.
func (g *grid) run(p []byte, at int64) (int, error) {
	if at < g.at {
		g.close()
	}
	index := make([]int64, len(g.shape))
	for i, rest := len(g.shape)-1, at/g.item; i >= 0; i-- {
		index[i] = rest % g.shape[i]
		rest /= g.shape[i]
	}
	number, local, left := int64(0), int64(0), int64(1)
	for i, v := range index {
		inside := v % g.chunk[i]
		number = number*g.count[i] + v/g.chunk[i]
		local = local*g.chunk[i] + inside
		left = min(g.chunk[i]-inside, g.shape[i]-v) // of the last dimension in the end
	}
	if len(index) > 0 && index[0]/g.chunk[0] != g.row {
		g.close()
		g.row = index[0] / g.chunk[0]
	}
	s, err := g.stream(number)
	if err != nil {
		return 0, err
	}
	skip := at % g.item
	n := min(int64(len(p)), left*g.item-skip)
	if err := s.read(p[:n], local*g.item+skip); err != nil {
		return 0, checkpoint.Damaged("chunk %d of an array: %v", number, err)
	}
	g.at = at + n
	return int(n), nil
}

// stream returns a chunk that is open, or opens it.
func (g *grid) stream(number int64) (*stream, error) {
	if s, ok := g.streams[number]; ok {
		return s, nil
	}
	data := g.chunks[number]
	s := &stream{r: io.NewSectionReader(data, 0, data.Size())}
	if g.packed {
		d, err := unpack(s.r)
		if err != nil {
			return nil, checkpoint.Damaged("chunk %d of an array: %v", number, err)
		}
		s.r, s.zstd = d, d
	}
	if g.streams == nil {
		g.streams = map[int64]*stream{}
	}
	g.streams[number] = s
	return s, nil
}

func (g *grid) close() {
	for _, s := range g.streams {
		if s.zstd != nil {
			s.zstd.Close()
		}
	}
	g.streams, g.at = nil, 0
}

// read fills p from offset off of the chunk, which is not behind what was read.
func (s *stream) read(p []byte, off int64) error {
	if off > s.at {
		if _, err := io.CopyN(io.Discard, s.r, off-s.at); err != nil {
			return err
		}
	}
	n, err := io.ReadFull(s.r, p)
	s.at = off + int64(n)
	return err
}
