package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/report"
)

func written(t *testing.T, format string, d *report.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, d, report.TextOptions{}); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.Bytes()
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		golden, format string
		audit          audit
	}{
		{"diverged-two-causes.md", "markdown", divergedTwoCauses()},
		{"command-failed.md", "markdown", commandFailed()},
		{"hostile.md", "markdown", hostile()},
		{"diverged-one-cause.junit.xml", "junit", divergedOneCause()},
		{"diverged-two-causes.sarif", "sarif", divergedTwoCauses()},
	} {
		t.Run(c.golden, func(t *testing.T) { golden(t, c.golden, written(t, c.format, c.audit.document())) })
	}
}

func TestWriteKnowsItsFormats(t *testing.T) {
	d := divergedOneCause().document()
	if got, want := written(t, "json", d), jsonOf(t, d); !bytes.Equal(got, want) {
		t.Error("Write(json) is not JSON()")
	}
	err := report.Write(&bytes.Buffer{}, "html", d, report.TextOptions{})
	if err == nil || !strings.Contains(err.Error(), "text, checklist, json, markdown, junit, sarif") {
		t.Errorf("error %v, want one that names the formats", err)
	}
}

// Every format survives every audit, holds nothing that a terminal acts on, and reports a failed write.
func TestFormatsArePlain(t *testing.T) {
	full := errors.New("no space left on device")
	for _, format := range report.Formats() {
		for _, a := range audits() {
			out := written(t, format, a.document())
			if i := bytes.IndexFunc(out, func(r rune) bool { return r != '\n' && r < ' ' || 0x7f <= r && r < 0xa0 || r == '\u202e' }); i >= 0 {
				t.Errorf("%s of %s: a control character: %q", format, a.name, out[max(0, i-20):i+5])
			}
		}
		if err := report.Write(failing{full}, format, divergedOneCause().document(), report.TextOptions{}); !errors.Is(err, full) {
			t.Errorf("%s: error %v, want %v", format, err, full)
		}
	}
}

func TestMarkdownStaysBelowTheLimitOfASummary(t *testing.T) {
	a := crowded()
	long := strings.Repeat("&", 100_000) // five bytes each once escaped
	for i := range a.record.Causes {
		a.record.Causes[i].Story, a.record.Causes[i].Fix = long, long
		a.record.Causes[i].Evidence = []string{long, long, long, long, long, long, long}
	}
	for i := range a.record.Masked {
		a.record.Masked[i], a.record.Limits[i] = long, long
		a.record.Warnings[i].Text, a.record.Experiments[i].Says = long, long
	}
	out := written(t, "markdown", a.document())
	if len(out) > 1<<20 {
		t.Errorf("%d bytes", len(out))
	}
	if !bytes.HasPrefix(out, []byte("## reprocheck: diverged\n")) || !bytes.Contains(out, []byte("more sections are too long")) {
		t.Errorf("the verdict or the count of what was left out is missing: %.100q", out)
	}
}

// No text of a user's becomes markup.
func TestMarkdownEscapes(t *testing.T) {
	a := divergedOneCause()
	a.record.Reason = "<img src=x onerror=alert(1)> **bold** [link](http://x) @all &amp; # 1"
	a.record.Metrics[0].Name = "a|b`c``d"
	out := string(written(t, "markdown", a.document()))
	for _, want := range []string{
		`&lt;img src=x onerror=alert(1)\> \*\*bold\*\* \[link\](http://x) \@all &amp;amp; \# 1`,
		"| ```a\\|b`c``d``` |",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing from\n%s", want, out)
		}
	}
}

// The tests of the JUnit form fail exactly where the exit status does.
func TestJUnitAgreesWithTheExitStatus(t *testing.T) {
	for _, a := range audits() {
		d := a.document()
		var suite struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		}
		if err := xml.Unmarshal(written(t, "junit", d), &suite); err != nil {
			t.Errorf("%s: %v", a.name, err)
			continue
		}
		if want := 1 + len(d.Checklist); suite.Tests != want || len(suite.Cases) != want {
			t.Errorf("%s: %d tests, and %d said, want %d", a.name, len(suite.Cases), suite.Tests, want)
		}
		failures, failed, skipped := 0, 0, 0
		for _, c := range suite.Cases {
			switch {
			case c.Failure != nil:
				failures++
			case c.Error != nil:
				failed++
			case c.Skipped != nil:
				skipped++
			}
		}
		if got, want := fmt.Sprint(suite.Failures, suite.Errors, suite.Skipped), fmt.Sprint(failures, failed, skipped); got != want {
			t.Errorf("%s: says %s failures, errors and skipped, has %s", a.name, got, want)
		}
		if (failures > 0) != (d.ExitCode() == 1) || (failed > 0) != (d.ExitCode() > 1) {
			t.Errorf("%s: exit status %d with %d failures and %d errors", a.name, d.ExitCode(), failures, failed)
		}
	}
}

func TestSARIF(t *testing.T) {
	type log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Invocations []struct{ ExecutionSuccessful bool }
			Results     []struct {
				RuleID    string
				Level     string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI, URIBaseID string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	of := func(d *report.Document) (l log) {
		if err := json.Unmarshal(written(t, "sarif", d), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, a := range audits() {
		l := of(a.document())
		if l.Version != "2.1.0" || len(l.Runs) != 1 {
			t.Fatalf("%s: version %q, %d runs", a.name, l.Version, len(l.Runs))
		}
		run := l.Runs[0]
		if (len(run.Results) > 0) != (a.exit == 1) || run.Invocations[0].ExecutionSuccessful != (a.exit <= 1) {
			t.Errorf("%s: exit status %d with %d results, successful %v", a.name, a.exit, len(run.Results), run.Invocations[0].ExecutionSuccessful)
		}
		rules := map[string]int{}
		for _, r := range run.Tool.Driver.Rules {
			rules[r.ID]++
		}
		for _, r := range run.Results {
			if rules[r.RuleID] != 1 {
				t.Errorf("%s: rule %q is described %d times", a.name, r.RuleID, rules[r.RuleID])
			}
		}
	}

	a := divergedOneCause()
	a.record.Causes[0].File = "src/my file:1.py"
	at := of(a.document()).Runs[0].Results[0].Locations[0].PhysicalLocation
	if at.ArtifactLocation.URI != "src/my%20file:1.py" || at.ArtifactLocation.URIBaseID != "%SRCROOT%" || at.Region.StartLine != 21 {
		t.Errorf("located at %+v", at)
	}
	a.record.Causes[0].File = "/usr/lib/python3/random.py"
	if at := of(a.document()).Runs[0].Results[0].Locations[0].PhysicalLocation; at.ArtifactLocation.URI != "file:///usr/lib/python3/random.py" || at.ArtifactLocation.URIBaseID != "" {
		t.Errorf("a file outside the project is located at %+v", at)
	}
	a.record.Causes = nil
	if r := of(a.document()).Runs[0].Results; len(r) != 1 || r[0].RuleID != "diverged" || r[0].Locations[0].PhysicalLocation.Region.StartLine != 22 {
		t.Errorf("a divergence without a cause gives %+v", r)
	}
}
