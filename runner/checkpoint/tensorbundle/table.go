package tensorbundle

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	// tableMagic ends a table (tensorflow/tsl/lib/io/format.h).
	tableMagic = 0xdb4775248b80fb57
	footerSize = 48
	// blockTrailer is a byte with the compression and a checksum, behind each block.
	blockTrailer = 5
	// maxBlock bounds a block in memory. TensorFlow begins a new one at 256 KiB.
	maxBlock = 8 << 20
)

// table is a file of sorted keys and values, as LevelDB writes it.
type table struct {
	r    io.ReaderAt
	size int64
}

// span is where a block lies.
type span struct{ off, size uint64 }

// footer returns where the index of blocks lies.
func (t *table) footer() (span, error) {
	if t.size < footerSize {
		return span{}, checkpoint.ErrUnknownFormat
	}
	var p [footerSize]byte
	if err := checkpoint.ReadFull(t.r, p[:], t.size-footerSize); err != nil {
		return span{}, err
	}
	if binary.LittleEndian.Uint64(p[footerSize-8:]) != tableMagic {
		return span{}, checkpoint.ErrUnknownFormat
	}
	_, n, err := parseSpan(p[:footerSize-8]) // of the index of further properties, of which there are none
	if err != nil {
		return span{}, err
	}
	index, _, err := parseSpan(p[n : footerSize-8])
	return index, err
}

func parseSpan(p []byte) (s span, used int, err error) {
	off, n := protowire.ConsumeVarint(p)
	if n < 0 {
		return span{}, 0, checkpoint.Damaged("table with a block that has no offset")
	}
	size, m := protowire.ConsumeVarint(p[n:])
	if m < 0 {
		return span{}, 0, checkpoint.Damaged("table with a block that has no size")
	}
	return span{off, size}, n + m, nil
}

// each calls visit for every key and value, in order.
func (t *table) each(visit func(key, value []byte) error) error {
	index, err := t.footer()
	if err != nil {
		return err
	}
	blocks, err := t.block(index)
	if err != nil {
		return err
	}
	var last []byte
	first, end := true, uint64(0)
	return eachPair(blocks, func(_, value []byte) error {
		s, n, err := parseSpan(value)
		if err != nil || n != len(value) {
			return checkpoint.Damaged("table whose index has no place of a block")
		}
		if s.off < end { // one block read a million times would take a day
			return checkpoint.Damaged("table with blocks that overlap, at %d", s.off)
		}
		end = s.off + s.size
		block, err := t.block(s) // an overflow of end is refused here
		if err != nil {
			return err
		}
		return eachPair(block, func(key, value []byte) error {
			if !first && bytes.Compare(key, last) <= 0 {
				return checkpoint.Damaged("table with the key %q behind %q", checkpoint.Clip(string(key), 80), checkpoint.Clip(string(last), 80))
			}
			first, last = false, append(last[:0], key...)
			return visit(key, value)
		})
	})
}

// block reads a block and checks its checksum.
func (t *table) block(s span) ([]byte, error) {
	if room := uint64(t.size - footerSize); s.size > room || s.off > room-s.size || room-s.size-s.off < blockTrailer {
		return nil, checkpoint.Damaged("block of %d bytes at %d of a table of %d", s.size, s.off, t.size)
	}
	if s.size > maxBlock {
		return nil, checkpoint.Limit("block of %d bytes", s.size)
	}
	p := make([]byte, s.size+blockTrailer)
	if err := checkpoint.ReadFull(t.r, p, int64(s.off)); err != nil {
		return nil, err
	}
	content, compression := p[:s.size], p[s.size]
	if unmask(binary.LittleEndian.Uint32(p[s.size+1:])) != crc32.Checksum(p[:s.size+1], castagnoli()) {
		return nil, checkpoint.Damaged("block at %d does not have its checksum", s.off)
	}
	switch compression {
	case 0:
		return content, nil
	case 1:
		n, err := snappy.DecodedLen(content)
		if err != nil {
			return nil, checkpoint.Damaged("block at %d: %v", s.off, err)
		}
		if n > maxBlock {
			return nil, checkpoint.Limit("block of %d bytes", n)
		}
		if content, err = snappy.Decode(nil, content); err != nil {
			return nil, checkpoint.Damaged("block at %d: %v", s.off, err)
		}
		return content, nil
	}
	return nil, checkpoint.Unsupported("table with compression %d", compression)
}

// castagnoli is the polynomial of all checksums here.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// unmask undoes what LevelDB does to checksums that are stored beside what they cover.
func unmask(masked uint32) uint32 {
	rotated := masked - 0xa282ead8
	return rotated>>17 | rotated<<15
}

// eachPair calls visit for the pairs of a block, whose keys leave out what they share with the one before.
func eachPair(block []byte, visit func(key, value []byte) error) error {
	if len(block) < 4 {
		return checkpoint.Damaged("block of %d bytes", len(block))
	}
	restarts := uint64(binary.LittleEndian.Uint32(block[len(block)-4:]))
	if restarts > uint64(len(block)-4)/4 {
		return checkpoint.Damaged("block with %d restarts", restarts)
	}
	p := block[:uint64(len(block)-4)-4*restarts]
	var key []byte
	for len(p) > 0 {
		var lengths [3]uint64 // shared with the key before, further bytes of the key, value
		for i := range lengths {
			v, n := protowire.ConsumeVarint(p)
			if n < 0 {
				return checkpoint.Damaged("block whose last pair is cut short")
			}
			lengths[i], p = v, p[n:]
		}
		shared, more, size := lengths[0], lengths[1], lengths[2]
		if shared > uint64(len(key)) || more > uint64(len(p)) || size > uint64(len(p))-more {
			return checkpoint.Damaged("block with a pair that passes its end")
		}
		key = append(key[:shared], p[:more]...)
		if err := visit(key, p[more:more+size]); err != nil {
			return err
		}
		p = p[more+size:]
	}
	return nil
}
