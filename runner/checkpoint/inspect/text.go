package inspect

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// TextOptions fit the text form to where it is read.
type TextOptions struct {
	Width  int // columns that tables may take; 0 as many as they need
	Values int // how many values are listed; 0 all
}

// WriteText writes a document for people.
func (d *Document) WriteText(w io.Writer, o TextOptions) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s: %s, %s, layout %s\n", checkpoint.Display(d.Path, 500), d.Format, Size(d.Bytes), d.Layout)
	for _, f := range d.Facts {
		if !strings.HasPrefix(f.Key, "class ") {
			fmt.Fprintf(b, "  %s: %s\n", checkpoint.Display(f.Key, 100), checkpoint.Display(f.Value, 200))
		}
	}
	if len(d.Devices) > 0 {
		fmt.Fprintf(b, "  devices: %s\n", checkpoint.Display(strings.Join(d.Devices, ", "), 200))
	}
	for _, f := range d.Findings {
		fmt.Fprintf(b, "\n%s: %s\n", f.ID, checkpoint.Display(f.Text, 500))
	}
	fmt.Fprintf(b, "\n%s\n\n%s\n", d.groups(), d.values(o))
	if n := d.more + max(0, len(d.Values)-o.Values); o.Values > 0 && n > 0 {
		fmt.Fprintf(b, "... and %d more\n", n)
	}
	return b.Flush()
}

func (d *Document) groups() string {
	rows := [][]string{{"COMPONENT", "VALUES", "TENSORS", "BYTES"}}
	for _, g := range d.Groups {
		size := ""
		if g.Tensors > 0 {
			size = Size(g.Bytes)
		}
		rows = append(rows, []string{string(g.Component), strconv.Itoa(g.Values), strconv.Itoa(g.Tensors), size})
	}
	return render(rows, 1, 2, 3)
}

func (d *Document) values(o TextOptions) string {
	rows := [][]string{{"NAME", "TYPE", "SHAPE OR VALUE", "BYTES", "COMPONENT"}}
	for i, v := range d.Values {
		if o.Values > 0 && i == o.Values {
			break
		}
		what, size := v.Text, ""
		if v.Kind == checkpoint.KindTensor.String() {
			what, size = checkpoint.ShapeText(v.Shape), Size(v.Bytes)
		}
		rows = append(rows, []string{checkpoint.Display(v.Name, 200), checkpoint.Display(v.Type, 40), checkpoint.Display(what, 60), size, string(v.Component)})
	}
	if o.Width > 0 {
		fit(rows, o.Width)
	}
	return render(rows, 3)
}

const gap = 2

// fit shortens values to a third of the width, and names, whose ends tell more than their beginnings, to what is left.
func fit(rows [][]string, width int) {
	others := 0
	for column := 1; column < len(rows[0]); column++ {
		widest := 0
		for _, row := range rows {
			if column == 2 {
				row[column] = text.Snip(row[column], max(width/3, 14), "...")
			}
			widest = max(widest, text.StringWidth(row[column]))
		}
		others += widest + gap
	}
	for _, row := range rows {
		row[0] = tail(row[0], max(width-others, 8))
	}
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

// render aligns rows, the first of which is the heading; the columns named by index to the right.
func render(rows [][]string, right ...int) string {
	t := table.NewWriter()
	t.SetStyle(table.Style{Box: table.BoxStyle{PaddingRight: strings.Repeat(" ", gap)}, Options: table.OptionsNoBordersAndSeparators})
	t.SuppressTrailingSpaces()
	var configs []table.ColumnConfig
	for _, i := range right {
		configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
	for _, row := range rows {
		cells := make(table.Row, len(row))
		for i, cell := range row {
			cells[i] = cell
		}
		t.AppendRow(cells)
	}
	return t.Render()
}
