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
func latin1(s string) string {
	size := latin1Size(s)
	if size == len(s) {
		return s
	}
	var out strings.Builder
	out.Grow(size)
	for i := range len(s) {
		out.WriteRune(rune(s[i]))
	}
	return out.String()
}

// latin1Size is the length of what latin1 returns.
func latin1Size(s string) int {
	n := len(s)
	for i := range len(s) {
		n += int(s[i] >> 7)
	}
	return n
}

// validText reports whether s is UTF-8, in which Python lets pass halves of surrogate pairs.
func validText(s string) bool {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			if len(s) < 3 || s[0] != 0xed || s[1] < 0xa0 || s[1] > 0xbf || s[2]&0xc0 != 0x80 {
				return false
			}
			n = 3
		}
		s = s[n:]
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
	return latin1(string(out)), nil
}
