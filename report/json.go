package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/record"
)

// maxDocument bounds what Parse reads, in bytes.
const maxDocument = 64 << 20

// JSON writes the document, indented, the same bytes for the same document. What a terminal could take for a command
// is escaped, so the output is safe to look at; numbers that are not finite are the strings "NaN", "Infinity" and
// "-Infinity".
func JSON(w io.Writer, d *Document) error { return EncodeJSON(w, d) }

// EncodeJSON writes another kind of document in the same way, value by value: of lists, which may be longer than what
// memory is asked for, one element after the other. An element may come from Elements.
func EncodeJSON(w io.Writer, v any) error {
	e := encoder{bufio.NewWriter(w), map[reflect.Type]bool{}}
	if err := e.value(reflect.ValueOf(v), ""); err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	e.w.WriteByte('\n')
	return e.w.Flush()
}

// escapeControls escapes the characters that encoding/json leaves as they are although a terminal acts on them:
// DEL, the C1 controls and the overrides of writing direction; and the replacement character, which the encoder writes
// escaped or not depending on where it came from. In JSON they occur inside strings only.
func escapeControls(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if 0x7f <= r && r <= 0x9f || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 || r == utf8.RuneError {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, b[i:i+size]...)
		}
		i += size
	}
	return out
}

// ErrNotReport says that what was read is not a report of this program.
var ErrNotReport = errors.New("not a reprocheck report")

// Parse reads the JSON form of a document. The input may come from anyone: it is bounded, and keys that this
// version does not know are ignored. The error wraps ErrNotReport where the input is something else.
func Parse(r io.Reader) (*Document, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("%w: larger than %d MiB", ErrNotReport, maxDocument>>20)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotReport, err)
	}
	if head.Schema != Schema {
		return nil, fmt.Errorf("%w: its schema is %.60q, and this version reads %q", ErrNotReport, head.Schema, Schema)
	}
	d := new(Document)
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotReport, err)
	}
	switch d.Verdict {
	case record.Reproducible, record.WithinTolerance, record.Diverged, record.Inconclusive:
		return d, nil
	}
	return nil, fmt.Errorf("%w: no such verdict: %.60q", ErrNotReport, d.Verdict)
}
