package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/reprocheck/reprocheck/report"
)

const schemaPath = "../docs/report.schema.json"

func jsonOf(t *testing.T, d *report.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.JSON(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// schema compiles the published schema. A closed one allows only the keys that it describes.
func schema(t *testing.T, closed bool) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if closed {
		closeObjects(doc)
		// A condition looks at single keys, and must go on allowing the others.
		delete(doc.(map[string]any)["then"].(map[string]any), "additionalProperties")
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("report.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeObjects(node any) {
	switch v := node.(type) {
	case map[string]any:
		if _, object := v["properties"].(map[string]any); object {
			if _, open := v["additionalProperties"]; !open {
				v["additionalProperties"] = false
			}
		}
		for _, child := range v {
			closeObjects(child)
		}
	case []any:
		for _, child := range v {
			closeObjects(child)
		}
	}
}

func decoded(t *testing.T, data []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestJSONFollowsItsSchema(t *testing.T) {
	open, closed := schema(t, false), schema(t, true)
	for _, a := range audits() {
		err := open.Validate(decoded(t, jsonOf(t, a.document())))
		if strings.HasPrefix(a.name, "hostile") {
			if err == nil {
				t.Errorf("%s: words that do not exist passed the schema", a.name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", a.name, err)
		}
		if err := closed.Validate(decoded(t, jsonOf(t, a.document()))); err != nil {
			t.Errorf("%s: a key that the schema does not describe: %v", a.name, err)
		}
	}
}

// The schema rejects a report that breaks the contract in any one place, and lets a later version add keys.
func TestSchemaRejects(t *testing.T) {
	s := schema(t, false)
	valid := jsonOf(t, divergedOneCause().document())
	at := func(doc any, path ...any) any {
		for _, p := range path {
			switch p := p.(type) {
			case string:
				doc = doc.(map[string]any)[p]
			case int:
				doc = doc.([]any)[p]
			}
		}
		return doc
	}
	object := func(doc any, path ...any) map[string]any { return at(doc, path...).(map[string]any) }

	mutations := map[string]func(doc any){
		"another schema":           func(d any) { object(d)["schema"] = "reprocheck.report/v2" },
		"another verdict":          func(d any) { object(d)["verdict"] = "fine" },
		"an empty reason":          func(d any) { object(d)["reason"] = "" },
		"a command line":           func(d any) { object(d)["command"] = "python3 train.py" },
		"another mode":             func(d any) { object(d, "criterion")["mode"] = "fuzzy" },
		"a negative tolerance":     func(d any) { object(d, "criterion")["rtol"] = -1 },
		"another level":            func(d any) { object(d, "experiments", 0, "levels")["python-hash"] = "pinned" },
		"a level of no source":     func(d any) { object(d, "experiments", 0, "levels")["Python Hash"] = "pin" },
		"an exit status in words":  func(d any) { object(d, "runs", 0)["exit_code"] = "0" },
		"a metric without points":  func(d any) { delete(object(d, "runs", 0, "metrics", "loss"), "points") },
		"a value in words":         func(d any) { object(d, "runs", 0, "metrics", "loss")["final"] = "nan" },
		"a digest cut short":       func(d any) { object(d, "runs", 0, "artifacts", 0)["sha256"] = "abab" },
		"no content digest":        func(d any) { delete(object(d, "runs", 0, "artifacts", 0), "content") },
		"a divergence of one run":  func(d any) { object(d, "first_divergence")["runs"] = []any{"as-shipped-0"} },
		"a divergence of no event": func(d any) { delete(object(d, "first_divergence"), "event") },
		"another proof":            func(d any) { object(d, "causes", 0)["proof"] = "certain" },
		"a negative line":          func(d any) { object(d, "causes", 0)["line"] = -1 },
		"a cause without a fix":    func(d any) { delete(object(d, "causes", 0), "fix") },
		"a cause without a source": func(d any) { delete(object(d, "causes", 0), "source") },
		"another status":           func(d any) { object(d, "checklist", 0)["status"] = "ok" },
		"use in words":             func(d any) { object(d, "checklist", 0)["used"] = "yes" },
		"another class":            func(d any) { object(d, "metrics", 0)["class"] = "odd" },
		"a bound over 1":           func(d any) { object(d)["bound"] = map[string]any{"runs": 3, "rate": 78, "text": ""} },
		"a verdict on a failure": func(d any) {
			object(d)["failed"] = map[string]any{"run": "as-shipped-0", "exit_code": 1, "stderr": []any{}}
		},
		"null for a list": func(d any) { object(d)["warnings"] = nil },
	}
	for _, key := range []string{"schema", "tool", "command", "verdict", "criterion", "experiments", "runs", "first_divergence",
		"causes", "checklist", "sensitivities", "warnings", "masked", "limits"} {
		mutations["no "+key] = func(d any) { delete(object(d), key) }
	}
	for name, mutate := range mutations {
		doc := decoded(t, valid)
		mutate(doc)
		if s.Validate(doc) == nil {
			t.Errorf("%s passed the schema", name)
		}
	}
	grown := decoded(t, valid)
	object(grown)["new"], object(grown, "causes", 0)["new"] = 1, 1
	if err := s.Validate(grown); err != nil {
		t.Errorf("a later version's keys: %v", err)
	}
}

func TestJSONGolden(t *testing.T) {
	golden(t, "within-tolerance.json", jsonOf(t, withinTolerance().document()))
}

func TestJSONIsStableAndSafeToPrint(t *testing.T) {
	for _, a := range audits() {
		first, second := jsonOf(t, a.document()), jsonOf(t, a.document())
		if !bytes.Equal(first, second) {
			t.Errorf("%s: two writings differ", a.name)
		}
		if i := bytes.IndexFunc(first, func(r rune) bool { return r != '\n' && r < ' ' || 0x7f <= r && r < 0xa0 || r == '\u202e' }); i >= 0 {
			t.Errorf("%s: an unescaped control character at byte %d", a.name, i)
		}
	}
	d := divergedTwoCauses().document()
	d.Reason = "a<b && c>d \u009b31m"
	if got := string(jsonOf(t, d)); !strings.Contains(got, `a<b && c>d \u009b31m`) {
		t.Error("HTML was escaped, or a terminal control was not")
	}
}

func TestParseReadsWhatJSONWrites(t *testing.T) {
	for _, a := range audits() {
		want := a.document()
		data := jsonOf(t, want)
		got, err := report.Parse(bytes.NewReader(data))
		if a.name == "hostile-verdict" {
			if !errors.Is(err, report.ErrNotReport) {
				t.Errorf("%s: error %v, want ErrNotReport", a.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", a.name, err)
			continue
		}
		if !bytes.Equal(jsonOf(t, got), data) {
			t.Errorf("%s: writing it again gives other bytes", a.name)
		}
		if a.name == "hostile" { // JSON cannot carry the bytes that are not UTF-8
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", a.name, diff)
		}
		if !bytes.Equal(text(t, want, report.TextOptions{}), text(t, got, report.TextOptions{})) {
			t.Errorf("%s: the text made from the JSON is another", a.name)
		}
	}
}

// endless is a report after which the blanks never end.
type endless struct{ head *strings.Reader }

func (e endless) Read(p []byte) (int, error) {
	if e.head.Len() > 0 {
		return e.head.Read(p)
	}
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestParseRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":          "",
		"no object":        "[]",
		"text":             "reproducible: all is well",
		"another schema":   `{"schema": "reprocheck.resume/v1", "verdict": "diverged"}`,
		"no schema":        `{"verdict": "diverged"}`,
		"no verdict":       `{"schema": "reprocheck.report/v1"}`,
		"another verdict":  `{"schema": "reprocheck.report/v1", "verdict": "fine"}`,
		"a list of causes": `{"schema": "reprocheck.report/v1", "verdict": "diverged", "causes": {}}`,
		"no number":        `{"schema": "reprocheck.report/v1", "verdict": "diverged", "metrics": [{"mean": "1"}]}`,
		"cut short":        `{"schema": "reprocheck.report/v1", "verdict": "diverged", "causes": [`,
		"deep":             `{"schema": "reprocheck.report/v1", "verdict": "diverged", "x": ` + strings.Repeat("[", 100_000),
	} {
		if _, err := report.Parse(strings.NewReader(in)); !errors.Is(err, report.ErrNotReport) {
			t.Errorf("%s: error %v, want ErrNotReport", name, err)
		}
	}
	whole := `{"schema": "reprocheck.report/v1", "verdict": "diverged"}`
	if _, err := report.Parse(strings.NewReader(whole + "  ")); err != nil {
		t.Errorf("the least report: %v", err)
	}
	if _, err := report.Parse(endless{strings.NewReader(whole)}); !errors.Is(err, report.ErrNotReport) {
		t.Errorf("endless: error %v, want ErrNotReport", err)
	}
	broken := errors.New("broken")
	if _, err := report.Parse(failing{broken}); !errors.Is(err, broken) || errors.Is(err, report.ErrNotReport) {
		t.Errorf("a failing reader: error %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestWritersReportFailures(t *testing.T) {
	full := errors.New("no space left on device")
	d := divergedOneCause().document()
	for name, err := range map[string]error{
		"JSON":      report.JSON(failing{full}, d),
		"Text":      report.Text(failing{full}, d, report.TextOptions{}),
		"Checklist": report.ChecklistText(failing{full}, d, report.TextOptions{}),
	} {
		if !errors.Is(err, full) {
			t.Errorf("%s: error %v, want %v", name, err, full)
		}
	}
	d.Runs[0].Seconds = math.NaN()
	if err := report.JSON(&bytes.Buffer{}, d); err == nil {
		t.Error("a number that JSON cannot carry was written without an error")
	}
}

// FuzzParse holds that whatever parses can be written in every form, plainly.
func FuzzParse(f *testing.F) {
	for _, a := range []audit{empty(), divergedTwoCauses(), hostile()} {
		d := a.document()
		d.Checklist, d.Experiments = d.Checklist[:2], nil // small seeds are mutated faster
		var b bytes.Buffer
		if err := report.JSON(&b, d); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := report.Parse(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, format := range report.Formats() {
			for _, width := range []int{-1, 80} {
				var b bytes.Buffer
				if err := report.Write(&b, format, d, report.TextOptions{Width: width}); err != nil {
					t.Fatalf("%s: %v", format, err)
				}
				out := b.Bytes()
				if i := bytes.IndexFunc(out, func(r rune) bool { return r != '\n' && (r < ' ' || 0x7f <= r && r < 0xa0) }); i >= 0 {
					t.Fatalf("%s: a control character: %q", format, out[i:min(i+20, len(out))])
				}
			}
		}
		again := jsonOf(t, d)
		if !json.Valid(again) {
			t.Fatal("not JSON")
		}
		if _, err := report.Parse(bytes.NewReader(again)); err != nil {
			t.Fatal(err)
		}
	})
}
