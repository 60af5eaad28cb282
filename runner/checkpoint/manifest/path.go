package manifest

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// mark begins a line whose path is escaped, as sha256sum has it.
const mark = `\`

// escape writes a path so that it is one line of printable text: \\, \n and \r as sha256sum does, and \x and two digits
// for each byte of what else is not printable, which terminals obey.
func escape(path string) (escaped string, marked bool) {
	var b strings.Builder
	for i := 0; i < len(path); {
		r, size := utf8.DecodeRuneInString(path[i:])
		raw := path[i : i+size]
		i += size
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case strconv.IsPrint(r) && (r != utf8.RuneError || size > 1):
			b.WriteString(raw)
			continue
		default:
			for _, c := range []byte(raw) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
		marked = true
	}
	return b.String(), marked
}

// unescape reads what escape wrote.
func unescape(text string) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, `\`)
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		if rest == "" {
			return "", fmt.Errorf("a backslash at the end of %q", text)
		}
		after := rest[1:]
		switch rest[0] {
		case '\\':
			b.WriteByte('\\')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'x':
			digits := after[:min(2, len(after))]
			raw, err := hex.DecodeString(digits)
			if err != nil || len(raw) != 1 {
				return "", fmt.Errorf(`\x%s stands for no byte`, digits)
			}
			b.Write(raw)
			after = after[2:]
		default:
			return "", fmt.Errorf(`\%c is no escape`, rest[0])
		}
		text = after
	}
}
