package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner/record"
)

func (p *page) causes(causes []Cause) {
	for i, c := range causes[:min(len(causes), maxCauses)] {
		heading := "Cause"
		if len(causes) > 1 {
			heading = fmt.Sprintf("Cause %d of %d", i+1, len(causes))
		}
		what := terminal.Printable(c.Source)
		if c.Title != "" {
			what += ", " + terminal.Printable(c.Title)
		}
		p.section(heading+":", what+" ("+certainty(c.Proof)+")")
		if c.File == "" {
			p.line("  no line of your code can be named")
		} else {
			p.line("  " + p.paint.bold.Sprint(place(c.File, c.Line)) + ", " + moment(c.Step, c.Process))
		}
		p.excerpt(c.Excerpt)
		p.labelled("how", []string{c.Story})
		if c.Proof == record.Proven {
			p.labelled("proof", c.Evidence)
		} else {
			p.labelled("seen", c.Evidence)
		}
		p.labelled("fix", []string{c.Fix})
	}
	p.more(len(causes) - maxCauses)
}

func certainty(proof record.Proof) string {
	switch proof {
	case record.Proven:
		return "proven by experiment"
	case record.Observed:
		return "observed, not proven by experiment"
	}
	return "suspected, not shown"
}

func place(file string, line int) string {
	if line <= 0 {
		return terminal.Printable(file)
	}
	return terminal.Printable(file) + ":" + strconv.Itoa(line)
}

// moment says when: the step, and the process where it is not the first.
func moment(step int64, process string) string {
	at := "before the first step"
	if step >= 0 {
		at = "at step " + strconv.FormatInt(step, 10)
	}
	if process != "" && process != "main" {
		at += " of process " + terminal.Printable(process)
	}
	return at
}

// excerpt shows the user's lines with the guilty one marked.
func (p *page) excerpt(lines []record.SourceLine) {
	if len(lines) == 0 {
		return
	}
	p.line("")
	digits := len(strconv.Itoa(lines[len(lines)-1].Number))
	for _, l := range lines[:min(len(lines), maxExcerpt)] {
		mark, paint := " ", p.paint.faint
		if l.Here {
			mark, paint = ">", p.paint.bold
		}
		code := strings.TrimRight(terminal.Printable(strings.ReplaceAll(l.Text, "\t", "    ")), " ")
		gutter := fmt.Sprintf("  %s %*d | ", mark, digits, l.Number)
		p.line(paint.Sprint(strings.TrimRight(gutter+terminal.Fit(code, p.width-terminal.Cells(gutter)), " ")))
	}
	p.line("")
}

// labelled writes paragraphs in a column beside their label.
func (p *page) labelled(label string, paragraphs []string) {
	const indent = "         "
	for i, s := range paragraphs[:min(len(paragraphs), maxEvidence)] {
		switch {
		case s == "":
		case i == 0:
			p.hang("  ", p.paint.bold, fmt.Sprintf("%-6s", label), s, indent)
		default:
			p.hang("  ", p.paint.bold, "      ", s, indent)
		}
	}
	if n := len(paragraphs) - maxEvidence; n > 0 {
		p.line(indent + fmt.Sprintf("and %d more", n))
	}
}

func (p *page) firstDivergence(f *record.Divergence) {
	if f == nil {
		return
	}
	at := occurrence(f)
	if f.File != "" {
		at += ", " + place(f.File, f.Line)
	}
	p.section("First divergence:", at)
	lead := ""
	if f.Runs[0] != "" && !strings.Contains(f.Detail, f.Runs[0]) {
		lead = terminal.Printable(f.Runs[0]) + " and " + terminal.Printable(f.Runs[1]) + ":"
	}
	p.hang("  ", p.paint.faint, lead, f.Detail, "  ")
}

// occurrence says in words what differed, and when.
func occurrence(f *record.Divergence) string {
	what := terminal.Printable(f.Event)
	switch f.Event {
	case "artifact":
		return "a file that the runs wrote"
	case "init":
		what = "the initial parameters"
	case "batch", "loss":
		what = "the " + f.Event
	case "grad":
		what = "the gradients"
	case "params":
		what = "the parameters"
	case "lr":
		what = "the learning rate"
	case "final":
		what = "the final parameters"
	case "metric":
		what = "a metric"
	}
	return what + " " + moment(f.Step, f.Process)
}
