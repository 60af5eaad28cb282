package jsonfile

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// parser reads JSON as Python's json module does: RFC 8259 with NaN, Infinity and -Infinity, which json.dump writes, and
// with lone surrogates, which encoding/json would replace. Unlike Python's it refuses an object with a key twice.
type parser struct {
	text   []byte
	pos    int
	memory int64 // approximate size of the values made so far
}

// Parse reads one value and nothing behind it, as what Python makes of it: dict, list, str, int, float, bool or None.
func Parse(text []byte) (pickle.Value, error) {
	if !utf8.Valid(text) {
		return nil, checkpoint.Damaged("JSON text that is not UTF-8")
	}
	p := &parser{text: text}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos < len(p.text) {
		return nil, p.damaged("text behind the value")
	}
	return v, nil
}

func (p *parser) damaged(what string) error {
	return checkpoint.Damaged("JSON at offset %d: %s", p.pos, what)
}

// Approximate sizes of values in memory: a slot of a growing slice with a number behind it, an empty container with its
// first slots, and a key, which is also in a set while its object is read.
const (
	slotCost      = 32
	containerCost = 48
	keyCost       = 80
	shownText     = 200 // of a text, which is held once more
)

func (p *parser) charge(n int64) error {
	if p.memory += n; p.memory > maxMemory {
		return checkpoint.Limit("the values of a JSON file take more than %d MiB", maxMemory>>20)
	}
	return nil
}

func (p *parser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// accept passes over c, after white space, and reports whether it was there.
func (p *parser) accept(c byte) bool {
	p.space()
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *parser) value(depth int) (pickle.Value, error) {
	if depth > maxDepth {
		return nil, checkpoint.Limit("JSON nested more than %d deep", maxDepth)
	}
	if err := p.charge(slotCost); err != nil {
		return nil, err
	}
	p.space()
	if p.pos == len(p.text) {
		return nil, p.damaged("a value is missing")
	}
	switch c := p.text[p.pos]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.str()
		if err == nil {
			err = p.charge(int64(len(s) + min(len(s), shownText)))
		}
		return s, err
	case c == '-' && !bytes.HasPrefix(p.text[p.pos:], []byte("-I")), c >= '0' && c <= '9':
		return p.number()
	}
	for word, v := range map[string]pickle.Value{
		"true": true, "false": false, "null": pickle.None{},
		"NaN": checkpoint.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1),
	} {
		if bytes.HasPrefix(p.text[p.pos:], []byte(word)) {
			p.pos += len(word)
			return v, nil
		}
	}
	return nil, p.damaged("a value is missing")
}

func (p *parser) object(depth int) (pickle.Value, error) {
	p.pos++
	if err := p.charge(containerCost); err != nil {
		return nil, err
	}
	d := &pickle.Dict{}
	if p.accept('}') {
		return d, nil
	}
	seen := map[string]struct{}{}
	for {
		p.space()
		if p.pos == len(p.text) || p.text[p.pos] != '"' {
			return nil, p.damaged("a key is missing")
		}
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if err := p.charge(keyCost + int64(len(key))); err != nil {
			return nil, err
		}
		if _, twice := seen[key]; twice {
			return nil, checkpoint.Damaged("JSON object has the key %q twice", checkpoint.Clip(key, 80))
		}
		seen[key] = struct{}{}
		if !p.accept(':') {
			return nil, p.damaged("a colon is missing")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d.Items = append(d.Items, pickle.Pair{Key: key, Value: v})
		if p.accept('}') {
			return d, nil
		}
		if !p.accept(',') {
			return nil, p.damaged("a comma is missing")
		}
	}
}

func (p *parser) array(depth int) (pickle.Value, error) {
	p.pos++
	if err := p.charge(containerCost); err != nil {
		return nil, err
	}
	list := &pickle.List{}
	if p.accept(']') {
		return list, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, v)
		if p.accept(']') {
			return list, nil
		}
		if !p.accept(',') {
			return nil, p.damaged("a comma is missing")
		}
	}
}

func (p *parser) number() (pickle.Value, error) {
	start := p.pos
	if p.text[p.pos] == '-' {
		p.pos++
	}
	first := p.pos
	whole := p.digits()
	if whole == 0 || whole > 1 && p.text[first] == '0' {
		return nil, p.damaged("no number")
	}
	if p.pos < len(p.text) && p.text[p.pos] == '.' {
		p.pos++
		if p.digits() == 0 {
			return nil, p.damaged("no digits behind the point")
		}
	}
	if p.pos < len(p.text) && (p.text[p.pos] == 'e' || p.text[p.pos] == 'E') {
		p.pos++
		if p.pos < len(p.text) && (p.text[p.pos] == '+' || p.text[p.pos] == '-') {
			p.pos++
		}
		if p.digits() == 0 {
			return nil, p.damaged("no digits in the exponent")
		}
	}
	return number(string(p.text[start:p.pos]))
}

func (p *parser) digits() (n int) {
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
		n++
	}
	return n
}

// str reads a string; lone surrogates become the three bytes of Python's "surrogatepass".
func (p *parser) str() (string, error) {
	p.pos++
	start := p.pos
	// Most strings have no escapes and are copied at once.
	for p.pos < len(p.text) && p.text[p.pos] >= ' ' && p.text[p.pos] != '"' && p.text[p.pos] != '\\' {
		p.pos++
	}
	b := append([]byte(nil), p.text[start:p.pos]...)
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '"':
			p.pos++
			return string(b), nil
		case c < ' ':
			return "", p.damaged("control character in a string")
		case c != '\\':
			b = append(b, c)
			p.pos++
		default:
			var err error
			if b, err = p.escape(b); err != nil {
				return "", err
			}
		}
	}
	return "", p.damaged("a string does not end")
}

func (p *parser) escape(b []byte) ([]byte, error) {
	if p.pos+1 == len(p.text) {
		return nil, p.damaged("a string does not end")
	}
	const short, meaning = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := strings.IndexByte(short, p.text[p.pos+1]); i >= 0 {
		p.pos += 2
		return append(b, meaning[i]), nil
	}
	first, ok := p.unicode()
	if !ok {
		return nil, p.damaged("bad escape in a string")
	}
	if !utf16.IsSurrogate(first) {
		return utf8.AppendRune(b, first), nil
	}
	at := p.pos
	if second, ok := p.unicode(); ok {
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return utf8.AppendRune(b, r), nil
		}
	}
	p.pos = at
	return append(b, 0xe0|byte(first>>12), 0x80|byte(first>>6)&0x3f, 0x80|byte(first)&0x3f), nil
}

// unicode passes over \uXXXX.
func (p *parser) unicode() (rune, bool) {
	if p.pos+6 > len(p.text) || p.text[p.pos] != '\\' || p.text[p.pos+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.text[p.pos+2:p.pos+6]), 16, 16)
	if err != nil {
		return 0, false
	}
	p.pos += 6
	return rune(n), true
}
