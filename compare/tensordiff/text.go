package tensordiff

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// maxLines bounds each list of the text form; the JSON form has everything.
const maxLines = 40

// maxMisfits bounds the tensors of other shapes that are shown beyond that.
const maxMisfits = 10

// WriteText writes a result for people, the first value that differs first.
func (r *Result) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "a: %s\nb: %s\n\n", r.A.text(), r.B.text())
	switch r.Verdict {
	case SameContent:
		fmt.Fprintf(b, "same content: %s, of which %s, equal to the last bit\n", count(r.Equal, "value"), count(r.EqualTensors, "tensor"))
	case WithinTolerance:
		fmt.Fprintf(b, "within tolerance: %s changed, by no more than was allowed; %d equal to the last bit\n", count(r.Changed.Count, "value"), r.Equal)
	case Different:
		fmt.Fprintf(b, "different: %d changed, %d missing, %d unexpected, %d renamed; %d equal to the last bit\n",
			r.Changed.Count, r.Missing.Count, r.Unexpected.Count, r.Renamed.Count, r.Equal)
	}
	r.writeChanges(b)
	r.writeAbsences(b)
	writeList(b, "Compared under other names", r.Renamed.lines(func(x Rename) (text, why string) {
		return display(x.A) + " -> " + display(x.B), x.Why
	}))
	var states []string
	for _, g := range r.Generators {
		states = append(states, fmt.Sprintf("%s (%s): %s", display(g.Name), g.Kind, g.Text))
	}
	writeList(b, "Random number generators that changed", states)
	writeList(b, "Structure", r.Structure)
	title := "The files also differ in what is no content"
	if r.Verdict == SameContent {
		title = "Where the files' bytes differ, it is for these reasons"
	}
	writeList(b, title, r.Container)
	return b.Flush()
}

func (s Side) text() string {
	return fmt.Sprintf("%s (%s, %s, of which %s)", checkpoint.Display(s.Path, 500), s.Format, count(s.Values, "value"), count(s.Tensors, "tensor"))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func (r *Result) writeChanges(b *bufio.Writer) {
	if r.Changed.Count == 0 {
		return
	}
	b.WriteString("\nChanged, the model first, in the order of its layers:\n")
	stateDict := !foreign[r.A.Format]
	writeTable(b, r.Changed.First, stateDict)
	switch more := r.Changed.Count - len(r.Changed.First); {
	case r.Changed.Shapes > 0:
		fmt.Fprintf(b, "  ... and %d more, of which %s another shape:\n", more, have(r.Changed.Shapes))
		writeTable(b, r.Changed.Misfits, stateDict)
		if more := r.Changed.Shapes - len(r.Changed.Misfits); more > 0 {
			fmt.Fprintf(b, "  ... and %d more\n", more)
		}
	case more > 0:
		fmt.Fprintf(b, "  ... and %d more\n", more)
	}
}

func have(n int) string {
	if n == 1 {
		return "1 has"
	}
	return fmt.Sprintf("%d have", n)
}

func writeTable(b *bufio.Writer, changes []Change, stateDict bool) {
	width := 0
	for _, c := range changes {
		width = max(width, utf8.RuneCountInString(display(c.Name)))
	}
	for _, c := range changes {
		fmt.Fprintf(b, "  %-*s  %s\n", min(width, 60), display(c.Name), c.text(stateDict))
	}
}

// text describes a change; stateDict tells that load_state_dict reads such files.
func (c *Change) text(stateDict bool) string {
	if c.Stats == nil {
		text := fmt.Sprintf("%s: %s -> %s", c.Class, checkpoint.Display(c.A, 100), checkpoint.Display(c.B, 100))
		if c.Class == "shape" && c.Part == component.Model && stateDict {
			text += ", which load_state_dict refuses, with strict=False too"
		}
		if c.FirstByte != nil {
			text += fmt.Sprintf(", first at byte %d", *c.FirstByte)
		}
		if c.Precision != "" {
			text += ", " + c.Precision
		}
		if c.Within {
			text += ", within tolerance"
		}
		return text
	}
	s := c.Stats
	parts := []string{c.A}
	if c.ValueA != "" && c.ValueB != "" {
		parts[0] += " " + c.ValueA + " -> " + c.ValueB
	} else {
		parts = append(parts, fmt.Sprintf("%d of %d differ (%s)", s.Different, s.Elements, percent(s.Different, s.Elements)),
			"first at "+checkpoint.ShapeText(s.First))
	}
	if c.Class == "values" {
		parts = append(parts, fmt.Sprintf("max abs %.3g", float64(s.MaxAbs)))
		if s.MaxRel > 0 { // else a is 0 or infinite wherever they differ
			parts = append(parts, fmt.Sprintf("max rel %.3g", float64(s.MaxRel)))
		}
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
			parts = append(parts, fmt.Sprintf("%s: %d", class.text, class.n))
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
		*Listing[Absence]
	}{{"Missing: in a, not in b", r.Missing}, {"Unexpected: in b, not in a", r.Unexpected}} {
		writeList(b, list.title, list.lines(func(x Absence) (text, why string) {
			return display(x.Name) + "  " + checkpoint.Display(x.Value, 100), x.Why
		}))
	}
}

// lines lists what the text form shows, below the reasons that it has in common.
func (l *Listing[T]) lines(describe func(T) (text, why string)) []string {
	var lines []string
	for _, r := range l.reasons {
		lines = append(lines, r.why+":")
		for _, x := range l.First {
			if text, why := describe(x); why == r.why {
				lines = append(lines, "  "+text)
			}
		}
		if more := r.count - r.shown; more > 0 {
			lines = append(lines, fmt.Sprintf("  ... and %d more", more))
		}
	}
	if l.others > 0 {
		lines = append(lines, fmt.Sprintf("... and %d more", l.others))
	}
	return lines
}

func writeList(b *bufio.Writer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	const most = 3 * maxLines // the first of each reason, the reason, and how many more there are
	fmt.Fprintf(b, "\n%s:\n", title)
	for i, line := range lines {
		if i == most {
			fmt.Fprintf(b, "  ... and %d more\n", len(lines)-i)
			break
		}
		fmt.Fprintf(b, "  %s\n", checkpoint.Display(line, 500))
	}
}
