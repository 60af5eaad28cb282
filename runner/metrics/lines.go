package metrics

import (
	"bytes"
	"unicode/utf8"
)

// maxLine bounds the part of a line that is kept; what is beyond it is dropped, and the next line is read as usual.
const maxLine = 1 << 20

// Lines is an io.Writer that cuts an output stream into lines as a terminal would leave them: escape sequences removed, and of
// a line that was drawn over with carriage returns or backspaces, as progress bars do, only what remains in the end. The number
// of times that a bar was redrawn depends on the clock; what it leaves does not.
//
// Memory stays below a few times maxLine whatever is written.
type Lines struct {
	emit func(number int64, line []byte)
	// lost, where it is set, is given what emit is not: what is beyond maxLine, and lines that are no text, as they are.
	lost func(part []byte)

	pending  []byte // the beginning of a line whose end has not been written
	textOnly bool   // lines that are no text are emitted empty
	skip     bool   // the line has outgrown maxLine; drop until its end
	number   int64  // complete lines so far
}

// NewLines calls emit for each complete line with its 1-based number. The line is valid until emit returns,
// and must not be changed.
func NewLines(emit func(number int64, line []byte)) *Lines { return &Lines{emit: emit} }

// Write takes the next part of the stream, which may end anywhere. It never fails.
func (l *Lines) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			l.hold(p)
			break
		}
		switch {
		case l.skip || len(l.pending) > 0:
			l.hold(p[:end])
			l.finish(l.pending)
		case end > maxLine:
			l.hold(p[:end])
			l.finish(l.pending)
		default:
			// The common case copies nothing, but p belongs to the caller and cleaning works in place.
			l.finish(p[:end:end])
		}
		p = p[end+1:]
	}
	return written, nil
}

// Close emits an unfinished last line. The stream may not be written to afterwards.
func (l *Lines) Close() error {
	if len(l.pending) > 0 {
		l.finish(l.pending)
	}
	return nil
}

// hold keeps p for the line that is still open.
func (l *Lines) hold(p []byte) {
	for len(p) > 0 && !l.skip {
		n := min(len(p), maxLine-len(l.pending))
		l.pending = append(l.pending, p[:n]...)
		p = p[n:]
		if len(l.pending) == maxLine {
			// A progress bar may redraw one line for hours: what was overwritten makes room.
			if cr := bytes.LastIndexByte(bytes.TrimRight(l.pending, "\r"), '\r'); cr > 0 {
				l.pending = l.pending[:copy(l.pending, l.pending[cr+1:])]
				continue
			}
			l.skip = true
		}
	}
	if l.lost != nil && len(p) > 0 {
		l.lost(p)
	}
}

func (l *Lines) finish(line []byte) {
	l.number++
	switch {
	case !needsCleaning(line):
	case l.lost != nil && bytes.IndexFunc(line, noText) >= 0:
		l.lost(line)
		line = nil
	case l.textOnly && !utf8.Valid(line) && bytes.IndexFunc(line, noText) >= 0:
		line = nil
	default:
		if len(l.pending) == 0 {
			l.pending = append(l.pending, line...) // a private copy, in a buffer that is there anyway
			line = l.pending
		}
		line = clean(line)
	}
	l.emit(l.number, line)
	l.pending, l.skip = l.pending[:0], false
}

// needsCleaning reports whether a line holds control characters other than tab, or characters that stand for punctuation of ASCII.
func needsCleaning(line []byte) bool {
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0xE2 || c == 0xE3 || c == 0xEF || c == 0xC2 || c == 0x7F {
			return true
		}
	}
	return false
}

// noText reports control characters that no text has and that draw nothing. With bytes that are no UTF-8 either, a line is no text: what
// stands before a number there is no name.
func noText(r rune) bool { return r < '\a' || r > '\r' && r < '\x1b' || r > '\x1b' && r < ' ' }

// clean reduces a line, in place, to what a terminal leaves of it.
func clean(line []byte) []byte {
	line = bytes.TrimRight(line, "\r")
	if cr := bytes.LastIndexByte(line, '\r'); cr >= 0 {
		line = line[cr+1:]
	}
	out := line[:0]
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case c == 0x1B:
			i += escape(line[i:])
		case c == '\b':
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
			i++
		case c == 0xE2 && i+2 < len(line) && line[i+1] >= 0x94 && line[i+1] <= 0x96:
			// Box drawings and block elements (U+2500 to U+25BF) draw bars and the borders of tables.
			out = append(out, ' ', '|', ' ')
			i += 3
		case c < ' ' && c != '\t' || c == 0x7F:
			i++
		case c == 0xE2 && bytes.HasPrefix(line[i:], []byte("−")):
			out = append(out, '-')
			i += 3
		case c == 0xC2 && i+1 < len(line) && line[i+1] == 0xA0: // a blank that does not break
			out = append(out, ' ')
			i += 2
		case c == 0xE3 && bytes.HasPrefix(line[i:], []byte("\u3000")):
			out = append(out, ' ')
			i += 3
		case c == 0xEF && i+2 < len(line) && line[i+1] == 0xBC && line[i+2] >= 0x81:
			out = append(out, line[i+2]-0x80+' ') // full-width forms, U+FF01 to U+FF3F: "loss：0.5"
			i += 3
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}

// escape is the length of the escape sequence (ECMA-48) that s begins with.
func escape(s []byte) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= '@' && s[i] <= '~' {
				return i + 1
			}
			if s[i] < ' ' {
				return i
			}
		}
		return len(s)
	case ']':
		for i := 2; i < len(s); i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1B {
				return min(i+2, len(s))
			}
		}
		return len(s)
	}
	return 2
}
