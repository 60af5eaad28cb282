package pyobject

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// shortText is the longest string that an entry shows.
const shortText = 200

// scalarText writes None, booleans and numbers as Python's repr does.
func scalarText(v pickle.Value) (string, bool) {
	switch v := v.(type) {
	case pickle.None:
		return "None", true
	case bool:
		if v {
			return "True", true
		}
		return "False", true
	case int64:
		return strconv.FormatInt(v, 10), true
	case *big.Int:
		return bigText(v), true
	case float64:
		return FloatText(v), true
	}
	return "", false
}

// bigText writes small integers in decimal and large ones in hexadecimal, whose conversion takes linear time.
func bigText(n *big.Int) string {
	if n.BitLen() <= 4096 {
		return n.String()
	}
	if n.Sign() < 0 {
		return "-0x" + new(big.Int).Neg(n).Text(16)
	}
	return "0x" + n.Text(16)
}

// FloatText writes f as Python's repr does: the shortest digits that read back to the same float, with an exponent
// below 1e-4 and from 1e16 on.
func FloatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	sci := strconv.FormatFloat(f, 'e', -1, 64)
	exp, err := strconv.Atoi(sci[strings.IndexByte(sci, 'e')+1:])
	if err == nil && (exp < -4 || exp >= 16) {
		return sci
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// FloatBytes is the canonical form of a Python float: its 8 bytes, little endian.
func FloatBytes(f float64) string {
	return string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)))
}

// scalar returns the entry of a value that has no members, without its name; ok is false for any other value.
func (w *walker) scalar(v pickle.Value) (e checkpoint.Entry, ok bool) {
	text, _ := scalarText(v)
	switch v := v.(type) {
	case pickle.None:
		return checkpoint.Entry{Kind: checkpoint.KindObject, Type: "None", Text: text, Data: checkpoint.Text("")}, true
	case bool:
		return checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "bool", Text: text, Data: checkpoint.Text(text)}, true
	case int64, *big.Int:
		return checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "int", Text: text, Data: checkpoint.Text(text)}, true
	case float64:
		return checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "float", Text: text, Data: checkpoint.Text(FloatBytes(v))}, true
	case string:
		return StringEntry(v), true
	case *pickle.Bytes:
		e := checkpoint.Entry{Kind: checkpoint.KindBytes, Type: "bytes", Text: strconv.FormatInt(v.Len, 10) + " bytes", Data: w.bytes(v)}
		if v.Mutable {
			e.Type = "bytearray"
		}
		return e, true
	case pickle.Global:
		return checkpoint.Entry{Kind: checkpoint.KindObject, Type: "global", Text: v.String(), Data: checkpoint.Text(v.String())}, true
	}
	return checkpoint.Entry{}, false
}

// StringEntry returns the entry of a string, without its name.
func StringEntry(s string) checkpoint.Entry {
	return checkpoint.Entry{Kind: checkpoint.KindString, Type: "str", Text: checkpoint.Clip(s, shortText), Data: checkpoint.Text(s)}
}

func (w *walker) bytes(b *pickle.Bytes) checkpoint.Data {
	if b.Held != nil || b.Len == 0 {
		return bytes.NewReader(b.Held)
	}
	if b.UTF8 > 0 {
		return &latin1{text: checkpoint.Section(w.src.File, b.Off, b.UTF8), size: b.Len}
	}
	return checkpoint.Section(w.src.File, b.Off, b.Len)
}
