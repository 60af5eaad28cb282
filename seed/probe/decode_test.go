package probe_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/seed/probe"
)

func decodeAll(t testing.TB, trace string) ([]probe.Event, int64) {
	t.Helper()
	decoder := probe.NewDecoder(strings.NewReader(trace))
	var events []probe.Event
	for {
		event, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			return events, decoder.Damaged()
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, event)
	}
}

func TestDecode(t *testing.T) {
	tests := []struct {
		name    string
		trace   string
		want    []probe.Event
		damaged int64
	}{
		{"empty", "", nil, 0},
		{"blank lines", "\n\r\n\n", nil, 0},
		{
			"every key",
			`{"k":"draw","s":3,"r":"torch-cpu","f":"a.py","l":7,"fn":"main","lib":"torch.nn","th":"T-1","v":"00ff","d":{"api":"rand"}}` + "\n",
			[]probe.Event{{Kind: "draw", Step: 3, Stream: "torch-cpu", File: "a.py", Line: 7, Func: "main", Lib: "torch.nn",
				Thread: "T-1", Value: "00ff", Detail: json.RawMessage(`{"api":"rand"}`)}},
			0,
		},
		{
			"escapes, spaces and unknown keys",
			`{ "k" : "list", "s": 0, "f":"d\u00e9j\u00e0.py", "new": [1, {"x": 2}], "v":"a\\b" }` + "\n",
			[]probe.Event{{Kind: "list", File: "déjà.py", Value: `a\b`}},
			0,
		},
		{"no end of the last line", `{"k":"exit","s":2}`, []probe.Event{{Kind: "exit", Step: 2}}, 0},
		{
			"damage between events",
			"{\"k\":\"a\",\"s\":1}\n{\"k\":\"b\",\"s\":\nnull\n[]\n{}\n{\"s\":1}\n\x00\xff\n{\"k\":\"c\",\"s\":2}\n",
			[]probe.Event{{Kind: "a", Step: 1}, {Kind: "c", Step: 2}},
			6,
		},
		{"a number too large", `{"k":"a","s":99999999999999999999}` + "\n", nil, 1},
		{"details cut short", `{"k":"a","s":1,"d":{"x":1}` + "\n" + `{"k":"a","s":1,"d":{"x":}}` + "\n", nil, 2},
		{
			"a line too long",
			`{"k":"a","s":1,"v":"` + strings.Repeat("x", probe.MaxLine) + "\"}\n" + `{"k":"b","s":1}` + "\n",
			[]probe.Event{{Kind: "b", Step: 1}},
			1,
		},
		{
			"a long line within the limit",
			`{"k":"a","s":1,"v":"` + strings.Repeat("x", 200_000) + "\"}\n",
			[]probe.Event{{Kind: "a", Step: 1, Value: strings.Repeat("x", 200_000)}},
			0,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, damaged := decodeAll(t, test.trace)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if damaged != test.damaged {
				t.Errorf("damaged lines: got %d, want %d", damaged, test.damaged)
			}
		})
	}
}

func TestDetails(t *testing.T) {
	event := probe.Event{Detail: json.RawMessage(
		`{"api":"seed","n":3,"used":true,"tensors":["a","b"],"vars":[["x","0f","1"],["short"],7]}`)}
	if got := event.DetailString("api"); got != "seed" {
		t.Errorf("DetailString: got %q", got)
	}
	if got := event.DetailString("n"); got != "" {
		t.Errorf("DetailString of a number: got %q, want none", got)
	}
	if got := event.DetailInt("n"); got != 3 {
		t.Errorf("DetailInt: got %d", got)
	}
	if !event.DetailBool("used") || event.DetailBool("absent") {
		t.Error("DetailBool: used is true and absent is not")
	}
	if diff := cmp.Diff([]string{"a", "b"}, event.DetailStrings("tensors")); diff != "" {
		t.Errorf("DetailStrings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]probe.Variable{{Name: "x", Digest: "0f", Text: "1"}}, event.Variables()); diff != "" {
		t.Errorf("Variables (-want +got):\n%s", diff)
	}
}

// FuzzDecode holds that decoding is total, and that the fast path never reads a line otherwise than encoding/json does.
func FuzzDecode(f *testing.F) {
	for _, line := range []string{
		`{"k":"draw","s":3,"r":"torch-cpu","f":"a.py","l":7,"fn":"main","v":"00ff","d":{"api":"rand"}}`,
		`{"k":"exit","s":0}`,
		`{"k":"a","s":-1,"l":01}`,
		`{"k":"a","k":"b","s":1e3,"d":{}}`,
		`{"d":{"k":1},"k":"a"}`,
		"{\"k\":\"a\"}\n\n{\"k\"",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, trace []byte) {
		got, damaged := decodeAll(t, string(trace))
		var want []probe.Event
		var wantDamaged int64
		for line := range bytes.Lines(trace) {
			if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
				continue
			}
			var event probe.Event
			if json.Unmarshal(line, &event) != nil || event.Kind == "" {
				wantDamaged++
				continue
			}
			want = append(want, event)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(sameJSON)); diff != "" {
			t.Errorf("events (-encoding/json +decoder):\n%s", diff)
		}
		if damaged != wantDamaged {
			t.Errorf("damaged: got %d, want %d", damaged, wantDamaged)
		}
	})
}

func sameJSON(a, b json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(a), bytes.TrimSpace(b)) }

func BenchmarkDecode(b *testing.B) {
	line := `{"k":"line","s":12,"f":"train.py","l":104,"fn":"step","v":"0123456789abcdef","d":{"vars":[["x","0123456789abcdef","0.25"]]}}` + "\n"
	trace := strings.Repeat(line, 1000)
	b.SetBytes(int64(len(trace)))
	b.ReportAllocs()
	for b.Loop() {
		decoder := probe.NewDecoder(strings.NewReader(trace))
		for {
			if _, err := decoder.Next(); err != nil {
				break
			}
		}
	}
}
