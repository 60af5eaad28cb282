package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner/record"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitMessage `xml:"failure"`
	Error   *junitMessage `xml:"error"`
	Skipped *junitMessage `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report as JUnit XML, in the subset that CI systems agree on: one test for the verdict, and one for
// each source of the checklist. A source fails where it is a cause, so that the tests fail exactly where the exit
// status does, and is skipped where nothing is known of it.
func JUnit(w io.Writer, d *Document) error {
	suite := junitSuite{Name: "reprocheck"}
	suite.add(junitVerdict(d))
	for _, item := range d.Checklist {
		suite.add(junitSource(d, item))
	}
	out, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+string(out)+"\n")
	return err
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func junitVerdict(d *Document) junitCase {
	c := junitCase{Class: "reprocheck", Name: "verdict"}
	message := &junitMessage{Message: terminal.Printable(d.Reason)}
	switch d.ExitCode() {
	case 0:
		c.Out = terminal.Printable(string(d.Verdict) + ": " + d.Reason)
	case 1:
		c.Failure = message
	default:
		if d.Failed != nil {
			message.Text = terminal.Printable("run " + d.Failed.Run + " " + ended(d.Failed))
		}
		c.Error = message
	}
	return c
}

func junitSource(d *Document, item ChecklistItem) junitCase {
	c := junitCase{Class: "reprocheck.source", Name: terminal.Printable(item.Source), File: terminal.Printable(item.File), Line: item.Line}
	for _, cause := range d.Causes {
		if cause.Source == item.Source && d.Verdict == record.Diverged {
			details := []string{certainty(cause.Proof)}
			if cause.File != "" {
				details[0] += ", " + place(cause.File, cause.Line) + ", " + moment(cause.Step, cause.Process)
			}
			details = append(details, cause.Story)
			details = append(append(details, cause.Evidence...), "fix: "+cause.Fix)
			for i, l := range details {
				details[i] = terminal.Printable(l)
			}
			c.Failure = &junitMessage{Message: terminal.Printable(cause.Title), Text: strings.Join(details, "\n")}
			return c
		}
	}
	if item.Status == Unknown {
		c.Skipped = &junitMessage{Message: terminal.Printable(item.Why)}
		return c
	}
	c.Out = terminal.Printable(item.Status + ": " + item.Why)
	return c
}
