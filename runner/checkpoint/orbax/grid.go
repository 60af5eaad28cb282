package orbax

import (
	"io"
	"sync"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	// maxStreams bounds the chunks that are unpacked side by side.
	maxStreams = 256
	// maxChunks bounds the chunks of an array.
	maxChunks = 1 << 16
	// maxUnpacking bounds the memory that chunks side by side take to be unpacked, where they are small themselves.
	maxUnpacking = 24 << 20
)

// grid shows an array in chunks as one in C order. Every chunk is unpacked from front to back, side by side with its
// neighbours, and none is held: in C order, the elements of each come in the order in which it has them.
type grid struct {
	shape, chunk []int64
	count        []int64 // chunks along each dimension
	item         int64
	size         int64
	chunkBytes   int64
	codec        codec
	chunks       []checkpoint.Data // nil for one that is not stored, which holds zeros

	mu      sync.Mutex
	at      int64 // offset of the next byte
	row     int64 // first coordinate of the open chunks
	streams map[int64]*stream
	held    int64 // memory that the open chunks take
	stored  int64 // bytes of the open chunks
}

// stream is a chunk that is being read.
type stream struct {
	*opened
	at int64
}

// zeros is the content of a chunk that is not stored.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// collect finds the chunks.
func (g *grid) collect(a *layout, stored func(key string) (checkpoint.Data, bool, error)) error {
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
	if err := positive(g.chunk); err != nil {
		return err
	}
	chunkBytes, err := checkpoint.Elements(g.chunk)
	if err != nil || chunkBytes > (1<<62)/g.item {
		return checkpoint.Damaged("chunks of shape %s", checkpoint.ShapeText(g.chunk))
	}
	chunkBytes *= g.item
	g.chunkBytes = chunkBytes
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
	find := &shards{a, stored, map[string]*shard{}}
	index := make([]int64, len(g.count))
	for range total {
		data, ok, err := find.chunk(index)
		if err != nil {
			return err
		}
		switch {
		case !ok && !a.missing:
			return checkpoint.Damaged("chunk %s is not stored", checkpoint.ShapeText(index))
		case !ok:
			data = nil
		case g.codec == (codec{}) && data.Size() != chunkBytes:
			return checkpoint.Damaged("chunk %s of %d bytes instead of %d", checkpoint.ShapeText(index), data.Size(), chunkBytes)
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
	if s.at == g.chunkBytes {
		// What follows may be a checksum that does not match, or more data than there should be.
		if k, err := io.ReadFull(s, make([]byte, 1)); g.chunks[number] != nil && (k > 0 || err != io.EOF) {
			return 0, checkpoint.Damaged("chunk %d of an array: it does not end where it should: %v", number, err)
		}
	}
	g.at = at + n
	return int(n), nil
}

// stream returns a chunk that is open, or opens it.
func (g *grid) stream(number int64) (*stream, error) {
	if s, ok := g.streams[number]; ok {
		return s, nil
	}
	s := &stream{opened: &opened{Reader: zeros{}, close: func() {}}}
	if data := g.chunks[number]; data != nil {
		var err error
		if s.opened, err = g.codec.open(data); err != nil {
			return nil, checkpoint.Damaged("chunk %d of an array: %v", number, err)
		}
		g.stored += data.Size()
	}
	if g.held += s.held; g.held > maxUnpacking+g.stored {
		s.close()
		return nil, checkpoint.Limit("array of which %d chunks side by side take %d MiB to be unpacked", len(g.streams)+1, g.held>>20)
	}
	if g.streams == nil {
		g.streams = map[int64]*stream{}
	}
	g.streams[number] = s
	return s, nil
}

func (g *grid) close() {
	for _, s := range g.streams {
		s.close()
	}
	g.streams, g.at, g.held, g.stored = nil, 0, 0, 0
}

// read fills p from offset off of the chunk, which is not behind what was read.
func (s *stream) read(p []byte, off int64) error {
	if off > s.at {
		if _, err := io.CopyN(io.Discard, s, off-s.at); err != nil {
			return err
		}
	}
	n, err := io.ReadFull(s, p)
	s.at = off + int64(n)
	return err
}
