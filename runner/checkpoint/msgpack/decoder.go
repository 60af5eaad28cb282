package msgpack

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"math/big"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// decoder reads MessagePack (github.com/msgpack/msgpack, spec.md) between two offsets of a file.
type decoder struct {
	file    io.ReaderAt
	r       *bufio.Reader
	at, end int64
}

func newDecoder(file io.ReaderAt, at, end int64, buffer int) *decoder {
	return &decoder{file, bufio.NewReaderSize(io.NewSectionReader(file, at, end-at), buffer), at, end}
}

// kind is what a token begins.
type kind int

const (
	null kind = iota
	boolean
	integer
	real
	text      // n bytes follow
	binaries  // n bytes follow
	array     // n values follow
	mapping   // n pairs of values follow
	extension // n bytes of an application's type follow
)

// token is the head of a value.
type token struct {
	kind kind
	yes  bool
	i    *big.Int
	f    float64
	n    int64
	ext  int8
}

// number reads n bytes, big endian.
func (d *decoder) number(n int) (uint64, error) {
	var p [8]byte
	if _, err := io.ReadFull(d.r, p[8-n:]); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = checkpoint.Damaged("MessagePack ends early, at offset %d", d.at)
		}
		return 0, err
	}
	d.at += int64(n)
	return binary.BigEndian.Uint64(p[:]), nil
}

// next reads the head of the next value.
func (d *decoder) next() (token, error) {
	first, err := d.number(1)
	if err != nil {
		return token{}, err
	}
	c := byte(first)
	switch {
	case c < 0x80, c >= 0xe0:
		return token{kind: integer, i: big.NewInt(int64(int8(c)))}, nil
	case c < 0x90:
		return d.sized(token{kind: mapping}, int64(c&15))
	case c < 0xa0:
		return d.sized(token{kind: array}, int64(c&15))
	case c < 0xc0:
		return d.sized(token{kind: text}, int64(c&31))
	case c >= 0xd4 && c <= 0xd8:
		return d.sized(token{kind: extension}, 1<<(c-0xd4))
	}
	width := func(base byte) int { return 1 << (c - base) }
	switch c {
	case 0xc0:
		return token{kind: null}, nil
	case 0xc2, 0xc3:
		return token{kind: boolean, yes: c == 0xc3}, nil
	case 0xc4, 0xc5, 0xc6:
		return d.long(binaries, width(0xc4))
	case 0xc7, 0xc8, 0xc9:
		return d.long(extension, width(0xc7))
	case 0xca:
		v, err := d.number(4)
		return token{kind: real, f: float64(math.Float32frombits(uint32(v)))}, err
	case 0xcb:
		v, err := d.number(8)
		return token{kind: real, f: math.Float64frombits(v)}, err
	case 0xcc, 0xcd, 0xce, 0xcf:
		v, err := d.number(width(0xcc))
		return token{kind: integer, i: new(big.Int).SetUint64(v)}, err
	case 0xd0, 0xd1, 0xd2, 0xd3:
		n := width(0xd0)
		v, err := d.number(n)
		shift := 64 - 8*n
		return token{kind: integer, i: big.NewInt(int64(v<<shift) >> shift)}, err
	case 0xd9, 0xda, 0xdb:
		return d.long(text, width(0xd9))
	case 0xdc, 0xdd:
		return d.long(array, 2*width(0xdc))
	case 0xde, 0xdf:
		return d.long(mapping, 2*width(0xde))
	}
	return token{}, checkpoint.Damaged("byte %#x at offset %d begins no value", c, d.at-1)
}

// long is the head of a value with a length of so many bytes.
func (d *decoder) long(k kind, width int) (token, error) {
	n, err := d.number(width)
	if err != nil {
		return token{}, err
	}
	return d.sized(token{kind: k}, int64(n))
}

// sized checks that what the token announces can be there.
func (d *decoder) sized(t token, n int64) (token, error) {
	if t.kind == extension {
		typ, err := d.number(1)
		if err != nil {
			return token{}, err
		}
		t.ext = int8(typ)
	}
	least := n
	if t.kind == mapping {
		least = 2 * n
	}
	if least > d.end-d.at {
		return token{}, checkpoint.Damaged("%d values or bytes at offset %d, where %d bytes are left", n, d.at, d.end-d.at)
	}
	t.n = n
	return t, nil
}

// bytes reads n bytes that follow a token, of which sized has checked that they are there.
func (d *decoder) bytes(n int64) (string, error) {
	if n > maxText {
		return "", checkpoint.Limit("text of %d bytes at offset %d", n, d.at)
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(d.r, p); err != nil {
		return "", err
	}
	d.at += n
	return string(p), nil
}

// skip passes over n bytes that follow a token.
func (d *decoder) skip(n int64) error {
	d.at += n
	if n <= int64(d.r.Buffered()) {
		_, err := d.r.Discard(int(n))
		return err
	}
	d.r.Reset(io.NewSectionReader(d.file, d.at, d.end-d.at))
	return nil
}
