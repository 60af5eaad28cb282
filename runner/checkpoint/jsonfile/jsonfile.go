// Package jsonfile reads plain JSON files, as trainers without a framework write their models and metrics.
package jsonfile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/checkpoint/strictjson"
)

const (
	// maxSize bounds a file, since its values are held in memory.
	maxSize = 16 << 20
	// maxDepth bounds nesting.
	maxDepth = 500
	// maxNumber bounds the text of a number, whose exact value is compared.
	maxNumber = 4300
)

// Reader reads JSON files.
type Reader struct{}

// Format returns "json".
func (Reader) Format() string { return "json" }

// Sniff accepts objects and arrays.
func (Reader) Sniff(head []byte, _ string, _ int64) bool {
	text := bytes.TrimLeft(head, " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// Open reads the whole file. A file that is not one JSON value is of no known format unless its name ends in ".json".
func (Reader) Open(_ context.Context, r io.ReaderAt, size int64, name string) (*checkpoint.File, error) {
	if size > maxSize {
		return nil, checkpoint.Limit("JSON file of more than %d MiB", maxSize>>20)
	}
	f := &checkpoint.File{Format: "json"}
	text := make([]byte, size)
	if err := checkpoint.ReadFull(r, text, 0); err != nil {
		return nil, err
	}
	v, err := parse(text)
	if err != nil {
		if !strings.HasSuffix(name, ".json") {
			return nil, fmt.Errorf("%w: %w", checkpoint.ErrUnknownFormat, err)
		}
		return nil, err
	}
	return f, pyobject.Entries(f, v, pyobject.Source{File: r, FileSize: size})
}

// parse turns JSON into the values that Python's json module would make, with duplicate keys refused.
func parse(text []byte) (pickle.Value, error) {
	if err := strictjson.Check(text); err != nil {
		return nil, err
	}
	d := &decoder{json: json.NewDecoder(bytes.NewReader(text))}
	d.json.UseNumber()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.json.Token(); err != io.EOF {
		return nil, checkpoint.Damaged("text behind the JSON value")
	}
	return v, nil
}

type decoder struct {
	json  *json.Decoder
	count int
}

func (d *decoder) value(depth int) (pickle.Value, error) {
	if depth > maxDepth {
		return nil, checkpoint.Limit("JSON nested more than %d deep", maxDepth)
	}
	if d.count++; d.count > 1<<19 {
		return nil, checkpoint.Limit("JSON file of more than %d values", 1<<19)
	}
	tok, err := d.json.Token()
	if err != nil {
		return nil, d.damaged(err)
	}
	switch t := tok.(type) {
	case nil:
		return pickle.None{}, nil
	case bool:
		return t, nil
	case string:
		return t, nil
	case json.Number:
		return number(t.String())
	case json.Delim:
		if t == '{' {
			return d.object(depth)
		}
		list := &pickle.List{}
		for d.json.More() {
			v, err := d.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list.Items = append(list.Items, v)
		}
		_, err := d.json.Token()
		return list, d.damaged(err)
	}
	return nil, checkpoint.Damaged("JSON token %v", tok)
}

func (d *decoder) object(depth int) (pickle.Value, error) {
	dict := &pickle.Dict{}
	seen := map[string]struct{}{}
	for d.json.More() {
		tok, err := d.json.Token()
		if err != nil {
			return nil, d.damaged(err)
		}
		key, ok := tok.(string)
		if !ok {
			return nil, checkpoint.Damaged("JSON key that is no string")
		}
		if _, ok := seen[key]; ok {
			return nil, checkpoint.Damaged("JSON object has the key %q twice", checkpoint.Clip(key, 80))
		}
		seen[key] = struct{}{}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		dict.Items = append(dict.Items, pickle.Pair{Key: key, Value: v})
	}
	_, err := d.json.Token()
	return dict, d.damaged(err)
}

func (d *decoder) damaged(err error) error {
	if err == nil {
		return nil
	}
	return checkpoint.Damaged("JSON before offset %d: %v", d.json.InputOffset(), err)
}

// number keeps integers as integers, and decimals as floats where the float is the one that prints as this decimal.
// Any other decimal stays what it is, so that two texts with the same nearest float are not taken for equal.
func number(text string) (pickle.Value, error) {
	if len(text) > maxNumber {
		return nil, checkpoint.Limit("JSON number of %d digits", len(text))
	}
	if !strings.ContainsAny(text, ".eE") {
		n, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return nil, checkpoint.Damaged("JSON number %q", checkpoint.Clip(text, 40))
		}
		if n.IsInt64() {
			return n.Int64(), nil
		}
		return n, nil
	}
	digits, exp := normalise(text)
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		if d, e := normalise(strconv.FormatFloat(f, 'e', -1, 64)); d == digits && e == exp {
			return f, nil
		}
	}
	return &pickle.Object{
		Func: pickle.Global{Module: "decimal", Name: "Decimal"},
		Args: &pickle.Tuple{Items: []pickle.Value{digits + "e" + exp}},
	}, nil
}

// normalise writes a decimal as an integer without trailing zeros and a power of ten.
func normalise(text string) (digits, exp string) {
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	e := new(big.Int)
	if power != "" {
		e.SetString(strings.TrimPrefix(power, "+"), 10)
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, frac, _ := strings.Cut(mantissa, ".")
	e.Sub(e, big.NewInt(int64(len(frac))))
	all := strings.TrimLeft(whole+frac, "0")
	short := strings.TrimRight(all, "0")
	e.Add(e, big.NewInt(int64(len(all)-len(short))))
	if short == "" {
		return sign + "0", "0"
	}
	return sign + short, e.String()
}
