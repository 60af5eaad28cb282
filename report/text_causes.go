package report

import (
	"fmt"
	"slices"
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
			p.hang("  ", p.paint.bold, place(c.File, c.Line)+",", moment(c.Step, c.Process), "  ")
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
		at = "at " + record.StepText(step)
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
	room := p.width - len("  > ") - digits - len(" | ")
	code := make([]string, min(len(lines), maxExcerpt))
	for i := range code {
		code[i] = strings.TrimRight(terminal.Printable(strings.ReplaceAll(lines[i].Text, "\t", "    ")), " ")
	}
	if slices.ContainsFunc(code, func(l string) bool { return terminal.Cells(l) > room }) {
		dedent(code)
	}
	for i, l := range lines[:len(code)] {
		mark, paint, shown := " ", p.paint.faint, []string{terminal.Fit(code[i], room)}
		if l.Here {
			mark, paint, shown = ">", p.paint.bold, broken(code[i], room)
		}
		for n, text := range shown {
			gutter := fmt.Sprintf("  %s %*d | ", mark, digits, l.Number)
			if n > 0 {
				gutter = fmt.Sprintf("  %s %*s | ", mark, digits, "")
			}
			p.line(paint.Sprint(strings.TrimRight(gutter+text, " ")))
		}
	}
	p.line("")
}

// dedent takes away the indentation that all lines with text have.
func dedent(code []string) {
	common := -1
	for _, l := range code {
		if indent := len(l) - len(strings.TrimLeft(l, " ")); l != "" && (common < 0 || indent < common) {
			common = indent
		}
	}
	for i, l := range code {
		code[i] = l[min(max(common, 0), len(l)):]
	}
}

// broken is a line of code in lines of at most room cells, the further ones indented more; no more of a very long one than a few.
func broken(code string, room int) []string {
	if terminal.Cells(code) <= room {
		return []string{code}
	}
	text := strings.TrimLeft(code, " ")
	indent := code[:min(len(code)-len(text), room/2)]
	further := indent + "    "
	const most = 4
	lines := terminal.Wrap(text, room-len(indent), room-len(further))
	if len(lines) > most {
		lines = append(lines[:most-1], lines[most-1]+" ...")
	}
	for i, l := range lines {
		if i > 0 {
			indent = further
		}
		lines[i] = terminal.Fit(indent+l, room)
	}
	return lines
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
	p.hang("  ", p.paint.faint, lead, oneLine(f.Detail), "  ")
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
