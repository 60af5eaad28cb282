package probe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/reprocheck/reprocheck/seed"
)

// MaxLine is the longest line, in bytes, that is decoded; a longer one counts as damaged.
const MaxLine = 1 << 20

// interned bounds the texts that a decoder keeps in order to hand out the same string again.
const (
	internedTexts  = 4096
	internedLength = 128
)

// Decoder reads the events of one trace. Its memory does not grow with the trace.
type Decoder struct {
	lines   *bufio.Reader
	line    []byte
	texts   map[string]string
	damaged int64
}

// NewDecoder returns a decoder of the trace in r.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{lines: bufio.NewReaderSize(r, 64<<10), texts: make(map[string]string)}
}

// Damaged returns the number of lines that were skipped so far: cut short, too long, or no event.
func (d *Decoder) Damaged() int64 { return d.damaged }

// Next returns the next event, or io.EOF after the last. Any other error is the reader's. The event may be kept.
func (d *Decoder) Next() (Event, error) {
	for {
		line, err := d.read()
		if err != nil {
			return Event{}, err
		}
		if len(line) == 0 {
			continue
		}
		var event Event
		if d.decode(line, &event) {
			return event, nil
		}
		d.damaged++
	}
}

// read returns the next line without its end, nil for one that is too long (which it counts).
func (d *Decoder) read() ([]byte, error) {
	d.line = d.line[:0]
	tooLong := false
	for {
		part, err := d.lines.ReadSlice('\n')
		switch {
		case err == nil && len(d.line) == 0 && !tooLong:
			return bytes.TrimRight(part, "\r\n"), nil
		case tooLong || len(d.line)+len(part) > MaxLine:
			tooLong = true
			d.line = d.line[:0]
		default:
			d.line = append(d.line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case tooLong:
			d.damaged++
			return nil, nil
		case err != nil && len(d.line) == 0:
			return nil, io.EOF
		}
		return bytes.TrimRight(d.line, "\r\n"), nil
	}
}

// decode fills event from a line, and reports whether the line is an event.
func (d *Decoder) decode(line []byte, event *Event) bool {
	if d.fast(line, event) {
		return true
	}
	*event = Event{}
	return json.Unmarshal(line, event) == nil && event.Kind != ""
}

// fast decodes the form that the probe writes: one flat object without spaces, of texts without escapes and of
// whole numbers, with the details, if any, last. It reports false for anything else, which is left to encoding/json.
func (d *Decoder) fast(line []byte, event *Event) bool {
	if len(line) < 2 || line[0] != '{' {
		return false
	}
	rest := line[1:]
	for {
		key, after, ok := plainText(rest)
		if !ok || len(after) == 0 || after[0] != ':' {
			return false
		}
		rest = after[1:]
		switch string(key) {
		case "s", "l":
			number, after, ok := plainNumber(rest)
			if !ok {
				return false
			}
			if key[0] == 's' {
				event.Step = number
			} else {
				event.Line = number
			}
			rest = after
		case "d":
			if len(rest) < 2 || rest[len(rest)-1] != '}' || !json.Valid(rest[:len(rest)-1]) {
				return false
			}
			event.Detail = bytes.Clone(rest[:len(rest)-1])
			return event.Kind != ""
		default:
			text, after, ok := plainText(rest)
			if !ok {
				return false
			}
			switch string(key) {
			case "k":
				event.Kind = Kind(d.text(text))
			case "r":
				event.Stream = seed.ID(d.text(text))
			case "f":
				event.File = d.text(text)
			case "fn":
				event.Func = d.text(text)
			case "lib":
				event.Lib = d.text(text)
			case "th":
				event.Thread = d.text(text)
			case "v":
				// Values hardly ever repeat.
				event.Value = string(text)
			default:
				return false
			}
			rest = after
		}
		if len(rest) == 0 {
			return false
		}
		if rest[0] == '}' {
			return len(rest) == 1 && event.Kind != ""
		}
		if rest[0] != ',' {
			return false
		}
		rest = rest[1:]
	}
}

// text returns a string for b, the same one for equal texts as long as there are few of them.
func (d *Decoder) text(b []byte) string {
	if known, ok := d.texts[string(b)]; ok {
		return known
	}
	text := string(b)
	if len(d.texts) < internedTexts && len(text) <= internedLength {
		d.texts[text] = text
	}
	return text
}

// plainText reads a quoted text of printable ASCII without escapes.
func plainText(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for i, c := range b[1:] {
		switch {
		case c == '"':
			return b[1 : 1+i], b[2+i:], true
		case c == '\\' || c < 0x20 || c >= 0x7f:
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// plainNumber reads a whole number that is not negative.
func plainNumber(b []byte) (number int64, rest []byte, ok bool) {
	end := 0
	for end < len(b) && b[end] >= '0' && b[end] <= '9' {
		end++
	}
	if end == 0 || end > 1 && b[0] == '0' {
		return 0, nil, false
	}
	number, err := strconv.ParseInt(string(b[:end]), 10, 64)
	return number, b[end:], err == nil
}
