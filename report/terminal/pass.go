package terminal

import (
	"bytes"
	"unicode/utf8"
)

const (
	escape = 0x1b
	reset  = "\x1b[0m"
)

// Pass makes lines of another program's output safe to pass on, so that they neither move the cursor, nor erase, nor set titles: of
// control sequences (ECMA-48) only those that choose colours and the like (SGR) stay, where colours are wanted, and none
// reaches beyond its line. Other control characters but tabs and newlines are left out too.
func Pass(text []byte, colours bool) []byte {
	var out []byte
	coloured := false
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == escape:
			size = sequence(text)
			if colours && isSGR(text[:size]) {
				coloured = true
				out = append(out, text[:size]...)
			}
		case r == '\n' && coloured:
			out, coloured = append(append(out, reset...), '\n'), false
		case r >= ' ' && (r < 0x7f || r > 0x9f), r == '\n', r == '\t':
			out = utf8.AppendRune(out, r) // bytes that are no UTF-8 become U+FFFD
		}
		text = text[size:]
	}
	if coloured {
		out = append(out, reset...)
	}
	return out
}

// sequence is the length of the control sequence that text begins with, its escape character included.
func sequence(text []byte) int {
	if len(text) == 1 {
		return 1
	}
	end := 2
	switch text[1] {
	case '[':
		for end < len(text) && ' ' <= text[end] && text[end] < '@' {
			end++
		}
		if end < len(text) && '@' <= text[end] && text[end] <= '~' {
			end++
		}
	case ']', 'P', 'X', '^', '_': // a string, up to BEL or ESC \; one without an end is shown as text
		line, _, _ := bytes.Cut(text, []byte{'\n'})
		bell, st := bytes.IndexByte(line, '\a'), bytes.Index(line, []byte("\x1b\\"))
		switch {
		case bell > 0 && (st < 0 || bell < st):
			end = bell + 1
		case st > 0:
			end = st + 2
		}
	default:
		end = 1
		for end < len(text) && ' ' <= text[end] && text[end] < '0' {
			end++
		}
		if end < len(text) && '0' <= text[end] && text[end] <= '~' {
			end++
		}
	}
	return end
}

// isSGR reports whether a control sequence is ESC [ numbers m.
func isSGR(sequence []byte) bool {
	if len(sequence) < 3 || sequence[1] != '[' || sequence[len(sequence)-1] != 'm' {
		return false
	}
	for _, c := range sequence[2 : len(sequence)-1] {
		if c < '0' || c > ';' {
			return false
		}
	}
	return true
}
