package report_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"github.com/reprocheck/reprocheck/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/<name>.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func text(t *testing.T, d *report.Document, o report.TextOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Text(&b, d, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestText(t *testing.T) {
	for _, a := range audits() {
		t.Run(a.name, func(t *testing.T) {
			golden(t, a.name+".golden", text(t, a.document(), report.TextOptions{}))
		})
	}
	t.Run("wide", func(t *testing.T) {
		golden(t, "diverged-two-causes-wide.golden", text(t, divergedTwoCauses().document(), report.TextOptions{Width: 160}))
	})
	t.Run("narrow", func(t *testing.T) {
		golden(t, "diverged-two-causes-narrow.golden", text(t, divergedTwoCauses().document(), report.TextOptions{Width: 40}))
	})
	t.Run("color", func(t *testing.T) {
		golden(t, "diverged-one-cause-color.golden", text(t, divergedOneCause().document(), report.TextOptions{Color: true}))
	})
}

// Colours add nothing but colours.
func TestColorChangesNoText(t *testing.T) {
	escape := regexp.MustCompile(`\x1b\[[0-9;]*m`)
	for _, a := range audits() {
		plain := text(t, a.document(), report.TextOptions{})
		colored := text(t, a.document(), report.TextOptions{Color: true})
		if bytes.Equal(plain, colored) {
			t.Errorf("%s: no colours", a.name)
		}
		if diff := cmp.Diff(string(plain), string(escape.ReplaceAll(colored, nil))); diff != "" {
			t.Errorf("%s (-plain +colored):\n%s", a.name, diff)
		}
	}
}

// Whatever the data, a report is plain text in lines that fit, unless a single word does not.
func TestTextIsPlain(t *testing.T) {
	for _, a := range audits() {
		for _, width := range []int{40, 80, 200} {
			var b bytes.Buffer
			b.Write(text(t, a.document(), report.TextOptions{Width: width}))
			if err := report.ChecklistText(&b, a.document(), report.TextOptions{Width: width}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
				if strings.TrimRight(line, " ") != line {
					t.Errorf("%s at %d: trailing space in %q", a.name, width, line)
				}
				if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }); i >= 0 {
					t.Errorf("%s at %d: unprintable character in %q", a.name, width, line)
				}
				// A command and a path stay whole, to be copied.
				whole := strings.HasPrefix(line, "  $ ") || len(strings.Fields(line)) == 1
				if !whole && a.name != "hostile" && runewidth.StringWidth(line) > width {
					t.Errorf("%s at %d: too wide: %q", a.name, width, line)
				}
			}
		}
	}
}

// A report of good news is short, even where there is a lot that it does not cover; what it leaves out, it counts.
func TestCleanReportIsShort(t *testing.T) {
	a := reproducible()
	if lines := bytes.Count(text(t, a.document(), report.TextOptions{}), []byte("\n")); lines > 10 {
		t.Errorf("%d lines", lines)
	}
	for i := range 20 {
		a.record.Limits = append(a.record.Limits, fmt.Sprint("limit ", i))
	}
	got := string(text(t, a.document(), report.TextOptions{}))
	if lines := strings.Count(got, "\n"); lines > 16 || !strings.Contains(got, "and 18 more") {
		t.Errorf("%d lines, of which one should say that 18 of 21 limits were left out:\n%s", lines, got)
	}
}

// No line that a user's data brought in can be taken for the verdict.
func TestHostileDataForgesNoVerdict(t *testing.T) {
	for i, line := range strings.Split(string(text(t, hostile().document(), report.TextOptions{})), "\n") {
		if i > 0 && strings.HasPrefix(line, "reproducible") {
			t.Errorf("line %d is forged: %q", i+1, line)
		}
	}
}

func TestChecklistText(t *testing.T) {
	var b bytes.Buffer
	if err := report.ChecklistText(&b, divergedOneCause().document(), report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "checklist.golden", b.Bytes())
}

func TestExitCode(t *testing.T) {
	for _, a := range audits() {
		if got := a.document().ExitCode(); got != a.exit {
			t.Errorf("%s: exit status %d, want %d", a.name, got, a.exit)
		}
	}
}

// A warning says once where its line is.
func TestWarningsSayTheirPlaceOnce(t *testing.T) {
	d := divergedOneCause().document()
	d.Warnings = []report.Warning{{ID: "a", Text: "workers draw alike", File: "train.py", Line: 7}, {ID: "b", Text: "train.py:9 sets it too late", File: "train.py", Line: 9}}
	got := string(text(t, d, report.TextOptions{}))
	for _, want := range []string{"- train.py:7: workers draw alike [a]\n", "- train.py:9 sets it too late [b]\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing from\n%s", want, got)
		}
	}
}

// The examples in the documentation are what the program writes; -update copies them there.
func TestDocumentationShowsRealReports(t *testing.T) {
	const path = "../docs/report.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	example := regexp.MustCompile("(?s)<!-- report/(testdata/[a-z-]+\\.golden) -->\n```\n.*?```\n")
	want := example.ReplaceAllFunc(page, func(old []byte) []byte {
		examples++
		name := example.FindSubmatch(old)[1]
		text, err := os.ReadFile(filepath.FromSlash(string(name)))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Join([][]byte{[]byte("<!-- report/"), name, []byte(" -->\n```\n"), text, []byte("```\n")}, nil)
	})
	if examples != 2 {
		t.Fatalf("%d examples, want 2", examples)
	}
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(page), string(want)); diff != "" {
		t.Errorf("%s (-page +golden):\n%s", path, diff)
	}
}

// Every event of the probe's protocol and of the comparison is told in words.
func TestFirstDivergenceInWords(t *testing.T) {
	for event, want := range map[string]string{
		"init":     "First divergence: the initial parameters at step 3, train.py:22",
		"batch":    "First divergence: the batch at step 3, train.py:22",
		"loss":     "First divergence: the loss at step 3, train.py:22",
		"grad":     "First divergence: the gradients at step 3, train.py:22",
		"params":   "First divergence: the parameters at step 3, train.py:22",
		"lr":       "First divergence: the learning rate at step 3, train.py:22",
		"final":    "First divergence: the final parameters at step 3, train.py:22",
		"metric":   "First divergence: a metric at step 3, train.py:22",
		"artifact": "First divergence: a file that the runs wrote, train.py:22",
		"new-kind": "First divergence: new-kind at step 3, train.py:22",
	} {
		d := divergedOneCause().document()
		d.FirstDivergence.Event, d.FirstDivergence.Step = event, 3
		if got := string(text(t, d, report.TextOptions{})); !strings.Contains(got, want+"\n") {
			t.Errorf("%q is missing from\n%s", want, got)
		}
	}
}
