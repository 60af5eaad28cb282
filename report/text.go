package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/record"
)

// How many entries of each list a text report shows.
const (
	maxCauses   = 8
	maxEvidence = 6
	maxRows     = 12
	maxItems    = 8
	maxNames    = 8
)

// Text writes the report for a person: the verdict first, then what to do about it, then the figures behind it.
func Text(w io.Writer, d *Document, o TextOptions) error {
	p := newPage(o)
	p.verdict(d)
	p.causes(d.Causes)
	p.firstDivergence(d.FirstDivergence)
	p.metrics(d)
	p.experiments(d)
	if d.Bound != nil {
		p.section("What the runs justify:", d.Bound.Text)
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
	p.line("  $ " + shellWords(d.Command))
	if f := d.Failed; f != nil {
		p.section("Run "+printable(f.Run), ended(f)+"; its standard error ends:")
		for _, l := range f.Stderr {
			p.line("  | " + fit(printable(l), p.width-4))
		}
	}
}

func ended(f *Failure) string {
	switch {
	case f.TimedOut:
		return "was ended after its time limit"
	case f.Signal != "":
		return "was ended by " + printable(f.Signal)
	}
	return fmt.Sprintf("ended with exit status %d", f.ExitCode)
}

func (p *page) causes(causes []Cause) {
	for i, c := range causes[:min(len(causes), maxCauses)] {
		heading := "Cause"
		if len(causes) > 1 {
			heading = fmt.Sprintf("Cause %d of %d", i+1, len(causes))
		}
		what := printable(c.Source)
		if c.Title != "" && c.Title != c.Source {
			what += ", " + printable(c.Title)
		}
		p.section(heading+":", what+" ("+certainty(c.Proof)+")")
		p.line("  " + p.paint.bold.Sprint(place(c.File, c.Line)) + ", " + moment(c.Step, c.Process))
		p.excerpt(c.Excerpt)
		p.labelled("how", []string{c.Story})
		p.labelled("proof", c.Evidence)
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
	switch {
	case file == "":
		return "no line of your code"
	case line == 0:
		return printable(file)
	}
	return printable(file) + ":" + strconv.Itoa(line)
}

func moment(step int64, process string) string {
	at := "step " + strconv.FormatInt(step, 10)
	if process != "" {
		at += " of process " + printable(process)
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
	for _, l := range lines {
		mark, paint := " ", p.paint.faint
		if l.Here {
			mark, paint = ">", p.paint.bold
		}
		code := strings.TrimRight(printable(strings.ReplaceAll(l.Text, "\t", "    ")), " ")
		gutter := fmt.Sprintf("  %s %*d | ", mark, digits, l.Number)
		p.line(paint.Sprint(strings.TrimRight(gutter+fit(code, p.width-columns(gutter)), " ")))
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
	at := moment(f.Step, f.Process) + ", " + printable(f.Event)
	if f.File != "" {
		at += ", " + place(f.File, f.Line)
	}
	p.section("First divergence:", at)
	detail := f.Detail
	if f.Runs[0] != "" {
		detail = f.Runs[0] + " and " + f.Runs[1] + ": " + detail
	}
	p.hang(" ", p.paint.bold, "", detail, "  ")
}

func (p *page) metrics(d *Document) {
	var differ [][]string
	var equal []string
	classes := false
	for _, m := range d.Metrics {
		switch {
		case m.Class == "volatile":
		case m.Equal:
			equal = append(equal, printable(m.Name)+" "+finalValue(m))
		default:
			differ = append(differ, []string{fit(printable(m.Name), 24), number(m.Mean), number(m.StdDev), number(m.Spread),
				number(m.MaxAbs), number(m.MaxRel), firstStep(m), printable(m.Class)})
			classes = classes || m.Class != "different"
		}
	}
	if len(differ) > 0 {
		head := []column{{head: "metric"}, {head: "mean", right: true}, {head: "std dev", right: true}, {head: "spread", right: true},
			{head: "max abs", right: true}, {head: "max rel", right: true}, {head: "first step", right: true}, {head: "how", flex: true}}
		if !classes {
			head = head[:len(head)-1]
			for i := range differ {
				differ[i] = differ[i][:len(head)]
			}
		}
		p.section(fmt.Sprintf("Metrics that differ, over %d runs as shipped", runsOf(d, asShipped)), "")
		p.table(head, differ, maxRows)
	}
	p.names("Metrics equal in every run:", equal)
}

func runsOf(d *Document, experiment string) int {
	for _, e := range d.Experiments {
		if e.Name == experiment {
			return len(e.Runs)
		}
	}
	return 0
}

func finalValue(m record.MetricSummary) string {
	if len(m.Finals) == 0 {
		return "(no value)"
	}
	return strconv.FormatFloat(float64(m.Finals[0]), 'g', -1, 64)
}

func number(f record.Float) string {
	v := float64(f)
	if math.IsNaN(v) {
		return "nan"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func firstStep(m record.MetricSummary) string {
	if m.FirstStep == nil {
		return "-"
	}
	return strconv.FormatInt(*m.FirstStep, 10)
}

func (p *page) experiments(d *Document) {
	if len(d.Experiments) < 2 {
		return
	}
	var rows [][]string
	for _, e := range d.Experiments {
		rows = append(rows, []string{fit(printable(e.Name), 34), strconv.Itoa(len(e.Runs)), string(e.Verdict), printable(e.Says)})
	}
	p.section("Experiments", "")
	p.table([]column{{head: "name"}, {head: "runs", right: true}, {head: "verdict"}, {head: "says", flex: true}}, rows, maxRows)
}

func (p *page) sensitivities(list []record.Sensitivity) {
	if len(list) == 0 {
		return
	}
	var rows [][]string
	for _, s := range list {
		effect, where := "no change", ""
		if s.Changed {
			effect, where = "results change", "-"
		}
		if s.File != "" {
			where = place(s.File, s.Line)
		}
		rows = append(rows, []string{printable(string(s.Source)), effect, where, printable(strings.Join(s.Values, ", "))})
	}
	p.section("Varied on purpose, as another machine would", "")
	p.table([]column{{head: "source"}, {head: "effect"}, {head: "where"}, {head: "values", flex: true}}, rows, maxRows)
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
	if len(names) == 0 {
		return
	}
	shown := strings.Join(names[:min(len(names), maxNames)], ", ")
	if n := len(names) - maxNames; n > 0 {
		shown += fmt.Sprintf(" and %d more", n)
	}
	p.section(heading, shown)
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
	p.section("Not covered by this verdict", "")
	p.bullets(d.Limits, limit)
}

func (p *page) records(d *Document) {
	if d.Records == "" {
		return
	}
	where := printable(d.Records)
	if len(d.Workspaces) > 0 {
		where += " (workspace: " + printable(strings.Join(d.Workspaces, ", ")) + ")"
	}
	p.section("Records:", where)
}
