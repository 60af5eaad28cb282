package orbax

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	bloscHeader = 16
	// maxBloscBlock bounds what is unpacked at a time; Blosc makes blocks of at most a few MiB.
	maxBloscBlock = 8 << 20
	// A block is cut into one part for each byte of an element where elements have at most 16 bytes and the parts would
	// have at least 128, as c-blosc does.
	bloscMaxSplits  = 16
	bloscMinPart    = 128
	bloscShuffle    = 0x01
	bloscStored     = 0x02
	bloscBitShuffle = 0x04
	bloscUnsplit    = 0x10
)

// blosc reads a buffer of Blosc 1 (c-blosc, README_CHUNK_FORMAT.rst), a block at a time.
type blosc struct {
	data      checkpoint.Data
	flags     byte
	item      int
	size      int64
	blockSize int
	block     int64 // number of the next block
	left      []byte
	zstd      *zstd.Decoder
}

func openBlosc(data checkpoint.Data) (*blosc, error) {
	var head [bloscHeader]byte
	if err := checkpoint.ReadFull(data, head[:], 0); err != nil {
		return nil, err
	}
	number := func(at int) int64 { return int64(binary.LittleEndian.Uint32(head[at:])) }
	b := &blosc{data: data, flags: head[2], item: int(head[3]), size: number(4), blockSize: int(number(8))}
	switch {
	case head[0] != 1 && head[0] != 2:
		return nil, checkpoint.Unsupported("Blosc format version %d", head[0])
	case number(12) != data.Size():
		return nil, checkpoint.Damaged("Blosc buffer of %d bytes says that it has %d", data.Size(), number(12))
	case b.flags&bloscStored != 0:
		if b.size != data.Size()-bloscHeader {
			return nil, checkpoint.Damaged("Blosc buffer stores %d bytes in %d", b.size, data.Size()-bloscHeader)
		}
		b.blockSize = 64 << 10
		return b, nil
	case b.item == 0 || b.size > 0 && (b.blockSize == 0 || int64(b.blockSize) > b.size):
		return nil, checkpoint.Damaged("Blosc buffer of blocks of %d bytes, of elements of %d", b.blockSize, b.item)
	case b.blockSize > maxBloscBlock:
		return nil, checkpoint.Limit("Blosc blocks of %d bytes", b.blockSize)
	}
	return b, nil
}

// Read implements io.Reader.
func (b *blosc) Read(p []byte) (int, error) {
	for len(b.left) == 0 {
		at := b.block * int64(b.blockSize)
		if at >= b.size {
			return 0, io.EOF
		}
		n := int(min(int64(b.blockSize), b.size-at))
		var err error
		if b.flags&bloscStored != 0 {
			b.left = make([]byte, n)
			err = checkpoint.ReadFull(b.data, b.left, bloscHeader+at)
		} else {
			b.left, err = b.unpackBlock(n)
		}
		if err != nil {
			return 0, err
		}
		b.block++
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// unpackBlock returns the next block, of n bytes.
func (b *blosc) unpackBlock(n int) ([]byte, error) {
	var start [4]byte
	if err := checkpoint.ReadFull(b.data, start[:], bloscHeader+4*b.block); err != nil {
		return nil, err
	}
	at := int64(binary.LittleEndian.Uint32(start[:]))
	parts := 1
	if b.flags&bloscUnsplit == 0 && b.item <= bloscMaxSplits && b.blockSize/b.item >= bloscMinPart && n == b.blockSize {
		parts = b.item
	}
	if n%parts != 0 {
		return nil, checkpoint.Damaged("Blosc block of %d bytes in %d parts", n, parts)
	}
	out := make([]byte, n)
	for i := range parts {
		part := out[i*n/parts : (i+1)*n/parts]
		if err := checkpoint.ReadFull(b.data, start[:], at); err != nil {
			return nil, err
		}
		// Snappy may make a part a little longer than it was.
		packed := int64(int32(binary.LittleEndian.Uint32(start[:])))
		if packed < 0 || packed > b.data.Size()-at-4 || packed > 2*int64(len(part))+64 {
			return nil, checkpoint.Damaged("Blosc block of %d bytes is packed in %d", len(part), packed)
		}
		p := make([]byte, packed)
		if err := checkpoint.ReadFull(b.data, p, at+4); err != nil {
			return nil, err
		}
		at += 4 + packed
		if err := b.unpackPart(part, p); err != nil {
			return nil, checkpoint.Damaged("Blosc block: %v", err)
		}
	}
	switch elements := n / b.item; {
	case b.flags&bloscShuffle != 0 && b.item > 1:
		return unshuffle(out, b.item), nil
	case b.flags&bloscBitShuffle != 0 && elements > 0 && elements%8 == 0:
		return unshuffleBits(out, b.item), nil
	}
	return out, nil
}

// unpackPart fills out; a part that did not get smaller is stored as it is.
func (b *blosc) unpackPart(out, p []byte) error {
	if len(p) == len(out) {
		copy(out, p)
		return nil
	}
	var n int
	var err error
	switch packing := b.flags >> 5; packing {
	case 0:
		n, err = unpackBloscLZ(out, p)
	case 1: // LZ4 and LZ4HC
		n, err = lz4.UncompressBlock(p, out)
	case 2:
		if n, err = snappy.DecodedLen(p); err == nil && n == len(out) {
			_, err = snappy.Decode(out, p)
		}
	case 3:
		var z io.ReadCloser
		if z, err = zlib.NewReader(bytes.NewReader(p)); err == nil {
			n, err = io.ReadFull(z, out)
		}
	case 4:
		if b.zstd == nil {
			if b.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxMemory(maxBloscBlock), zstd.WithDecoderMaxWindow(maxBloscBlock)); err != nil {
				return err
			}
		}
		var got []byte
		got, err = b.zstd.DecodeAll(p, make([]byte, 0, len(out)))
		n = copy(out, got)
		if len(got) > len(out) {
			n = len(got)
		}
	default:
		return checkpoint.Unsupported("Blosc compressor %d", packing)
	}
	if err == nil && n != len(out) {
		err = checkpoint.Damaged("%d bytes instead of %d", n, len(out))
	}
	return err
}

// unpackBloscLZ undoes BloscLZ, which has runs of literals and of copies of what came before, as FastLZ does.
func unpackBloscLZ(out, in []byte) (int, error) {
	short := checkpoint.Damaged("BloscLZ data end early")
	const (
		near    = 8191    // distances above it take two further bytes
		longest = 31 << 8 // the upper part of a distance
	)
	n, first := 0, true
	for len(in) > 0 {
		control := int(in[0])
		in = in[1:]
		if first {
			control &= 31 // the upper bits of the first byte tell the version
			first = false
		}
		if control < 32 {
			run := control + 1
			if run > len(in) || run > len(out)-n {
				return 0, short
			}
			n += copy(out[n:], in[:run])
			in = in[run:]
			continue
		}
		run, distance := control>>5+2, control&31<<8
		if control>>5 == 7 {
			for more := byte(255); more == 255; {
				if len(in) == 0 {
					return 0, short
				}
				more, in = in[0], in[1:]
				run += int(more)
			}
		}
		if len(in) == 0 {
			return 0, short
		}
		low := int(in[0])
		in = in[1:]
		if low == 255 && distance == longest {
			if len(in) < 2 {
				return 0, short
			}
			distance, in = near+int(in[0])<<8+int(in[1]), in[2:]
		} else {
			distance += low
		}
		distance++
		if distance > n || run > len(out)-n {
			return 0, checkpoint.Damaged("BloscLZ data copy from before their beginning, or past their end")
		}
		for range run {
			out[n] = out[n-distance]
			n++
		}
	}
	return n, nil
}

// unshuffle puts the bytes of each element together again; bytes beyond whole elements stay where they are.
func unshuffle(p []byte, item int) []byte {
	n := len(p) / item
	out := make([]byte, len(p))
	for j := range item {
		for i := range n {
			out[i*item+j] = p[j*n+i]
		}
	}
	copy(out[n*item:], p[n*item:])
	return out
}

// unshuffleBits puts the bits of each element together again; there are 8*k elements, and every bit has a row of k bytes.
func unshuffleBits(p []byte, item int) []byte {
	n := len(p) / item
	row := n / 8
	out := make([]byte, len(p))
	for bit := range item * 8 {
		for i, b := range p[bit*row : (bit+1)*row] {
			for k := range 8 {
				out[(8*i+k)*item+bit/8] |= b >> k & 1 << (bit % 8)
			}
		}
	}
	copy(out[n*item:], p[n*item:])
	return out
}
