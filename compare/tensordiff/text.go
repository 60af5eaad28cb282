package tensordiff

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// maxLines bounds each list of the text form; the JSON form has everything.
const maxLines = 40

// WriteText writes a result for people, the first value that differs first.
func (r *Result) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "a: %s\nb: %s\n\n", r.A.text(), r.B.text())
	switch r.Verdict {
	case SameContent:
		fmt.Fprintf(b, "same content: %s, %d of them tensors, equal to the last bit\n", count(r.Equal, "value"), r.EqualTensors)
	case WithinTolerance:
		fmt.Fprintf(b, "within tolerance: %s changed, by no more than was allowed; %d equal to the last bit\n", count(len(r.Changed), "value"), r.Equal)
	case Different:
		fmt.Fprintf(b, "different: %d changed, %d missing, %d unexpected, %d renamed; %d equal to the last bit\n",
			len(r.Changed), len(r.Missing), len(r.Unexpected), len(r.Renamed), r.Equal)
	}
	r.writeChanges(b)
	r.writeAbsences(b)
	writeList(b, "Same values under other names", r.renames())
	writeList(b, "Structure", r.Structure)
	title := "The files also differ in what is no content"
	if r.Verdict == SameContent {
		title = "Where the files' bytes differ, it is for these reasons"
	}
	writeList(b, title, r.Container)
	return b.Flush()
}

func (s Side) text() string {
	return fmt.Sprintf("%s (%s, %s, %d of them tensors)", checkpoint.Display(s.Path, 500), s.Format, count(s.Values, "value"), s.Tensors)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func (r *Result) writeChanges(b *bufio.Writer) {
	if len(r.Changed) == 0 {
		return
	}
	b.WriteString("\nChanged, in the order of a:\n")
	width := 0
	for _, c := range r.Changed[:min(len(r.Changed), maxLines)] {
		width = max(width, utf8.RuneCountInString(display(c.Name)))
	}
	for i, c := range r.Changed {
		if i == maxLines {
			fmt.Fprintf(b, "  ... and %d more\n", len(r.Changed)-i)
			break
		}
		fmt.Fprintf(b, "  %-*s  %s\n", min(width, 60), display(c.Name), c.text())
	}
}

func (c *Change) text() string {
	if c.Stats == nil {
		return fmt.Sprintf("%s: %s -> %s", c.Class, checkpoint.Display(c.A, 100), checkpoint.Display(c.B, 100))
	}
	s := c.Stats
	parts := []string{
		c.A,
		fmt.Sprintf("%d of %d differ (%s)", s.Different, s.Elements, percent(s.Different, s.Elements)),
		"first at " + checkpoint.ShapeText(s.First),
	}
	if c.Class == "values" {
		parts = append(parts, fmt.Sprintf("max abs %.3g", float64(s.MaxAbs)), fmt.Sprintf("max rel %.3g", float64(s.MaxRel)))
		if s.MaxULP > 0 {
			parts = append(parts, fmt.Sprintf("max %d ulp", s.MaxULP))
		}
	}
	for _, class := range []struct {
		n    int64
		text string
	}{
		{s.NaNOnlyA, "NaN only in a"}, {s.NaNOnlyB, "NaN only in b"}, {s.NaNPayload, "NaN of other bits"}, {s.SignedZero, "0 against -0"},
	} {
		if class.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", class.n, class.text))
		}
	}
	if c.Within {
		parts = append(parts, "within tolerance")
	}
	return strings.Join(parts, ", ")
}

// percent never rounds what is there to nothing, nor what is not all to all.
func percent(n, of int64) string {
	p := 100 * float64(n) / float64(of)
	switch text := strconv.FormatFloat(p, 'f', 1, 64) + "%"; {
	case text == "0.0%":
		return "under 0.1%"
	case text == "100.0%" && n < of:
		return "over 99.9%"
	default:
		return text
	}
}

func (r *Result) writeAbsences(b *bufio.Writer) {
	for _, list := range []struct {
		title string
		items []Absence
	}{{"Missing: in a, not in b", r.Missing}, {"Unexpected: in b, not in a", r.Unexpected}} {
		lines := make([]string, len(list.items))
		for i, x := range list.items {
			lines[i] = fmt.Sprintf("%s  %s: %s", display(x.Name), checkpoint.Display(x.Value, 100), x.Why)
		}
		writeList(b, list.title, lines)
	}
}

// renames lists the names that changed below the reason that they have in common.
func (r *Result) renames() []string {
	var lines []string
	for i, x := range r.Renamed {
		if i == 0 || x.Why != r.Renamed[i-1].Why {
			lines = append(lines, x.Why+":")
		}
		lines = append(lines, fmt.Sprintf("  %s -> %s", display(x.A), display(x.B)))
	}
	return lines
}

func writeList(b *bufio.Writer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for i, line := range lines {
		if i == maxLines {
			fmt.Fprintf(b, "  ... and %d more\n", len(lines)-i)
			break
		}
		fmt.Fprintf(b, "  %s\n", checkpoint.Display(line, 500))
	}
}
