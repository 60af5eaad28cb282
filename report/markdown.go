package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/report/terminal"
)

const (
	// maxMarkdown is below the 1 MiB beyond which GitHub refuses a step's summary altogether.
	maxMarkdown = 1_000_000
	// maxPassage bounds one text from the record, in cells.
	maxPassage = 2000
)

// Markdown writes the report for the summary of a CI job (GitHub-flavoured Markdown). Sections that would make it
// longer than such a summary may be are left out, the last first, and counted.
func Markdown(w io.Writer, d *Document) error {
	var b strings.Builder
	left := 0
	for _, section := range markdownSections(d) {
		if section == "" {
			continue
		}
		if left > 0 || b.Len()+len(section) > maxMarkdown {
			left++
			continue
		}
		b.WriteString(section + "\n")
	}
	if left > 0 {
		fmt.Fprintf(&b, "%d more sections are too long for this summary; `reprocheck report` shows them.\n", left)
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

func markdownSections(d *Document) []string {
	word := string(d.Verdict)
	if d.Failed != nil {
		word = "failed"
	}
	sections := []string{"## reprocheck: " + markdownText(word) + "\n\n" + markdownText(d.Reason) + "\n\n" + markdownCode(shellWords(d.Command)) + "\n"}
	if f := d.Failed; f != nil && len(f.Stderr) > 0 {
		sections = append(sections, "Standard error of run "+markdownCode(f.Run)+" ends:\n\n"+markdownBlock("", f.Stderr))
	}
	for i, c := range d.Causes[:min(len(d.Causes), maxCauses)] {
		sections = append(sections, markdownCause(c, i+1, len(d.Causes)))
	}
	if n := len(d.Causes) - maxCauses; n > 0 {
		sections = append(sections, markdownMore(n))
	}
	if f := d.FirstDivergence; f != nil {
		at := markdownText(occurrence(f))
		if f.File != "" {
			at += ", " + markdownCode(place(f.File, f.Line))
		}
		sections = append(sections, "**First divergence:** "+at+": "+markdownText(f.Detail)+"\n")
	}
	sections = append(sections, markdownMetrics(d), markdownExperiments(d))
	if d.Bound != nil {
		sections = append(sections, "**What the runs justify:** "+markdownText(d.Bound.Text)+"\n")
	}
	var varied, warnings []string
	for _, s := range d.Sensitivities {
		effect := "no change"
		if s.Changed {
			effect = "results change"
		}
		varied = append(varied, fmt.Sprintf("%s: %s (%s)", s.Source, effect, strings.Join(s.Values, "; ")))
	}
	for _, w := range d.Warnings {
		warnings = append(warnings, warning(w))
	}
	return append(sections, markdownList("Varied on purpose, as another machine would", varied), markdownList("Warnings", warnings),
		markdownList("Masked, not compared", d.Masked), markdownList("Not covered by this verdict", d.Limits))
}

func markdownCause(c Cause, number, of int) string {
	var b strings.Builder
	heading := "Cause"
	if of > 1 {
		heading = fmt.Sprintf("Cause %d of %d", number, of)
	}
	fmt.Fprintf(&b, "### %s: %s (%s)\n\n", heading, markdownText(c.Source+", "+c.Title), certainty(c.Proof))
	if c.File != "" {
		fmt.Fprintf(&b, "**%s**, %s\n\n", markdownCode(place(c.File, c.Line)), markdownText(moment(c.Step, c.Process)))
	}
	var code []string
	for _, l := range c.Excerpt[:min(len(c.Excerpt), maxExcerpt)] {
		mark := " "
		if l.Here {
			mark = ">"
		}
		code = append(code, fmt.Sprintf("%s %4d | %s", mark, l.Number, strings.ReplaceAll(l.Text, "\t", "    ")))
	}
	b.WriteString(markdownBlock("python", code))
	b.WriteString(markdownText(c.Story) + "\n\n")
	for _, e := range c.Evidence[:min(len(c.Evidence), maxEvidence)] {
		b.WriteString("- " + markdownText(e) + "\n")
	}
	if n := len(c.Evidence) - maxEvidence; n > 0 {
		b.WriteString(markdownMore(n))
	}
	fmt.Fprintf(&b, "\n**Fix:** %s\n", markdownText(c.Fix))
	return b.String()
}

func markdownMetrics(d *Document) string {
	var rows [][]string
	for _, m := range d.Metrics {
		if m.Equal || m.Class == "volatile" {
			continue
		}
		rows = append(rows, []string{markdownCode(metricName(m)), figure(m.Mean, 4), figure(m.StdDev, 3), figure(m.Spread, 3),
			figure(m.MaxAbs, 3), figure(m.MaxRel, 3), firstStep(m), markdownText(m.Class)})
	}
	return markdownTable("Metrics that differ", []string{"metric", "mean", "std dev", "spread", "max abs", "max rel", "first step", "class"}, rows)
}

func markdownExperiments(d *Document) string {
	if len(d.Experiments) < 2 {
		return ""
	}
	var rows [][]string
	for _, e := range d.Experiments {
		rows = append(rows, []string{markdownCode(e.Name), strconv.Itoa(len(e.Runs)), markdownText(string(e.Verdict)), markdownText(e.Says)})
	}
	return markdownTable("Experiments", []string{"name", "runs", "verdict", "says"}, rows)
}

func markdownTable(title string, head []string, rows [][]string) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n| %s |\n|%s\n", title, strings.Join(head, " | "), strings.Repeat(" --- |", len(head)))
	for _, row := range rows[:min(len(rows), maxRows)] {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	if n := len(rows) - maxRows; n > 0 {
		b.WriteString("\n" + markdownMore(n))
	}
	return b.String()
}

func markdownList(title string, items []string) string {
	if len(items) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n", title)
	for _, item := range items[:min(len(items), maxItems)] {
		b.WriteString("- " + markdownText(item) + "\n")
	}
	if n := len(items) - maxItems; n > 0 {
		b.WriteString(markdownMore(n))
	}
	return b.String()
}

func markdownMore(n int) string {
	return fmt.Sprintf("\nand %d more; `reprocheck report --format json` has all of them\n", n)
}

// passage makes one text from the record printable, and short. It is cut twice: escaping a text of any length only to
// drop most of it would take long.
func passage(s string) string {
	if len(s) > maxPassage*utf8.UTFMax {
		s = strings.ToValidUTF8(s[:maxPassage*utf8.UTFMax], "") + "..."
	}
	return terminal.Fit(terminal.Printable(s), maxPassage)
}

// markdownText escapes what Markdown and HTML would take for markup.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range passage(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_{}[]>#|~!@", r):
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// markdownCode makes a code span, whose fence is longer than any run of backticks within. A bar is escaped even there,
// as tables want it.
func markdownCode(s string) string {
	s = passage(s)
	if s == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + strings.ReplaceAll(s, "|", "\\|") + fence
}

func markdownBlock(language string, lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	var shown []string
	fence := 3
	for _, l := range lines {
		l = passage(l)
		shown, fence = append(shown, l), max(fence, longestRun(l, '`')+1)
	}
	ticks := strings.Repeat("`", fence)
	return ticks + language + "\n" + strings.Join(shown, "\n") + "\n" + ticks + "\n\n"
}

func longestRun(s string, of rune) int {
	longest, run := 0, 0
	for _, r := range s {
		if r != of {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
