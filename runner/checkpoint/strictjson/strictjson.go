// Package strictjson refuses JSON text that encoding/json would read as something else than it says: it replaces bytes
// that are no UTF-8, and escapes of lone surrogates, by U+FFFD, so that different keys and strings become equal, and keeps
// the last of several equal keys.
package strictjson

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Check returns an error for text with such strings. It does not check the syntax.
func Check(text []byte) error {
	if !utf8.Valid(text) {
		return checkpoint.Damaged("JSON text that is not UTF-8")
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		first, ok := escape(text[i:])
		if !ok {
			i++ // a short escape; \\ must not begin the next one
			continue
		}
		i += 5
		if !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := escape(text[i+1:])
		if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
			return checkpoint.Unsupported("JSON string with half a surrogate pair before offset %d", i)
		}
		i += 6
	}
	return nil
}

// escape reads \uXXXX.
func escape(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
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
