package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
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
	// maxQuoted is how much of a line of the command's output is quoted, in terminal cells.
	maxQuoted = 2000
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
	word, paint := terminal.Printable(string(d.Verdict)), p.paint.unsure
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
			p.quote("  | ", terminal.Fit(terminal.Printable(l), maxQuoted))
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

func (p *page) warnings(list []Warning) {
	if len(list) == 0 {
		return
	}
	p.section("Warnings", "")
	var items []string
	for _, w := range list {
		items = append(items, warning(w))
	}
	p.bullets(items, maxItems)
}

// warning is its text and id, behind its place where the text does not say that itself.
func warning(w Warning) string {
	text := w.Text
	if at := place(w.File, w.Line); w.File != "" && !strings.Contains(text, at) {
		text = at + ": " + text
	}
	return fmt.Sprintf("%s [%s]", text, w.ID)
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
