package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/record"
)

func to[T any](v T) *T { return &v }

// TestDocumentedExample reads the example of docs/configuration.md, which has every key.
func TestDocumentedExample(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(page)
	if example == nil {
		t.Fatal("docs/configuration.md has no example")
	}
	path := filepath.Join(t.TempDir(), "reprocheck.yaml")
	if err := os.WriteFile(path, example[1], 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Command:     []string{"python", "train.py", "--epochs", "2"},
		Runs:        3,
		MaxRuns:     12,
		Jobs:        1,
		Timeout:     30 * time.Minute,
		Store:       ".reprocheck",
		Isolate:     []string{"/scratch/cache"},
		Results:     []string{"/scratch/models"},
		Seed:        7,
		Pin:         []string{"python-hash"},
		Vary:        []string{"file-order", "threads"},
		Diagnose:    to(true),
		RTol:        to(1e-7),
		ATol:        to(0.0),
		Tolerances:  map[string]record.Tolerance{"val_loss": {ATol: 1e-6}, "train_loss": {RTol: 1e-5, ATol: 1e-8}},
		MetricRegex: []string{`epoch (?P<step>\d+) \| (?P<name>\w+) = (?P<value>\S+)`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, row := range []string{
		fmt.Sprintf("| `runs` | whole number from 1 | %d |", DefaultRuns),
		fmt.Sprintf("| `max-runs` | whole number from 1 | %d |", DefaultMaxRuns),
	} {
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/configuration.md has no row %s", row)
		}
	}
	// A key that is missing from the example is missing from its documentation.
	_, err = parse("x", []byte("nothing-like-it-at-all: 1"))
	_, keys, _ := strings.Cut(err.Error(), "the keys are ")
	for key := range strings.SplitSeq(keys, ", ") {
		if !regexp.MustCompile("(?m)^" + key + ":").Match(example[1]) {
			t.Errorf("key %q is not in the example of docs/configuration.md", key)
		}
		if !regexp.MustCompile("(?m)^\\|.*`" + key + "`.*\\|.*\\|").Match(page) {
			t.Errorf("key %q is not in the table of docs/configuration.md", key)
		}
	}
}

func TestParse(t *testing.T) {
	tests := map[string]struct {
		text string
		want File
	}{
		"nothing":           {"", File{}},
		"comments only":     {"# runs: 4\n", File{}},
		"null document":     {"---\n", File{}},
		"words as written":  {`command: [python, -m, train, --lr, 1e-3, --on, yes, 0x10, ""]`, File{Command: []string{"python", "-m", "train", "--lr", "1e-3", "--on", "yes", "0x10", ""}}},
		"all":               {"pin: all\nvary: all", File{Pin: []string{"all"}, Vary: []string{"all"}}},
		"ids in one text":   {"pin: threads,python-hash", File{Pin: []string{"threads,python-hash"}}},
		"largest seed":      {"seed: 18446744073709551615", File{Seed: 1<<64 - 1}},
		"false is not none": {"diagnose: false", File{Diagnose: to(false)}},
		"whole tolerance":   {"rtol: 1", File{RTol: to(1.0)}},
		"dtypes":            {"dtype-tolerances: true", File{DTypeTolerances: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parse("reprocheck.yaml", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct {
		text string
		// line and says are of the first problem.
		line int
		says string
	}{
		"unknown key":             {"runs: 3\nmaxruns: 4", 2, `unknown key "maxruns" (did you mean "max-runs"?)`},
		"unknown key, none near":  {"learning-speed: 3", 1, "the keys are command, runs,"},
		"repeated key":            {"runs: 3\njobs: 1\nruns: 4", 3, `key "runs" was already given on line 1`},
		"word for a number":       {"runs: many", 1, `runs: expected a whole number from 1 on, found "many"`},
		"quoted number":           {`runs: "3"`, 1, "whole number"},
		"fraction":                {"runs: 2.5", 1, "whole number"},
		"no runs":                 {"runs: 0", 1, "from 1 on"},
		"too large":               {"jobs: 99999999999999999999", 1, "whole number"},
		"nothing":                 {"runs:", 1, "found nothing"},
		"negative seed":           {"seed: -1", 1, "from 0 on"},
		"unknown source":          {"runs: 3\nvary:\n  - threads\n  - thread", 4, `vary: unknown source "thread" (did you mean "threads"?)`},
		"source cannot vary":      {"vary: torch-cpu", 1, "cannot be varied"},
		"yes is not true":         {"diagnose: yes", 1, `expected true or false, found "yes"`},
		"time without a unit":     {"timeout: 90", 1, "with its unit"},
		"no time":                 {"timeout: 0s", 1, "with its unit"},
		"command in one text":     {"command: python train.py", 1, "a list of words"},
		"empty command":           {"command: []", 1, "a list of words"},
		"empty program":           {`command: ["", x]`, 1, "a text"},
		"null in a command":       {"command: [python, null]", 1, "found nothing"},
		"list in a command":       {"command: [python, [x]]", 1, "found a list"},
		"zero byte":               {`command: ["python\0"]`, 1, "a text"},
		"negative tolerance":      {"atol: -1", 1, "from 0 on"},
		"infinite tolerance":      {"atol: .inf", 1, "from 0 on"},
		"not a number":            {"rtol: .nan", 1, "from 0 on"},
		"metric, unknown key":     {"tolerance:\n  loss:\n    rtoll: 1", 3, `tolerance: loss: unknown key "rtoll" (did you mean "rtol"?)`},
		"metric twice":            {"tolerance:\n  loss: 1\n  loss: 2", 3, "already given"},
		"tolerance without names": {"tolerance: 1e-6", 1, "such as val_loss: 1e-6"},
		"bad pattern":             {"metric-regex:\n- '(a)'\n- '('", 3, "missing closing )"},
		"pattern without a value": {"metric-regex: loss", 1, "no group says where the value is"},
		"list for the document":   {"- runs", 1, "keys and values"},
		"text for the document":   {"runs", 1, "keys and values"},
		"alias":                   {"store: &a x\nisolate: *a", 2, "found the alias *a"},
		"alias as a key":          {"store: &runs x\n*runs : 3", 2, "expected a key, found the alias *runs"},
		"merge":                   {"<<: {runs: 3}", 1, "unknown key"},
		"foreign type":            {"store: !!python/object:os.system x", 1, "a text"},
		"mapping as a key":        {"{a: b}: 1", 1, "expected a key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parse("reprocheck.yaml", []byte(test.text))
			var first *Error
			if !errors.As(err, &first) {
				t.Fatalf("error = %v, read %+v", err, got)
			}
			if first.Line != test.line || !strings.Contains(first.Error(), test.says) {
				t.Errorf("got %v, want line %d and %q", first, test.line, test.says)
			}
			if want := "reprocheck.yaml:" + strconv.Itoa(test.line) + ": "; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%q does not begin with %q", err, want)
			}
		})
	}
}

// TestRefusesWholeFiles covers what no line of the document is to blame for.
func TestRefusesWholeFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// Nine levels of nine aliases each: 9^9 scalars for a reader that expands them.
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ",") + "]\n"
	}
	tests := map[string]struct{ path, says string }{
		"syntax":        {write("syntax", "runs: 3\n\tjobs: 1"), "syntax: yaml: line 2"},
		"not text":      {write("binary", "runs: 3\xff\xfe"), "binary: yaml"},
		"two documents": {write("two", "runs: 3\n---\nruns: 4\n"), "more than one document"},
		"too large":     {write("large", "# "+strings.Repeat("x", MaxSize)), "larger than"},
		"directory":     {dir, "not a regular file"},
		"alias bomb":    {write("bomb", "isolate: &z [x]\n"+bomb), `unknown key "a"`},
		"deep nesting":  {write("deep", "store: "+strings.Repeat("[", 20000)), "exceeded max depth"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := Load(test.path); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error = %v, want %q in it; read %+v", err, test.says, got)
			}
		})
	}
	if _, err := Load(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestBoundsProblems holds that a file of nothing but mistakes is told briefly.
func TestBoundsProblems(t *testing.T) {
	for name, text := range map[string]string{
		"keys":  manyKeys(5000),
		"items": "isolate: [" + strings.Repeat("null,", 5000) + "]",
	} {
		_, err := parse("f", []byte(text))
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		if lines := strings.Count(err.Error(), "\n") + 1; lines != maxProblems {
			t.Errorf("%s: %d lines of problems, want %d", name, lines, maxProblems)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("key" + strconv.Itoa(i) + ": 1\n")
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("runs: 3\npin: all\ntolerance: {a: 1, b: {rtol: 1e-3}}\ncommand: [a, b]\ntimeout: 3s\n"))
	f.Add([]byte("a: &a [*a]\n? {b: c}\n: d\n"))
	f.Add([]byte("metric-regex: ['(', .]\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parse("f", data)
		if (got == nil) == (err == nil) {
			t.Fatalf("file %v and error %v", got, err)
		}
		if err == nil && (got.Runs < 0 || got.Timeout < 0 || got.RTol != nil && *got.RTol < 0) {
			t.Errorf("accepted %+v", got)
		}
	})
}
