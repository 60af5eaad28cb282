package inspect

import (
	"bufio"
	"iter"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// row has a cell for each column, up to five.
type row [5]string

// table is a table with a heading whose rows, of which there may be a hundred thousand, are made anew whenever they are
// looked at.
type table struct {
	heading row
	rows    iter.Seq[row]
	right   []int // columns that are aligned to the right
	// name and value are the columns that the first and the third cell may take, 0 as many as they need.
	name, value int
}

// all begins with the heading.
func (t *table) all(yield func(row) bool) {
	cut := func(r row) bool {
		if t.value > 0 {
			r[2] = text.Snip(r[2], t.value, "...")
		}
		if t.name > 0 {
			r[0] = tail(r[0], t.name)
		}
		return yield(r)
	}
	if cut(t.heading) {
		t.rows(cut)
	}
}

const gap = 2

func (t *table) widths() (widest [len(row{})]int) {
	for r := range t.all {
		for column, cell := range r {
			widest[column] = max(widest[column], text.StringWidth(cell))
		}
	}
	return widest
}

// fit shortens values to a third of the width, and names, whose ends tell more than their beginnings, to what is left.
func (t *table) fit(width int) {
	t.value = max(width/3, 14)
	for column, w := range t.widths() {
		if column > 0 {
			width -= w + gap
		}
	}
	t.name = max(width, 8)
}

// tail keeps the end of s.
func tail(s string, width int) string {
	if text.StringWidth(s) <= width {
		return s
	}
	runes := []rune(s)
	for text.StringWidth(string(runes)) > width-len("...") {
		runes = runes[1:]
	}
	return "..." + string(runes)
}

// write writes the aligned rows.
func (t *table) write(b *bufio.Writer) {
	widths := t.widths()
	for r := range t.all {
		line := ""
		for column, cell := range r {
			pad := strings.Repeat(" ", widths[column]-text.StringWidth(cell))
			if slices.Contains(t.right, column) {
				line += pad + cell
			} else {
				line += cell + pad
			}
			line += strings.Repeat(" ", gap)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
