package pickle

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// latin1 decodes one character for each byte, as unpickling Python 2 strings with encoding='latin1' does.
func latin1(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

// validText reports whether b is UTF-8, in which Python lets pass halves of surrogate pairs.
func validText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			if len(b) < 3 || b[0] != 0xed || b[1] < 0xa0 || b[1] > 0xbf || b[2]&0xc0 != 0x80 {
				return false
			}
			n = 3
		}
		b = b[n:]
	}
	return true
}

// rawUnicodeEscape decodes the UNICODE opcode of protocol 0: Latin-1 with \uXXXX and \UXXXXXXXX.
func rawUnicodeEscape(b []byte) (string, error) {
	var s strings.Builder
	for i := 0; i < len(b); {
		n := 0
		if b[i] == '\\' && i+1 < len(b) {
			switch b[i+1] {
			case 'u':
				n = 4
			case 'U':
				n = 8
			}
		}
		if n == 0 {
			s.WriteRune(rune(b[i]))
			i++
			continue
		}
		if i+2+n > len(b) {
			return "", errors.New("truncated \\u escape")
		}
		v, err := strconv.ParseUint(string(b[i+2:i+2+n]), 16, 32)
		if err != nil || v > utf8.MaxRune {
			return "", fmt.Errorf("bad \\u escape %q", b[i:i+2+n])
		}
		writeCodePoint(&s, rune(v))
		i += 2 + n
	}
	return s.String(), nil
}

// writeCodePoint writes r as UTF-8, lone surrogates included, as Python's "surrogatepass" does.
func writeCodePoint(s *strings.Builder, r rune) {
	if utf16.IsSurrogate(r) {
		s.Write([]byte{0xe0 | byte(r>>12), 0x80 | byte(r>>6)&0x3f, 0x80 | byte(r)&0x3f})
		return
	}
	s.WriteRune(r)
}

// quoted decodes the STRING opcode of protocol 0: a Python 2 string literal of one line.
func quoted(b []byte) (string, error) {
	if len(b) < 2 || b[0] != b[len(b)-1] || b[0] != '\'' && b[0] != '"' {
		return "", errors.New("string literal without quotes")
	}
	b = b[1 : len(b)-1]
	var out []byte
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		i++
		if i == len(b) {
			return "", errors.New("string literal ends in a backslash")
		}
		switch c := b[i]; c {
		case '\\', '\'', '"':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'x':
			if i+2 >= len(b) {
				return "", errors.New("truncated \\x escape")
			}
			v, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8)
			if err != nil {
				return "", fmt.Errorf("bad escape \\x%s", b[i+1:i+3])
			}
			out = append(out, byte(v))
			i += 2
		default:
			return "", fmt.Errorf("escape \\%c in a string literal", c)
		}
	}
	return latin1(out), nil
}
