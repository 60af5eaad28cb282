package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fatih/color"

	"github.com/reprocheck/reprocheck/report/terminal"
)

// ChecklistText writes every source with whether it was used and controlled, where, and why: what needs attention
// first, what was not used last.
func ChecklistText(w io.Writer, d *Document, o TextOptions) error {
	p := newPage(o)
	order := []string{Uncontrolled, Unknown, Controlled, Unused}
	count := map[string]int{}
	for _, item := range d.Checklist {
		count[item.Status]++
	}
	var parts []string
	for _, status := range order {
		parts = append(parts, fmt.Sprintf("%d %s", count[status], status))
	}
	p.hang("", p.paint.bold, fmt.Sprintf("%d sources of nondeterminism:", len(d.Checklist)), strings.Join(parts, ", "), "  ")
	p.line("  $ " + shellWords(d.Command))
	marks := map[string]struct {
		box   string
		paint *color.Color
	}{
		Uncontrolled: {"[!]", p.paint.bad},
		Unknown:      {"[?]", p.paint.unsure},
		Controlled:   {"[x]", p.paint.good},
		Unused:       {"[ ]", p.paint.faint},
	}
	for _, status := range order {
		if count[status] == 0 {
			continue
		}
		p.section(strings.ToUpper(status[:1])+status[1:], "")
		for _, item := range d.Checklist {
			if item.Status != status {
				continue
			}
			where := ""
			if item.File != "" {
				where = " " + place(item.File, item.Line)
			}
			p.hang("  "+marks[status].box+" ", marks[status].paint, terminal.Printable(item.Source)+where+":", item.Why, "      ")
			if status == Uncontrolled && item.Expects != "" {
				p.hang("      ", p.paint.faint, "expected:", item.Expects, "        ")
			}
		}
	}
	var known []string
	for _, item := range d.Checklist {
		if !slices.Contains(order, item.Status) {
			known = append(known, item.Source)
		}
	}
	p.names("Of a status that this version does not know:", known)
	return p.flush(w)
}
