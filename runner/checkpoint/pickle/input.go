package pickle

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// input reads forward through a range of a file with a small window, and skips without reading.
type input struct {
	r        io.ReaderAt
	pos, end int64 // next byte to take, end of the range
	window   []byte
	start    int64 // offset of window[0]
	buf      []byte
}

// windowBytes bounds the window.
const windowBytes = 32 << 10

func (in *input) left() int64 { return in.end - in.pos }

// fill makes at least n bytes (n <= windowBytes) available at pos.
func (in *input) fill(n int) error {
	if int64(n) > in.left() {
		return checkpoint.Damaged("pickle ends early at offset %d", in.end)
	}
	if at := in.pos - in.start; at >= 0 && at+int64(n) <= int64(len(in.window)) {
		return nil
	}
	size := min(windowBytes, in.left())
	if in.buf == nil { // a file may be of very many small pickles
		in.buf = make([]byte, size)
	}
	if err := checkpoint.ReadFull(in.r, in.buf[:size], in.pos); err != nil {
		return err
	}
	in.window, in.start = in.buf[:size], in.pos
	return nil
}

// take returns the next n bytes (n <= windowBytes), valid until the next call.
func (in *input) take(n int) ([]byte, error) {
	if err := in.fill(n); err != nil {
		return nil, err
	}
	at := in.pos - in.start
	in.pos += int64(n)
	return in.window[at : at+int64(n)], nil
}

func (in *input) byte() (byte, error) {
	b, err := in.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// uint reads an n-byte little-endian integer.
func (in *input) uint(n int) (uint64, error) {
	b, err := in.take(n)
	if err != nil {
		return 0, err
	}
	var v uint64
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v, nil
}

// copy returns the next n bytes as a new slice; the caller has charged for them.
func (in *input) copy(n int64) ([]byte, error) {
	if n > in.left() {
		return nil, checkpoint.Damaged("value of %d bytes at offset %d passes the end of the pickle", n, in.pos)
	}
	p := make([]byte, n)
	if n <= windowBytes {
		b, err := in.take(int(n))
		copy(p, b)
		return p, err
	}
	err := checkpoint.ReadFull(in.r, p, in.pos)
	in.pos += n
	return p, err
}

// text is copy of what becomes a string; there is no second copy of it at any time.
func (in *input) text(n int64) (string, error) {
	if n > in.left() {
		return "", checkpoint.Damaged("value of %d bytes at offset %d passes the end of the pickle", n, in.pos)
	}
	var s strings.Builder
	s.Grow(int(n))
	for n > 0 {
		p, err := in.take(int(min(n, windowBytes)))
		if err != nil {
			return "", err
		}
		s.Write(p)
		n -= int64(len(p))
	}
	return s.String(), nil
}

// scanText passes over a text, whose characters it counts, and reports whether it is one.
func (in *input) scanText(t *Text) (bool, error) {
	for end := t.Off + t.Len; in.pos < end; {
		size := int(min(end-in.pos, windowBytes))
		if err := in.fill(size); err != nil {
			return false, err
		}
		p := in.window[in.pos-in.start:][:size]
		if in.pos+int64(size) < end {
			p = p[:lastStart(p)]
		}
		if len(p) == 0 || !utf8.Valid(p) && !validText(string(p)) {
			return false, nil
		}
		t.Characters += int64(utf8.RuneCount(p))
		t.Latin1 = t.Latin1 && slices.Max(p) < 0xc4 // the first byte of U+0100
		in.pos += int64(len(p))
	}
	return true, nil
}

// lastStart is where the last character of p begins, at most 3 bytes before its end.
func lastStart(p []byte) int {
	for i := len(p) - 1; i > len(p)-utf8.UTFMax; i-- {
		if utf8.RuneStart(p[i]) {
			return i
		}
	}
	return len(p)
}

// skip passes over n bytes and returns where they start.
func (in *input) skip(n int64) (int64, error) {
	if n < 0 || n > in.left() {
		return 0, checkpoint.Damaged("value of %d bytes at offset %d passes the end of the pickle", n, in.pos)
	}
	off := in.pos
	in.pos += n
	return off, nil
}

// line reads up to and including a newline, which it drops.
func (in *input) line() ([]byte, error) {
	var long []byte
	for {
		if err := in.fill(1); err != nil {
			return nil, err
		}
		rest := in.window[in.pos-in.start:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			in.pos += int64(i) + 1
			if long == nil {
				return rest[:i], nil
			}
			return append(long, rest[:i]...), nil
		}
		long = append(long, rest...)
		in.pos += int64(len(rest))
		if len(long) > lineBytes {
			return nil, checkpoint.Limit("a line of more than %d bytes in a pickle", lineBytes)
		}
	}
}
