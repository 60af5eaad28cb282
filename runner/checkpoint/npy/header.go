package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	magic = "\x93NUMPY"
	// MaxHeader bounds the description of an array; NumPy itself refuses literals of more than 10,000 characters.
	MaxHeader = 1 << 16
	// maxHeaderDepth bounds nested sub-types in a structured type.
	maxHeaderDepth = 16
)

// Header is what the start of a .npy file says of the array.
type Header struct {
	Type    Type
	Shape   []int64
	Fortran bool
	Start   int64 // of the elements, or of the pickle that holds an array of Python objects
}

// Signature reports whether head begins like a .npy file.
func Signature(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }

// ReadHeader reads the start of data in .npy format.
func ReadHeader(data checkpoint.Data) (*Header, error) { return readHeader(data, data.Size()) }

func readHeader(r io.ReaderAt, size int64) (*Header, error) {
	var fixed [12]byte
	if size < 10 {
		return nil, checkpoint.Damaged("array header cut short")
	}
	n := min(size, int64(len(fixed)))
	if err := checkpoint.ReadFull(r, fixed[:n], 0); err != nil {
		return nil, err
	}
	if string(fixed[:6]) != magic {
		return nil, checkpoint.Damaged("not a NumPy array: no magic string")
	}
	var length, start int64
	if fixed[7] != 0 {
		return nil, checkpoint.Unsupported("NumPy format version %d.%d", fixed[6], fixed[7])
	}
	switch fixed[6] {
	case 1:
		length, start = int64(binary.LittleEndian.Uint16(fixed[8:])), 10
	case 2, 3:
		if n < 12 {
			return nil, checkpoint.Damaged("array header cut short")
		}
		length, start = int64(binary.LittleEndian.Uint32(fixed[8:])), 12
	default:
		return nil, checkpoint.Unsupported("NumPy format version %d.%d", fixed[6], fixed[7])
	}
	if length > MaxHeader {
		return nil, checkpoint.Limit("array header of %d bytes", length)
	}
	if length > size-start {
		return nil, checkpoint.Damaged("array header cut short")
	}
	text := make([]byte, length)
	if err := checkpoint.ReadFull(r, text, start); err != nil {
		return nil, err
	}
	if fixed[6] < 3 {
		text = fromLatin1(text)
	} else if !utf8.Valid(text) {
		return nil, checkpoint.Damaged("array header that is not UTF-8")
	}
	p := literalParser{text: text}
	v, err := p.parse(0)
	if err == nil && len(bytes.TrimSpace(p.text[p.pos:])) > 0 {
		err = errors.New("text behind the dictionary")
	}
	if err != nil {
		return nil, checkpoint.Damaged("array header: %v", err)
	}
	h, err := interpret(v)
	if err != nil {
		return nil, err
	}
	h.Start = start + length
	return h, nil
}

// fromLatin1 returns the UTF-8 of a header of version 1 or 2.
func fromLatin1(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, c := range text {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

func interpret(v any) (*Header, error) {
	d, ok := v.(map[string]any)
	if !ok || len(d) != 3 {
		return nil, checkpoint.Damaged("array header is not a dictionary of descr, fortran_order and shape")
	}
	h := &Header{}
	if h.Fortran, ok = d["fortran_order"].(bool); !ok {
		return nil, checkpoint.Damaged("array header without fortran_order")
	}
	var err error
	if h.Shape, err = shapeOf(d["shape"]); err != nil {
		return nil, err
	}
	h.Type, err = descr(d["descr"], 0)
	return h, err
}

func shapeOf(v any) ([]int64, error) {
	items, ok := v.([]any)
	if !ok {
		return nil, checkpoint.Damaged("array header without a shape")
	}
	var shape []int64
	for _, item := range items {
		n, ok := item.(int64)
		if !ok {
			return nil, checkpoint.Damaged("array header with a shape that is no tuple of integers")
		}
		shape = append(shape, n)
	}
	return shape, nil
}

// descr reads a type string, or the list of fields of a structured type.
func descr(v any, depth int) (Type, error) {
	if s, ok := v.(string); ok {
		return ParseType(s)
	}
	list, ok := v.([]any)
	if !ok || depth > maxHeaderDepth {
		return Type{}, checkpoint.Damaged("array header without a type")
	}
	var fields []Field
	seen := map[string]bool{}
	off := int64(0)
	for _, item := range list {
		parts, ok := item.([]any)
		if !ok || len(parts) < 2 {
			return Type{}, checkpoint.Damaged("structured array type with a field that is no pair")
		}
		named := parts[0]
		if titled, ok := named.([]any); ok && len(titled) == 2 {
			named = titled[1] // behind the title
		}
		name, ok := named.(string)
		if !ok {
			return Type{}, checkpoint.Damaged("structured array type with a field that has no name")
		}
		t, err := descr(parts[1], depth+1)
		if err == nil && len(parts) > 2 {
			var shape []int64
			if shape, err = shapeOf(parts[2]); err == nil {
				t, err = SubArray(t, shape)
			}
		}
		if err != nil {
			return Type{}, err
		}
		if t.Object || t.Swap != 0 {
			return Type{}, checkpoint.Unsupported("structured array type with objects or big-endian fields")
		}
		if t.Item > 1<<31 || off > 1<<31 {
			return Type{}, checkpoint.Limit("structured array type of more than 2 GiB")
		}
		if name == "" && strings.HasPrefix(string(t.Name), "void") {
			off += t.Item // padding between fields
			continue
		}
		if seen[name] {
			return Type{}, checkpoint.Damaged("structured array type with two fields %q", checkpoint.Clip(name, 80))
		}
		seen[name] = true
		fields = append(fields, Field{Name: name, Type: t, Offset: off})
		off += t.Item
	}
	return Record(fields, off)
}

// literalParser reads the subset of Python literals that NumPy writes: dictionaries with string keys, tuples, lists,
// strings, integers, True, False and None.
type literalParser struct {
	text []byte
	pos  int
}

func (p *literalParser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// accept passes over c, after white space, and reports whether it was there.
func (p *literalParser) accept(c byte) bool {
	p.space()
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *literalParser) parse(depth int) (any, error) {
	if depth > maxHeaderDepth {
		return nil, errors.New("nested too deep")
	}
	p.space()
	if p.pos >= len(p.text) {
		return nil, errors.New("ends early")
	}
	switch c := p.text[p.pos]; {
	case c == '{':
		return p.dict(depth)
	case c == '(' || c == '[':
		return p.sequence(depth, map[byte]byte{'(': ')', '[': ']'}[c])
	case c == '\'' || c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		start := p.pos
		p.pos++
		for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
			p.pos++
		}
		n, err := strconv.ParseInt(string(p.text[start:p.pos]), 10, 64)
		if err != nil {
			return nil, errors.New("number " + checkpoint.Clip(string(p.text[start:p.pos]), 40))
		}
		if p.pos < len(p.text) && p.text[p.pos] == 'L' {
			p.pos++ // Python 2 wrote long integers so
		}
		return n, nil
	}
	for word, v := range map[string]any{"True": true, "False": false, "None": nil} {
		if bytes.HasPrefix(p.text[p.pos:], []byte(word)) {
			p.pos += len(word)
			return v, nil
		}
	}
	return nil, errors.New("unexpected character " + strconv.QuoteRune(rune(p.text[p.pos])))
}

func (p *literalParser) dict(depth int) (any, error) {
	p.pos++
	d := map[string]any{}
	for !p.accept('}') {
		k, err := p.parse(depth + 1)
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if _, twice := d[key]; !ok || twice {
			return nil, errors.New("key that is no string, or there twice")
		}
		if !p.accept(':') {
			return nil, errors.New("key without a value")
		}
		if d[key], err = p.parse(depth + 1); err != nil {
			return nil, err
		}
		if !p.accept(',') {
			if !p.accept('}') {
				return nil, errors.New("dictionary without its end")
			}
			break
		}
	}
	return d, nil
}

func (p *literalParser) sequence(depth int, end byte) (any, error) {
	p.pos++
	items := []any{}
	for !p.accept(end) {
		v, err := p.parse(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		if !p.accept(',') {
			if !p.accept(end) {
				return nil, errors.New("sequence without its end")
			}
			break
		}
	}
	return items, nil
}

func (p *literalParser) str() (string, error) {
	quote := p.text[p.pos]
	p.pos++
	var b []byte
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		p.pos++
		switch c {
		case quote:
			return string(b), nil
		case '\\':
			if p.pos == len(p.text) || strings.IndexByte("\\'\"", p.text[p.pos]) < 0 {
				return "", errors.New("escape in a string")
			}
			c = p.text[p.pos]
			p.pos++
		}
		b = append(b, c)
	}
	return "", errors.New("string without its end")
}
