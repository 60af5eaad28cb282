package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/record"
)

// TestEncodeJSONWritesWhatTheStandardLibraryDoes holds the encoder, which writes one element after the other, against
// encoding/json, which holds all of them.
func TestEncodeJSONWritesWhatTheStandardLibraryDoes(t *testing.T) {
	type inner struct {
		Name  string         `json:"name"`
		Empty string         `json:"empty,omitempty"`
		Zero  []int64        `json:"zero,omitzero"`
		None  []int64        `json:"none,omitempty"`
		Shape []int64        `json:"shape,omitzero"`
		When  time.Time      `json:"when"`
		Float record.Float   `json:"float"`
		Map   map[string]any `json:"map"`
		Skip  string         `json:"-"`
		own   int
	}
	type embedding struct {
		inner
		More int `json:"more"`
	}
	x := inner{Name: `<a & "b">`, Shape: []int64{}, Float: record.Float(0.1), Map: map[string]any{"k": []string{"v"}, "a": inner{}}, Skip: "s", own: 1}
	type outer struct {
		List    []inner    `json:"list"`
		Strings []string   `json:"strings"`
		Bytes   []byte     `json:"bytes"`
		Nil     []inner    `json:"nil"`
		None    []inner    `json:"no_elements"`
		Pointer *inner     `json:"pointer"`
		NilP    *inner     `json:"nil_pointer"`
		Any     any        `json:"any"`
		NilAny  any        `json:"nil_any"`
		Within  embedding  `json:"within"`
		Nested  [][]inner  `json:"nested"`
		Many    []*inner   `json:"many"`
		Floats  [2]float64 `json:"floats"`
	}
	for _, v := range []any{
		nil, 1, "text", []int{1}, []string{}, x, &x, []any{x, nil, 2},
		&outer{
			List: []inner{x, {}}, Strings: []string{"a", "b"}, Bytes: []byte("raw"), None: []inner{}, Pointer: &x, Any: &x, Within: embedding{x, 2},
			Nested: [][]inner{{x}, {}}, Many: []*inner{&x, nil},
		},
	} {
		var want, got bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		if err := EncodeJSON(&got, v); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want.String(), got.String()); d != "" {
			t.Errorf("%T: %s", v, d)
		}
	}
}

type drawn struct {
	lines []string
	err   error
}

func (d *drawn) Elements() iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for _, line := range d.lines {
			if !yield(json.RawMessage(line), nil) {
				return
			}
		}
		if d.err != nil {
			yield(nil, d.err)
		}
	}
}

func TestEncodeJSONDrawsElements(t *testing.T) {
	type list struct {
		Drawn *drawn `json:"drawn"`
		Last  int    `json:"last"`
	}
	for _, test := range []struct {
		drawn *drawn
		want  string
	}{
		{&drawn{}, "{\n  \"drawn\": [],\n  \"last\": 1\n}\n"},
		{&drawn{lines: []string{`{"a":1}` + "\n", `"<"`}}, "{\n  \"drawn\": [\n    {\n      \"a\": 1\n    },\n    \"<\"\n  ],\n  \"last\": 1\n}\n"},
		{nil, "{\n  \"drawn\": null,\n  \"last\": 1\n}\n"},
	} {
		var got bytes.Buffer
		if err := EncodeJSON(&got, list{test.drawn, 1}); err != nil || got.String() != test.want {
			t.Errorf("%v\n%s, want\n%s", err, got.String(), test.want)
		}
	}
	lost := errors.New("lost")
	if err := EncodeJSON(new(bytes.Buffer), list{&drawn{err: lost}, 1}); !errors.Is(err, lost) {
		t.Error(err)
	}
}
