package xgboost

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

const (
	// maxString bounds a string of JSON, and maxNumber the text of a number.
	maxString = 1 << 20
	maxNumber = 64
)

// jsonReader reads XGBoost's dialect of JSON, which has NaN and Infinity too.
type jsonReader struct {
	ctx     context.Context
	builder *tree.Builder
	memory  memory
	r       *bufio.Reader
	at      int64 // offset of the next byte
}

func readJSON(ctx context.Context, b *tree.Builder, r io.ReaderAt, size int64) error {
	d := &jsonReader{ctx: ctx, builder: b, memory: maxHeld, r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10)}
	if err := d.value(nil); err != nil {
		return err
	}
	switch _, err := d.token(); err {
	case io.EOF:
		return nil
	case nil:
		return checkpoint.Damaged("text behind the JSON value, before offset %d", d.at)
	default:
		return err
	}
}

// peek returns the next byte that is no white space, io.EOF at the end.
func (d *jsonReader) peek() (byte, error) {
	c, err := d.token()
	if err == nil {
		d.at--
		err = d.r.UnreadByte()
	}
	return c, err
}

// token takes the next byte that is no white space.
func (d *jsonReader) token() (byte, error) {
	for {
		c, err := d.r.ReadByte()
		if err != nil {
			return 0, err
		}
		d.at++
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, nil
		}
	}
}

// damaged says that the text is no JSON; the cause may be that it ends.
func (d *jsonReader) damaged(err error) error {
	if err != nil && err != io.EOF {
		return err
	}
	return checkpoint.Damaged("no JSON before offset %d", d.at)
}

// accept takes the byte c and reports whether it was there.
func (d *jsonReader) accept(c byte) (bool, error) {
	next, err := d.peek()
	if err != nil {
		return false, d.damaged(err)
	}
	if next != c {
		return false, nil
	}
	_, err = d.token()
	return true, err
}

func (d *jsonReader) value(p *keypath.Path) error {
	c, err := d.peek()
	if err != nil {
		return d.damaged(err)
	}
	switch {
	case c == '{':
		return d.object(p)
	case c == '[':
		return d.array(p)
	case c == '"':
		s, err := d.text()
		if err != nil {
			return err
		}
		return d.builder.String(p, s)
	case c == 't' || c == 'f' || c == 'n':
		return d.word(p)
	}
	n, err := d.number()
	if err != nil {
		return err
	}
	if n.integer {
		return d.builder.Int(p, big.NewInt(n.i))
	}
	return d.builder.Float(p, n.f)
}

func (d *jsonReader) word(p *keypath.Path) error {
	text, err := d.run()
	if err != nil {
		return err
	}
	switch text {
	case "true", "false":
		return d.builder.Bool(p, text == "true")
	case "null":
		return d.builder.None(p)
	}
	return d.damaged(nil)
}

func (d *jsonReader) object(p *keypath.Path) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	if _, err := d.token(); err != nil {
		return err
	}
	dict, err := d.builder.Dict(p)
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		if end, err := d.accept('}'); err != nil || end {
			dict.End()
			return err
		}
		if err := d.separator(first); err != nil {
			return err
		}
		key, err := d.text()
		if err != nil {
			return err
		}
		if c, err := d.token(); err != nil || c != ':' {
			return d.damaged(err)
		}
		member, err := dict.Key(key)
		if err != nil {
			return err
		}
		if err := d.value(member); err != nil {
			return err
		}
	}
}

func (d *jsonReader) array(p *keypath.Path) error {
	if _, err := d.token(); err != nil {
		return err
	}
	s := &sequence{builder: d.builder, path: p, memory: &d.memory}
	for first := true; ; first = false {
		if end, err := d.accept(']'); err != nil || end {
			if err == nil {
				err = s.end()
			}
			return err
		}
		if err := d.separator(first); err != nil {
			return err
		}
		if err := d.member(s); err != nil {
			return err
		}
	}
}

// separator takes the comma before any member but the first.
func (d *jsonReader) separator(first bool) error {
	if first {
		return nil
	}
	if c, err := d.token(); err != nil || c != ',' {
		return d.damaged(err)
	}
	return nil
}

func (d *jsonReader) member(s *sequence) error {
	c, err := d.peek()
	if err != nil {
		return d.damaged(err)
	}
	if strings.IndexByte("{[\"tfn", c) >= 0 {
		p, err := s.next()
		if err != nil {
			return err
		}
		return d.value(p)
	}
	n, err := d.number()
	if err != nil {
		return err
	}
	if n.integer {
		return s.int(n.i)
	}
	return s.real(n.f, n.double)
}

// text reads a string.
func (d *jsonReader) text() (string, error) {
	if c, err := d.token(); err != nil || c != '"' {
		return "", d.damaged(err)
	}
	quoted := []byte{'"'}
	for escaped := false; ; {
		c, err := d.r.ReadByte()
		if err != nil {
			return "", d.damaged(err)
		}
		d.at++
		if quoted = append(quoted, c); len(quoted) > maxString {
			return "", checkpoint.Limit("JSON string of more than %d bytes", maxString)
		}
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			var s string
			if err := json.Unmarshal(quoted, &s); err != nil {
				return "", checkpoint.Damaged("JSON string before offset %d: %v", d.at, err)
			}
			return s, nil
		}
	}
}

// run takes what lies before the next delimiter.
func (d *jsonReader) run() (string, error) {
	var text []byte
	for {
		c, err := d.r.ReadByte()
		if err == io.EOF {
			return string(text), nil
		}
		if err != nil {
			return "", err
		}
		if strings.IndexByte(",:]}[{\" \n\t\r", c) >= 0 {
			return string(text), d.r.UnreadByte()
		}
		d.at++
		if text = append(text, c); len(text) > maxNumber {
			return "", d.damaged(nil)
		}
	}
}

// number is a number of JSON: an integer where it has neither point nor exponent.
type number struct {
	integer bool
	i       int64
	f       float64
	double  bool // f is not of single precision
}

func (d *jsonReader) number() (number, error) {
	text, err := d.run()
	if err != nil {
		return number{}, err
	}
	n, err := parseNumber(text)
	if err != nil {
		return number{}, fmt.Errorf("before offset %d: %w", d.at, err)
	}
	return n, nil
}

// parseNumber takes a real for one of single precision where it is written with no more digits than that needs, as
// XGBoost writes it.
func parseNumber(text string) (number, error) {
	switch text {
	case "NaN":
		return number{f: math.NaN()}, nil
	case "Infinity":
		return number{f: math.Inf(1)}, nil
	case "-Infinity":
		return number{f: math.Inf(-1)}, nil
	}
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || digits[0] < '0' || digits[0] > '9' || strings.ContainsAny(text, "xX_pP") {
		return number{}, checkpoint.Damaged("no number %q", checkpoint.Clip(text, 40))
	}
	if !strings.ContainsAny(text, ".eE") {
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return number{}, checkpoint.Damaged("no integer of 64 bits: %q", text)
		}
		return number{integer: true, i: i}, nil
	}
	single, err := strconv.ParseFloat(text, 32)
	if err == nil && sameDecimal(text, strconv.FormatFloat(single, 'e', -1, 32)) {
		return number{f: single}, nil
	}
	double, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return number{}, checkpoint.Damaged("no number %q", text)
	}
	if !sameDecimal(text, strconv.FormatFloat(double, 'e', -1, 64)) {
		err = checkpoint.Unsupported("the number %s, which is no shortest form of a float", text)
	}
	return number{f: double, double: true}, err
}

// sameDecimal reports whether two texts are the same decimal number, for exponents that a float can have.
func sameDecimal(a, b string) bool {
	for _, text := range []string{a, b} {
		if i := strings.IndexAny(text, "eE"); i >= 0 && len(strings.TrimLeft(text[i+1:], "+-")) > 3 {
			return false
		}
	}
	x, ok1 := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	return ok1 && ok2 && x.Cmp(y) == 0
}
