package inspect

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

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
	b.WriteByte('\n')
	d.groups().write(b)
	b.WriteByte('\n')
	d.values(o).write(b)
	if n := d.more + max(0, len(d.Values)-o.Values); o.Values > 0 && n > 0 {
		fmt.Fprintf(b, "... and %d more\n", n)
	}
	return b.Flush()
}

func (d *Document) groups() *table {
	t := &table{heading: row{"COMPONENT", "VALUES", "TENSORS", "BYTES"}, right: []int{1, 2, 3}}
	t.rows = func(yield func(row) bool) {
		for _, g := range d.Groups {
			size := ""
			if g.Tensors > 0 {
				size = Size(g.Bytes)
			}
			if !yield(row{g.Component.String(), strconv.Itoa(g.Values), strconv.Itoa(g.Tensors), size}) {
				return
			}
		}
	}
	return t
}

func (d *Document) values(o TextOptions) *table {
	t := &table{heading: row{"NAME", "TYPE", "SHAPE OR VALUE", "BYTES", "COMPONENT"}, right: []int{3}}
	t.rows = func(yield func(row) bool) {
		for i, v := range d.Values {
			if o.Values > 0 && i == o.Values {
				return
			}
			what, size := v.Text, ""
			if v.Kind == checkpoint.KindTensor.String() {
				what, size = checkpoint.ShapeText(v.Shape), Size(v.Bytes)
			}
			if !yield(row{checkpoint.Display(v.Name, 200), checkpoint.Display(v.Type, 40), checkpoint.Display(what, 60), size, v.Component.String()}) {
				return
			}
		}
	}
	if o.Width > 0 {
		t.fit(o.Width)
	}
	return t
}
