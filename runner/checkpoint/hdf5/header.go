package hdf5

import "github.com/reprocheck/reprocheck/runner/checkpoint"

// The messages of object headers that are looked at.
const (
	msgDataspace    = 0x01
	msgLinkInfo     = 0x02
	msgDatatype     = 0x03
	msgFillOld      = 0x04
	msgFill         = 0x05
	msgLink         = 0x06
	msgExternal     = 0x07
	msgLayout       = 0x08
	msgFilters      = 0x0b
	msgAttribute    = 0x0c
	msgContinuation = 0x10
	msgSymbolTable  = 0x11
	msgAttributes   = 0x15
)

// maxMessages bounds the messages of one object.
const maxMessages = 1 << 16

type message struct {
	kind   int
	shared bool
	data   []byte
}

// header reads the messages of the object at addr, continuations included.
func (s *source) header(addr uint64) ([]message, error) {
	start, err := s.block(addr, 16)
	if err != nil {
		return nil, err
	}
	if string(start.p[:4]) == "OHDR" {
		return s.header2(addr)
	}
	if version := start.u8(); version != 1 {
		return nil, checkpoint.Unsupported("object header version %d", version)
	}
	start.skip(7)
	body, err := s.block(addr+16, int64(start.u32()))
	if err != nil {
		return nil, err
	}
	var list []message
	blocks := []*buffer{body}
	for len(blocks) > 0 {
		b := blocks[0]
		blocks = blocks[1:]
		for len(b.p) >= 8 {
			kind, size, flags := int(b.u16()), int(b.u16()), b.u8()
			b.skip(3)
			m := message{kind, flags&2 != 0, b.bytes(size)}
			if b.err != nil {
				return nil, b.err
			}
			if len(list) >= maxMessages {
				return nil, checkpoint.Limit("object with more than %d messages", maxMessages)
			}
			if kind == msgContinuation {
				next, err := s.continuation(m.data)
				if err != nil {
					return nil, err
				}
				blocks = append(blocks, next)
			}
			list = append(list, m)
		}
	}
	return list, nil
}

func (s *source) continuation(data []byte) (*buffer, error) {
	c := &buffer{p: data}
	addr, n := c.u64(), c.u64()
	if c.err != nil {
		return nil, c.err
	}
	if n > maxBlock {
		return nil, checkpoint.Limit("header block of %d bytes", n)
	}
	return s.block(addr, int64(n))
}

// header2 reads the headers of newer files.
func (s *source) header2(addr uint64) ([]message, error) {
	const longest = 4 + 2 + 16 + 4 + 8
	off, err := s.offset(addr, 7)
	if err != nil {
		return nil, err
	}
	b, err := s.block(addr, min(longest, s.size-off))
	if err != nil {
		return nil, err
	}
	whole := len(b.p)
	b.skip(4)
	version, flags := b.u8(), b.u8()
	if version != 2 {
		return nil, checkpoint.Unsupported("object header version %d", version)
	}
	if flags&0x20 != 0 {
		b.skip(16)
	}
	if flags&0x10 != 0 {
		b.skip(4)
	}
	size := b.uint(1 << (flags & 3))
	if b.err != nil || size > maxBlock {
		return nil, checkpoint.Damaged("object header of %d bytes", size)
	}
	prefixed := whole - len(b.p)
	body, err := s.sealed(addr, int64(prefixed)+int64(size)+4)
	if err != nil {
		return nil, err
	}
	body.skip(prefixed)
	var list []message
	blocks := []*buffer{body}
	prefix := 4
	if flags&4 != 0 {
		prefix = 6
	}
	for len(blocks) > 0 {
		b := blocks[0]
		blocks = blocks[1:]
		for len(b.p) >= prefix {
			kind, size, mflags := int(b.u8()), int(b.u16()), b.u8()
			b.skip(prefix - 4)
			m := message{kind, mflags&2 != 0, b.bytes(size)}
			if b.err != nil {
				return nil, b.err
			}
			if len(list) >= maxMessages {
				return nil, checkpoint.Limit("object with more than %d messages", maxMessages)
			}
			if kind == msgContinuation {
				next, err := s.continuation(m.data)
				if err != nil {
					return nil, err
				}
				if err := next.unseal(); err != nil {
					return nil, err
				}
				if err := next.expect("OCHK"); err != nil {
					return nil, err
				}
				blocks = append(blocks, next)
			}
			list = append(list, m)
		}
	}
	return list, nil
}

// committed returns the datatype of the object that a shared message points at.
func (s *source) committed(b *buffer) (*buffer, error) {
	version, kind := b.u8(), b.u8()
	switch {
	case version == 1:
		b.skip(6)
	case version == 2, version == 3 && kind == 2:
	default:
		return nil, checkpoint.Unsupported("message that is shared between objects (version %d, kind %d)", version, kind)
	}
	addr := b.u64()
	if b.err != nil {
		return nil, b.err
	}
	messages, err := s.header(addr)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		if m.kind == msgDatatype && !m.shared {
			return &buffer{p: m.data}, nil
		}
	}
	return nil, checkpoint.Damaged("type of an object that is none")
}

// datatype reads the message of a type, which may point at a committed one.
func (s *source) datatype(b *buffer, shared bool) (datatype, error) {
	if shared {
		var err error
		if b, err = s.committed(b); err != nil {
			return datatype{}, err
		}
	}
	return parseType(b, 0)
}
