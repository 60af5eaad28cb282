package picklefile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// xzReader reads an .xz file of one stream and one block, which is all that Python's lzma module writes. The container
// is read here and not by package xz, because that takes the size of the window, and so of an allocation, from the file.
// The format is that of "The .xz File Format", version 1.2.1.
type xzReader struct {
	in    *counted
	flags [2]byte // of the stream
	block io.Reader
	size  uint64    // of the block's data, as far as they were read
	sum   hash.Hash // of the block's data; nil for a check that is not compared
	check int       // bytes of the check
	err   error
}

// counted counts what is taken from a buffered reader.
type counted struct {
	r *bufio.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

func newXZReader(r *bufio.Reader) (*xzReader, error) {
	x := &xzReader{in: &counted{r: r}}
	var header [12]byte
	if _, err := io.ReadFull(x.in, header[:]); err != nil {
		return nil, err
	}
	x.flags = [2]byte(header[6:])
	if x.flags[0] != 0 || crc32.ChecksumIEEE(header[6:8]) != binary.LittleEndian.Uint32(header[8:]) {
		return nil, checkpoint.Damaged("xz stream header without its checksum")
	}
	switch x.flags[1] {
	case 0:
	case 1:
		x.sum, x.check = crc32.NewIEEE(), 4
	case 4:
		x.sum, x.check = crc64.New(crc64.MakeTable(crc64.ECMA)), 8
	case 10: // SHA-256 is not compared: nothing that trains writes it
		x.check = 32
	default:
		return nil, checkpoint.Unsupported("xz check %d", x.flags[1])
	}
	window, err := x.blockHeader()
	if err != nil {
		return nil, err
	}
	block, err := lzma.Reader2Config{DictCap: int(max(min(window, maxDictionary), lzma.MinDictCap))}.NewReader2(x.in)
	if err != nil {
		return nil, err
	}
	x.block = windowed(block, window)
	return x, nil
}

// blockHeader reads the header of the block and returns the size of its window.
func (x *xzReader) blockHeader() (int64, error) {
	first, err := x.in.ReadByte()
	if err != nil {
		return 0, err
	}
	if first == 0 {
		return 0, checkpoint.Damaged("xz stream without a block")
	}
	header := make([]byte, (int(first)+1)*4)
	header[0] = first
	if _, err := io.ReadFull(x.in, header[1:]); err != nil {
		return 0, err
	}
	body := header[:len(header)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(header[len(body):]) {
		return 0, checkpoint.Damaged("xz block header without its checksum")
	}
	flags, rest := body[1], body[2:]
	if flags&0x3f != 0 {
		return 0, checkpoint.Unsupported("xz block with more than one filter")
	}
	for _, sized := range []byte{0x40, 0x80} { // compressed and uncompressed size are optional
		if flags&sized != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return 0, checkpoint.Damaged("xz block header cut short")
			}
			rest = rest[n:]
		}
	}
	const lzma2 = 0x21
	if len(rest) < 3 || rest[0] != lzma2 || rest[1] != 1 || rest[2] > 40 {
		return 0, checkpoint.Unsupported("xz filter other than LZMA2")
	}
	bits := rest[2]
	if bits == 40 {
		return 1<<32 - 1, nil
	}
	return int64(2|bits&1) << (bits/2 + 11), nil
}

func (x *xzReader) Read(p []byte) (int, error) {
	if x.err != nil {
		return 0, x.err
	}
	n, err := x.block.Read(p)
	x.size += uint64(n)
	if x.sum != nil {
		x.sum.Write(p[:n])
	}
	if err == io.EOF {
		err = x.finish()
	}
	x.err = err
	return n, err
}

// finish compares the check behind the block, and the index and footer that follow; it returns io.EOF when all is well.
func (x *xzReader) finish() error {
	const streamHeader = 12
	unpadded := uint64(x.in.n) - streamHeader + uint64(x.check)
	for x.in.n%4 != 0 {
		if b, err := x.in.ReadByte(); err != nil || b != 0 {
			return checkpoint.Damaged("xz block without its padding")
		}
	}
	check := make([]byte, x.check+1)
	if _, err := io.ReadFull(x.in, check); err != nil {
		return checkpoint.Damaged("xz stream cut short")
	}
	if check[x.check] != 0 {
		return checkpoint.Unsupported("xz stream of more than one block")
	}
	if x.sum != nil {
		want := x.sum.Sum(nil) // big endian
		for i := range want {
			if want[i] != check[x.check-1-i] {
				return checkpoint.Damaged("xz block without its checksum")
			}
		}
	}
	rest := x.tail(unpadded)
	got := make([]byte, len(rest))
	if _, err := io.ReadFull(x.in, got); err != nil {
		return checkpoint.Damaged("xz stream cut short")
	}
	if !bytes.Equal(got, rest) {
		return checkpoint.Damaged("xz stream whose index or footer is not that of its block")
	}
	return io.EOF
}

// tail returns what ends a stream of one block of so many bytes, behind the index's first byte: its index and footer.
func (x *xzReader) tail(unpadded uint64) []byte {
	index := binary.AppendUvarint(binary.AppendUvarint([]byte{0, 1}, unpadded), x.size)
	for len(index)%4 != 0 {
		index = append(index, 0)
	}
	index = binary.LittleEndian.AppendUint32(index, crc32.ChecksumIEEE(index))
	footer := append(binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1)), x.flags[0], x.flags[1])
	tail := binary.LittleEndian.AppendUint32(index[1:], crc32.ChecksumIEEE(footer))
	return append(append(tail, footer...), "YZ"...)
}
