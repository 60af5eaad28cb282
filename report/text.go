package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner/record"
)

// How many entries of each list a text report shows.
const (
	maxCauses   = 8
	maxEvidence = 6
	maxRows     = 12
	maxItems    = 8
	maxNames    = 8
	maxExcerpt  = 20
	// maxSays is what a cell of a table may say, in terminal cells.
	maxSays = 120
)

// Text writes the report for a person: the verdict first, then what to do about it, then the figures behind it.
func Text(w io.Writer, d *Document, o TextOptions) error {
	p := newPage(o)
	p.verdict(d)
	p.causes(d.Causes)
	p.firstDivergence(d.FirstDivergence)
	p.metrics(d)
	p.files(d)
	p.experiments(d)
	p.criterion(d.Criterion)
	if d.Bound != nil {
		p.note("What the runs justify:", d.Bound.Text)
	}
	p.sensitivities(d.Sensitivities)
	p.warnings(d.Warnings)
	p.names("Masked, not compared:", d.Masked)
	p.limits(d)
	p.records(d)
	return p.flush(w)
}

func (p *page) verdict(d *Document) {
	word, paint := string(d.Verdict), p.paint.unsure
	switch {
	case d.Failed != nil:
		word, paint = "failed", p.paint.bad
	case d.Verdict == record.Diverged:
		paint = p.paint.bad
	case d.Verdict == record.Reproducible, d.Verdict == record.WithinTolerance:
		paint = p.paint.good
	}
	p.hang("", paint, word+":", d.Reason, "  ")
	if len(d.Command) > 0 {
		p.line("  $ " + shellWords(d.Command))
	}
	if f := d.Failed; f != nil && len(f.Stderr) > 0 {
		p.section("Standard error of run "+terminal.Printable(f.Run)+" ends:", "")
		for _, l := range f.Stderr {
			p.line("  | " + terminal.Fit(terminal.Printable(l), p.width-4))
		}
	}
}

func ended(f *Failure) string {
	switch {
	case f.TimedOut:
		return "was ended after its time limit"
	case f.Signal != "":
		return "was ended by " + terminal.Printable(f.Signal)
	}
	return fmt.Sprintf("ended with exit status %d", f.ExitCode)
}

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
	at := event(f.Event) + " " + moment(f.Step, f.Process)
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

// event puts the name of a traced event in words.
func event(name string) string {
	switch name {
	case "init":
		return "the initial parameters"
	case "grad":
		return "the gradients"
	case "params", "final":
		return "the parameters"
	case "lr":
		return "the learning rate"
	case "batch", "loss":
		return "the " + name
	case "metric", "artifact":
		return "a " + name
	}
	return terminal.Printable(name)
}

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
			differ = append(differ, []string{terminal.Printable(metricName(m)), figure(m.Mean, 4), figure(m.StdDev, 3), figure(m.Spread, 3),
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
	p.names("Metrics equal in every run:", equal)
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

func firstStep(m record.MetricSummary) string {
	if m.FirstStep == nil {
		return "-"
	}
	return strconv.FormatInt(*m.FirstStep, 10)
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
	if d.ExitCode() == 0 {
		p.names("Files that differ in nothing that counts:", slices.Concat(differ, partial))
	} else {
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
		rows = append(rows, []string{terminal.Fit(terminal.Printable(e.Name), 34), strconv.Itoa(len(e.Runs)), string(e.Verdict), terminal.Fit(terminal.Printable(e.Says), maxSays)})
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
			effect += " (" + terminal.Printable(strings.Join(s.Values, ", ")) + ")"
		}
		rows = append(rows, []string{terminal.Fit(terminal.Printable(string(s.Source)), 34), effect})
	}
	p.table([]column{{head: "source"}, {head: "effect (values)", shrink: wrapped}}, rows, maxRows)
}

func (p *page) warnings(list []Warning) {
	if len(list) == 0 {
		return
	}
	p.section("Warnings", "")
	var items []string
	for _, w := range list {
		item := w.Text
		if w.File != "" {
			item = place(w.File, w.Line) + ": " + item
		}
		items = append(items, fmt.Sprintf("%s [%s]", item, w.ID))
	}
	p.bullets(items, maxItems)
}

// names writes a list of names as one paragraph.
func (p *page) names(heading string, names []string) {
	if len(names) > 0 {
		p.note(heading, someNames(names))
	}
}

func someNames(names []string) string {
	var shown []string
	for _, name := range names[:min(len(names), maxNames)] {
		shown = append(shown, terminal.Printable(name))
	}
	if n := len(names) - maxNames; n > 0 {
		return strings.Join(shown, ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(shown, ", ")
}

// criterion says what was let pass as equal; nothing where that is nothing.
func (p *page) criterion(c Criterion) {
	var parts []string
	if c.DTypeDefaults {
		parts = append(parts, "the defaults of torch.testing.assert_close for each dtype")
	}
	if c.RTol != 0 || c.ATol != 0 {
		parts = append(parts, fmt.Sprintf("rtol %g and atol %g", c.RTol, c.ATol))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Tolerances)) {
		parts = append(parts, fmt.Sprintf("rtol %g and atol %g for %s", c.Tolerances[name].RTol, c.Tolerances[name].ATol, terminal.Printable(name)))
	}
	p.names("Taken as equal within:", parts)
}

// limits is shortest where all is well, since it is read least there.
func (p *page) limits(d *Document) {
	if len(d.Limits) == 0 {
		return
	}
	limit := maxItems
	if d.ExitCode() == 0 {
		limit = 3
	}
	if len(d.Limits) == 1 {
		p.note("Not covered:", d.Limits[0])
		return
	}
	p.section("Not covered by this verdict", "")
	p.bullets(d.Limits, limit)
}

func (p *page) records(d *Document) {
	if d.Records == "" {
		return
	}
	where := terminal.Printable(d.Records)
	if len(d.Workspaces) > 0 {
		where += " (workspace: " + terminal.Printable(strings.Join(d.Workspaces, ", ")) + ")"
	}
	p.note("Records:", where)
}
