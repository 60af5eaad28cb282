package jsonfile

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

func TestValues(t *testing.T) {
	decimal := func(text string) pickle.Value {
		return &pickle.Object{Func: pickle.Global{Module: "decimal", Name: "Decimal"}, Args: &pickle.Tuple{Items: []pickle.Value{text}}}
	}
	for text, want := range map[string]pickle.Value{
		`1`: int64(1), `-0`: int64(0), `1.0`: 1.0, `1e3`: 1000.0, `1E-7`: 1e-7, `-0.0`: math.Copysign(0, -1), `0.10`: 0.1, `1.5e+0`: 1.5,
		`0.1000000000000000055`: decimal("1000000000000000055e-19"), `1e400`: decimal("1e400"), `123456789012345678.5`: decimal("1234567890123456785e-1"),
		`true`: true, `null`: pickle.None{}, `Infinity`: math.Inf(1), `-Infinity`: math.Inf(-1),
		`"a\n\u00e9\ud83d\ude00\\u"`: "a\né😀\\u", `"\ud800"`: "\xed\xa0\x80", `"\ud800\ud83d\ude00"`: "\xed\xa0\x80😀", `""`: "",
		` [ ] `: &pickle.List{}, `{ }`: &pickle.Dict{},
		`[1, {"a": [2]}]`: &pickle.List{Items: []pickle.Value{int64(1), &pickle.Dict{Items: []pickle.Pair{
			{Key: "a", Value: &pickle.List{Items: []pickle.Value{int64(2)}}}}}}},
	} {
		got, err := Parse([]byte(text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
		if f, ok := got.(float64); ok && math.Signbit(f) != math.Signbit(want.(float64)) {
			t.Errorf("%s: sign lost", text)
		}
	}
	if v, err := Parse([]byte("NaN")); err != nil || math.Float64bits(v.(float64)) != 0x7ff8<<48 {
		t.Errorf("NaN, other than Python's: %v, %v", v, err)
	}
}

func TestTextThatIsNoJSONIsRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "{", "[1", "[1,]", `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{"a":1 "b":2}`, "01", "1.", ".5", "1e", "+1", "--1", "-", "tru", "nul", "nan",
		`"a`, `"\x"`, `"\u12"`, `"\`, "\"a\nb\"", "1 2", "[1] x", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, "\"\xff\"",
		strings.Repeat("9", maxNumber+1), strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2),
	} {
		if v, err := Parse([]byte(text)); err == nil {
			t.Errorf("%.40q: read as %v", text, v)
		}
	}
}

func TestOnlyFilesNamedSoAreDamagedJSON(t *testing.T) {
	for name, unknown := range map[string]bool{"notes.txt": true, "model.json": false} {
		text := "{no json}"
		_, err := Reader{}.Open(context.Background(), strings.NewReader(text), int64(len(text)), name)
		if err == nil || errors.Is(err, checkpoint.ErrUnknownFormat) != unknown {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse compares with encoding/json, which accepts less (NaN) and more (keys twice).
func FuzzParse(f *testing.F) {
	for _, text := range []string{`{"a": [1, -2.5e-3, "x\u00e9\ud800"], "b": null}`, `[true, false, NaN, -Infinity]`, `"\ud83d\ude00\/"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse([]byte(text))
		if err == nil {
			if !json.Valid([]byte(text)) && !strings.Contains(text, "NaN") && !strings.Contains(text, "Infinity") {
				t.Errorf("accepted what encoding/json refuses")
			}
			return
		}
		if json.Valid([]byte(text)) && !strings.Contains(err.Error(), "twice") && !strings.Contains(err.Error(), "UTF-8") && !strings.Contains(err.Error(), "limit") {
			t.Errorf("refused what encoding/json accepts: %v", err)
		}
	})
}
