package xgboost

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"math"
	"math/big"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

// ubjReader reads Universal Binary JSON (draft 12) as XGBoost writes it: big endian, optimised arrays, plain objects.
type ubjReader struct {
	ctx     context.Context
	builder *tree.Builder
	memory  memory
	file    io.ReaderAt
	r       *bufio.Reader
	at      int64 // offset of the next byte
	size    int64
}

func readUBJ(ctx context.Context, b *tree.Builder, r io.ReaderAt, size int64) error {
	d := &ubjReader{ctx: ctx, builder: b, memory: maxHeld, file: r, size: size}
	d.seek(0)
	marker, err := d.marker()
	if err != nil {
		return err
	}
	if err := d.value(nil, marker); err != nil {
		return err
	}
	if d.at != size {
		return checkpoint.Damaged("%d bytes behind the UBJSON value", size-d.at)
	}
	return nil
}

func (d *ubjReader) seek(at int64) {
	d.at = at
	section := io.NewSectionReader(d.file, at, d.size-at)
	if d.r == nil {
		d.r = bufio.NewReaderSize(section, 64<<10)
	} else {
		d.r.Reset(section)
	}
}

// skip passes over n bytes.
func (d *ubjReader) skip(n int64) error {
	if n > d.size-d.at {
		return checkpoint.Damaged("%d bytes at offset %d of a file of %d", n, d.at, d.size)
	}
	if n <= int64(d.r.Buffered()) {
		if _, err := d.r.Discard(int(n)); err != nil {
			return err
		}
		d.at += n
		return nil
	}
	d.seek(d.at + n)
	return nil
}

func (d *ubjReader) bytes(p []byte) error {
	if _, err := io.ReadFull(d.r, p); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = checkpoint.Damaged("UBJSON ends early, at offset %d", d.at)
		}
		return err
	}
	d.at += int64(len(p))
	return nil
}

// marker returns the next byte that is not a no-op.
func (d *ubjReader) marker() (byte, error) {
	var c [1]byte
	for {
		if err := d.bytes(c[:]); err != nil || c[0] != 'N' {
			return c[0], err
		}
	}
}

// width returns the bytes of a number with a marker, 0 for any other marker.
func width(marker byte) int64 {
	switch marker {
	case 'i', 'U':
		return 1
	case 'I':
		return 2
	case 'l', 'd':
		return 4
	case 'L', 'D':
		return 8
	}
	return 0
}

func isReal(marker byte) bool { return marker == 'd' || marker == 'D' }

// integer reads the bytes of an integer.
func (d *ubjReader) integer(marker byte) (int64, error) {
	var p [8]byte
	n := width(marker)
	if n == 0 || isReal(marker) {
		return 0, checkpoint.Damaged("%q where an integer belongs, before offset %d", marker, d.at)
	}
	if err := d.bytes(p[:n]); err != nil {
		return 0, err
	}
	return decode(marker, p[:n]), nil
}

// decode returns an integer from its bytes, big endian.
func decode(marker byte, p []byte) int64 {
	switch marker {
	case 'i':
		return int64(int8(p[0]))
	case 'U':
		return int64(p[0])
	case 'I':
		return int64(int16(binary.BigEndian.Uint16(p)))
	case 'l':
		return int64(int32(binary.BigEndian.Uint32(p)))
	}
	return int64(binary.BigEndian.Uint64(p))
}

func (d *ubjReader) real(marker byte) (float64, error) {
	var p [8]byte
	if err := d.bytes(p[:width(marker)]); err != nil {
		return 0, err
	}
	if marker == 'd' {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(p[:]))), nil
	}
	return math.Float64frombits(binary.BigEndian.Uint64(p[:])), nil
}

// count reads a length, with its marker.
func (d *ubjReader) count() (int64, error) {
	marker, err := d.marker()
	if err != nil {
		return 0, err
	}
	n, err := d.integer(marker)
	if err == nil && (n < 0 || n > d.size-d.at) {
		err = checkpoint.Damaged("length %d at offset %d of a file of %d bytes", n, d.at, d.size)
	}
	return n, err
}

func (d *ubjReader) text() (string, error) {
	n, err := d.count()
	if err != nil {
		return "", err
	}
	if n > maxString {
		return "", checkpoint.Limit("UBJSON string of %d bytes", n)
	}
	p := make([]byte, n)
	err = d.bytes(p)
	return string(p), err
}

func (d *ubjReader) value(p *keypath.Path, marker byte) error {
	switch marker {
	case '{':
		return d.object(p)
	case '[':
		return d.array(p)
	case 'S':
		s, err := d.text()
		if err != nil {
			return err
		}
		return d.builder.String(p, s)
	case 'Z':
		return d.builder.None(p)
	case 'T', 'F':
		return d.builder.Bool(p, marker == 'T')
	case 'd', 'D':
		v, err := d.real(marker)
		if err != nil {
			return err
		}
		return d.builder.Float(p, v)
	}
	if width(marker) == 0 {
		return checkpoint.Unsupported("UBJSON type %q before offset %d", marker, d.at)
	}
	v, err := d.integer(marker)
	if err != nil {
		return err
	}
	return d.builder.Int(p, big.NewInt(v))
}

func (d *ubjReader) object(p *keypath.Path) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	dict, err := d.builder.Dict(p)
	if err != nil {
		return err
	}
	for {
		if c, err := d.r.Peek(1); err == nil && c[0] == '}' {
			dict.End()
			return d.skip(1)
		}
		if c, err := d.r.Peek(1); err == nil && (c[0] == '$' || c[0] == '#') {
			return checkpoint.Unsupported("UBJSON object with a type or count")
		}
		key, err := d.text()
		if err != nil {
			return err
		}
		member, err := dict.Key(key)
		if err != nil {
			return err
		}
		marker, err := d.marker()
		if err != nil {
			return err
		}
		if err := d.value(member, marker); err != nil {
			return err
		}
	}
}

// array reads an array: of one type and a count, of a count, or up to its end.
func (d *ubjReader) array(p *keypath.Path) error {
	marker, err := d.marker()
	if err != nil {
		return err
	}
	var typ byte
	if marker == '$' {
		if typ, err = d.marker(); err != nil {
			return err
		}
		if marker, err = d.marker(); err != nil {
			return err
		}
		if marker != '#' || width(typ) == 0 {
			return checkpoint.Unsupported("UBJSON array of type %q", typ)
		}
	}
	n := int64(-1)
	if marker == '#' {
		if n, err = d.count(); err != nil {
			return err
		}
	}
	s := &sequence{builder: d.builder, path: p, memory: &d.memory}
	if typ != 0 && n > 0 {
		return d.typed(p, typ, n)
	}
	for ; n != 0; n-- {
		if n > 0 || marker == 0 {
			if marker, err = d.marker(); err != nil {
				return err
			}
		}
		if n < 0 && marker == ']' {
			break
		}
		if err := d.member(s, marker); err != nil {
			return err
		}
		marker = 0
	}
	return s.end()
}

func (d *ubjReader) member(s *sequence, marker byte) error {
	switch {
	case isReal(marker):
		v, err := d.real(marker)
		if err != nil {
			return err
		}
		return s.real(v, marker == 'D')
	case width(marker) > 0:
		v, err := d.integer(marker)
		if err != nil {
			return err
		}
		return s.int(v)
	}
	p, err := s.next()
	if err != nil {
		return err
	}
	return d.value(p, marker)
}

// typed adds an array of numbers that stays in the file.
func (d *ubjReader) typed(p *keypath.Path, typ byte, n int64) error {
	item := width(typ)
	if n > d.size/item {
		return checkpoint.Damaged("array of %d numbers in a file of %d bytes", n, d.size)
	}
	at := d.at
	if err := d.skip(n * item); err != nil {
		return err
	}
	dtype := checkpoint.Int64
	switch typ {
	case 'd':
		dtype = checkpoint.Float32
	case 'D':
		dtype = checkpoint.Float64
	}
	data := checkpoint.Section(d.file, at, n*item)
	if isReal(typ) {
		data = checkpoint.SwapBytes(data, item)
	} else {
		data = &widened{data, typ}
	}
	t, err := checkpoint.NewTensor(dtype, dtype.Bits(), []int64{n}, data)
	if err != nil {
		return err
	}
	return d.builder.Tensor(p, t)
}

// widened shows big-endian integers of any width as little-endian ones of 64 bits.
type widened struct {
	data   checkpoint.Data
	marker byte
}

func (w *widened) Size() int64 { return w.data.Size() / width(w.marker) * 8 }

func (w *widened) ReadAt(p []byte, off int64) (int, error) {
	item := width(w.marker)
	var in [4096]byte
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= w.Size() {
			return done, io.EOF
		}
		index := at / 8
		count := min((int64(len(p)-done)+at%8+7)/8, int64(len(in))/item, w.Size()/8-index)
		if err := checkpoint.ReadFull(w.data, in[:count*item], index*item); err != nil {
			return done, err
		}
		for i := range count {
			var out [8]byte
			binary.LittleEndian.PutUint64(out[:], uint64(decode(w.marker, in[i*item:][:item])))
			skip := max(at-(index+i)*8, 0)
			done += copy(p[done:], out[skip:])
		}
	}
	return done, nil
}
