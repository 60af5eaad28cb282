package onnx

import (
	"io"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	// windowSize is how much of the file is read at a time to find the fields of messages.
	windowSize = 8 << 10
	// maxHeld bounds the bytes of one file that are held in memory: everything but large tensors.
	maxHeld = 16 << 20
)

// source is a file of protocol buffers, of which only a window is held.
type source struct {
	r        io.ReaderAt
	size     int64
	window   []byte
	windowAt int64
	held     int64
}

// message is a message at [at, end) of the source, whose fields are read one after the other.
type message struct {
	src     *source
	at, end int64
}

// field is one field. A field of bytes has a body, any other a value; the body's source is set for both.
type field struct {
	num   protowire.Number
	typ   protowire.Type
	value uint64
	start int64 // of the tag
	body  message
}

// next returns the next field; ok is false at the end of the message.
func (m *message) next() (f field, ok bool, err error) {
	if m.at >= m.end {
		return field{}, false, nil
	}
	p, err := m.src.peek(m.at, min(m.end-m.at, 20)) // the longest tag and the longest number
	if err != nil {
		return field{}, false, err
	}
	f.start, f.body.src = m.at, m.src
	num, typ, n := protowire.ConsumeTag(p)
	if n < 0 {
		return field{}, false, m.damaged()
	}
	f.num, f.typ = num, typ
	used := 0
	switch typ {
	case protowire.VarintType:
		f.value, used = protowire.ConsumeVarint(p[n:])
	case protowire.Fixed32Type:
		var v uint32
		v, used = protowire.ConsumeFixed32(p[n:])
		f.value = uint64(v)
	case protowire.Fixed64Type:
		f.value, used = protowire.ConsumeFixed64(p[n:])
	case protowire.BytesType:
		f.value, used = protowire.ConsumeVarint(p[n:])
	default:
		return field{}, false, m.damaged()
	}
	if used < 0 {
		return field{}, false, m.damaged()
	}
	m.at += int64(n + used)
	if typ == protowire.BytesType {
		if f.value > uint64(m.end-m.at) {
			return field{}, false, checkpoint.Damaged("field of %d bytes at offset %d, where %d are left", f.value, f.start, m.end-m.at)
		}
		f.body = message{m.src, m.at, m.at + int64(f.value)}
		m.at = f.body.end
	}
	return f, true, nil
}

func (m *message) damaged() error {
	return checkpoint.Damaged("no field of a protocol buffer at offset %d", m.at)
}

// each calls visit for every field.
func (m message) each(visit func(f field) error) error {
	for {
		f, ok, err := m.next()
		if err != nil || !ok {
			return err
		}
		if err := visit(f); err != nil {
			return err
		}
	}
}

// size is the number of bytes of the message.
func (m message) size() int64 { return m.end - m.at }

// bytes returns the whole message.
func (m message) bytes() ([]byte, error) {
	if m.src.held += m.size(); m.src.held > maxHeld {
		return nil, checkpoint.Limit("graph of more than %d MiB beside its tensors", maxHeld>>20)
	}
	p := make([]byte, m.size())
	if len(p) > windowSize/8 {
		return p, checkpoint.ReadFull(m.src.r, p, m.at)
	}
	window, err := m.src.peek(m.at, m.size()) // a file may have millions of short fields
	copy(p, window)
	return p, err
}

// text returns a field that is a string.
func (f field) text() (string, error) {
	if f.typ != protowire.BytesType {
		return "", f.wrongType()
	}
	p, err := f.body.bytes()
	return string(p), err
}

// number returns a field that is an integer.
func (f field) number() (int64, error) {
	if f.typ != protowire.VarintType {
		return 0, f.wrongType()
	}
	return int64(f.value), nil
}

// message returns a field that is a message.
func (f field) message() (message, error) {
	if f.typ != protowire.BytesType {
		return message{}, f.wrongType()
	}
	return f.body, nil
}

// encoded returns the field as it is in the file, tag included.
func (f field) encoded(end int64) ([]byte, error) { return message{f.body.src, f.start, end}.bytes() }

func (f field) wrongType() error {
	return checkpoint.Damaged("field %d at offset %d is of wire type %d", f.num, f.start, f.typ)
}

// peek returns n bytes at off, which lie in the source.
func (s *source) peek(off, n int64) ([]byte, error) {
	if off < s.windowAt || off+n > s.windowAt+int64(len(s.window)) {
		if s.window == nil {
			s.window = make([]byte, windowSize)
		}
		s.window = s.window[:min(windowSize, s.size-off)]
		s.windowAt = off
		if err := checkpoint.ReadFull(s.r, s.window, off); err != nil {
			s.window = s.window[:0]
			return nil, err
		}
	}
	return s.window[off-s.windowAt:][:n], nil
}
