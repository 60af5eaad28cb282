// Package strictjson refuses JSON text that encoding/json would read as something else than it says: it replaces bytes
// that are no UTF-8, and escapes of lone surrogates, by U+FFFD, so that different keys and strings become equal, and keeps
// the last of several equal keys.
package strictjson

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Check returns an error for text with such strings. It does not check the syntax.
func Check(text []byte) error { return CheckReader(bytes.NewReader(text), len(text)) }

// CheckReader is Check of a text that is too long to be held. It also returns an error where a string, a number or the space
// between them, which whoever reads the text holds, is longer than most bytes.
func CheckReader(r io.Reader, most int) error {
	in := bufio.NewReaderSize(r, 64<<10)
	quoted, spaced, length := false, false, 0 // whether what is read is in a string or space, and how much of it has been
	for at := int64(0); ; {
		c, size, err := in.ReadRune()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if c == utf8.RuneError && size == 1 {
			return checkpoint.Damaged("JSON text that is not UTF-8")
		}
		if length > most {
			return checkpoint.Limit("JSON string, number or space of more than %d bytes", most)
		}
		at += int64(size)
		if space := !quoted && strings.ContainsRune(" \t\r\n", c); space != spaced {
			spaced, length = space, 0
		}
		switch length += size; {
		case c == '"':
			quoted, length = !quoted, 0
		case !quoted && strings.ContainsRune("{}[],:", c):
			length = 0
		}
		if c != '\\' {
			continue
		}
		n, ok := escapes(in)
		if !ok {
			return checkpoint.Unsupported("JSON string with half a surrogate pair before offset %d", at)
		}
		if n == 0 {
			if next, err := in.Peek(1); err == nil && (next[0] == '\\' || next[0] == '"') {
				n = 1 // which begins no other escape and ends no string
			}
		}
		in.Discard(n) // was peeked at
		at += int64(n)
		length += n
	}
}

// escapes returns how many bytes, behind the backslash in front of them, write a character by its number, as one escape or
// as the two of a pair. It returns false for one half of a pair.
func escapes(in *bufio.Reader) (n int, ok bool) {
	next, _ := in.Peek(len(`uXXXX\uXXXX`)) // fewer at the end
	first, found := escape(next)
	switch {
	case !found:
		return 0, true
	case !utf16.IsSurrogate(first):
		return len("uXXXX"), true
	case len(next) < 6 || next[5] != '\\':
		return 0, false
	}
	second, found := escape(next[6:])
	return len(next), found && utf16.DecodeRune(first, second) != utf8.RuneError
}

// escape reads uXXXX.
func escape(text []byte) (rune, bool) {
	if len(text) < 5 || text[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[1:5]), 16, 16)
	return rune(n), err == nil
}

// Unique returns an error where an object in the text of one value has a key twice.
func Unique(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var objects []map[string]bool // that are open, nil for an array
	key := false                  // whether a string is one
	for d.More() || len(objects) > 0 {
		t, err := d.Token()
		if err != nil {
			return checkpoint.Damaged("JSON text: %v", err)
		}
		switch t {
		case json.Delim('{'):
			objects = append(objects, map[string]bool{})
		case json.Delim('['):
			objects = append(objects, nil)
		case json.Delim('}'), json.Delim(']'):
			objects = objects[:len(objects)-1]
		default:
			if name, ok := t.(string); ok && key {
				if objects[len(objects)-1][name] {
					return checkpoint.Damaged("JSON object with the key %q twice", checkpoint.Clip(name, 80))
				}
				objects[len(objects)-1][name] = true
				key = false
				continue
			}
		}
		key = len(objects) > 0 && objects[len(objects)-1] != nil
	}
	return nil
}
