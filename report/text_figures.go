package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner/record"
)

func (p *page) metrics(d *Document) {
	var differ [][]string
	var equal []string
	classes := map[string][]string{}
	for _, m := range d.Metrics {
		switch {
		case m.Class == "volatile":
		case m.Equal:
			equal = append(equal, metricName(m)+" "+finalValue(m))
		default:
			differ = append(differ, []string{terminal.Printable(metricName(m)), figure(m.Mean, 4), deviation(m), figure(m.Spread, 3),
				figure(m.MaxAbs, 3), figure(m.MaxRel, 3), firstStep(m)})
			classes[m.Class] = append(classes[m.Class], metricName(m))
		}
	}
	if len(differ) > 0 {
		heading := "Metrics that differ"
		if len(d.Experiments) > 0 {
			first := d.Experiments[0]
			heading += fmt.Sprintf(", in %d runs (%s)", len(first.Runs), terminal.Printable(first.Name))
		}
		p.section(heading, "")
		p.table([]column{{head: "metric", shrink: terminal.Fit}, {head: "mean", right: true}, {head: "std dev", right: true}, {head: "spread", right: true},
			{head: "max abs", right: true}, {head: "max rel", right: true}, {head: "first step", right: true}}, differ, maxRows)
		for _, class := range slices.Sorted(maps.Keys(classes)) {
			if words := difference(class); words != "" {
				p.hang("  ", p.paint.faint, words+":", someNames(classes[class]), "    ")
			}
		}
	}
	heading := "Metrics equal in every run:"
	if len(d.Runs) == 1 {
		heading = "Metrics of the one run:"
	}
	p.names(heading, equal)
}

// difference says how a metric differs, where that is more than its values being other numbers.
func difference(class string) string {
	switch class {
	case "different":
		return ""
	case "within-tolerance":
		return "within the tolerance"
	case "nan":
		return "not a number in some runs"
	case "infinite":
		return "infinite in some runs, or of another sign"
	case "signed-zero":
		return "differs in the sign of a zero"
	case "length":
		return "has more points in some runs"
	case "steps":
		return "was printed at other steps"
	case "missing":
		return "absent from some runs"
	}
	return terminal.Printable(class)
}

// metricName is a metric's name, with the file that it was read from.
func metricName(m record.MetricSummary) string {
	if m.Origin == "" || m.Origin == "stdout" {
		return m.Name
	}
	return m.Name + " (" + m.Origin + ")"
}

func finalValue(m record.MetricSummary) string {
	if len(m.Finals) == 0 {
		return "(no value)"
	}
	return strconv.FormatFloat(float64(m.Finals[0]), 'g', -1, 64)
}

func figure(f record.Float, digits int) string {
	return strconv.FormatFloat(float64(f), 'g', digits, 64)
}

// deviation is the standard deviation, which one value does not have.
func deviation(m record.MetricSummary) string {
	if len(m.Finals) < 2 {
		return "-"
	}
	return figure(m.StdDev, 3)
}

func firstStep(m record.MetricSummary) string {
	if m.FirstStep == nil {
		return "-"
	}
	return strings.TrimPrefix(record.StepText(*m.FirstStep), "step ")
}

// files names the artifacts that are not the same in every byte.
func (p *page) files(d *Document) {
	var differ, partial, content []string
	for _, f := range d.Artifacts {
		switch {
		case f.Same == SameBytes:
		case f.Same == SameContent:
			content = append(content, f.Path)
		case f.Runs < f.Of:
			partial = append(partial, f.Path)
		default:
			differ = append(differ, f.Path)
		}
	}
	switch d.Verdict {
	case record.Reproducible:
		p.names("Files that differ in what is not compared:", slices.Concat(differ, partial))
	case record.WithinTolerance:
		p.names("Files that differ within the tolerance:", slices.Concat(differ, partial))
	default:
		p.names("Files that differ:", differ)
		p.names("Files of some runs only:", partial)
	}
	p.names("Files equal in content, not in bytes:", content)
}

func (p *page) experiments(d *Document) {
	if len(d.Experiments) < 2 {
		return
	}
	var rows [][]string
	for _, e := range d.Experiments {
		rows = append(rows, []string{terminal.Fit(terminal.Printable(e.Name), 34), strconv.Itoa(len(e.Runs)), terminal.Fit(terminal.Printable(string(e.Verdict)), 34), terminal.Fit(terminal.Printable(e.Says), maxSays)})
	}
	p.section("Experiments", "")
	p.table([]column{{head: "name"}, {head: "runs", right: true}, {head: "verdict"}, {head: "says", shrink: wrapped}}, rows, maxRows)
}

func (p *page) sensitivities(list []record.Sensitivity) {
	if len(list) == 0 {
		return
	}
	p.section("Varied on purpose, as another machine would", "")
	var rows [][]string
	for _, s := range list {
		effect := "no change"
		if s.Changed {
			effect = "results change"
			if s.File != "" {
				effect += ", at " + place(s.File, s.Line)
			}
		}
		if len(s.Values) > 0 {
			effect += " (" + terminal.Printable(strings.Join(s.Values, "; ")) + ")"
		}
		rows = append(rows, []string{terminal.Fit(terminal.Printable(string(s.Source)), 34), effect})
	}
	p.table([]column{{head: "source"}, {head: "effect (values)", shrink: wrapped}}, rows, maxRows)
}
