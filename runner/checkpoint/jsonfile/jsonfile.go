// Package jsonfile reads plain JSON files, as trainers without a framework write their models and metrics.
package jsonfile

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

const (
	// maxSize bounds a file, since its values are held in memory.
	maxSize = 16 << 20
	// maxDepth bounds nesting, and maxMemory the values.
	maxDepth  = 500
	maxMemory = 20 << 20
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

// Open reads the whole file. A file that is not one JSON value, or too large a one, is of no known format unless its name
// ends in ".json": logs begin with brackets too.
func (Reader) Open(_ context.Context, r io.ReaderAt, size int64, name string) (*checkpoint.File, error) {
	v, err := read(r, size)
	if err != nil {
		if !strings.HasSuffix(name, ".json") {
			return nil, fmt.Errorf("%w: %w", checkpoint.ErrUnknownFormat, err)
		}
		return nil, err
	}
	f := &checkpoint.File{Format: "json"}
	return f, pyobject.Entries(f, v, pyobject.Source{File: r, FileSize: size})
}

func read(r io.ReaderAt, size int64) (pickle.Value, error) {
	if size > maxSize {
		return nil, checkpoint.Limit("JSON file of more than %d MiB", maxSize>>20)
	}
	text := make([]byte, size)
	if err := checkpoint.ReadFull(r, text, 0); err != nil {
		return nil, err
	}
	return Parse(text)
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
	f, err := strconv.ParseFloat(text, 64)
	if err == nil && strconv.FormatFloat(f, 'f', -1, 64) == text {
		return f, nil
	}
	digits, exp := normalise(text)
	if err == nil {
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
