package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/reprocheck/reprocheck/report/terminal"
)

// TextOptions says what the text is written for.
type TextOptions struct {
	// Color allows terminal colours.
	Color bool
	// Width is the number of columns to fill; 0 is 80.
	Width int
}

const (
	defaultWidth = 80
	minWidth     = 40
	// proseWidth is the longest line that is still read with ease, however wide the terminal.
	proseWidth = 100
)

// page collects a text report line by line.
type page struct {
	b     strings.Builder
	width int
	paint palette
	// noted says that the last thing written was a note.
	noted bool
}

type palette struct{ bold, faint, good, bad, unsure *color.Color }

func newPage(o TextOptions) *page {
	p := &page{width: o.Width, paint: palette{
		bold:   color.New(color.Bold),
		faint:  color.New(color.Faint),
		good:   color.New(color.FgGreen, color.Bold),
		bad:    color.New(color.FgRed, color.Bold),
		unsure: color.New(color.FgYellow, color.Bold),
	}}
	if p.width == 0 {
		p.width = defaultWidth
	}
	p.width = max(p.width, minWidth)
	for _, c := range []*color.Color{p.paint.bold, p.paint.faint, p.paint.good, p.paint.bad, p.paint.unsure} {
		if o.Color { // colour is decided per page; the package color would ask the process's own terminal
			c.EnableColor()
		} else {
			c.DisableColor()
		}
	}
	return p
}

// flush writes the page without trailing spaces.
func (p *page) flush(w io.Writer) error {
	lines := strings.Split(strings.TrimRight(p.b.String(), "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

func (p *page) line(s string) { p.b.WriteString(s + "\n") }

// section starts a part of the report: its heading, and what follows the heading on its line.
func (p *page) section(heading, rest string) {
	p.line("")
	p.noted = false
	p.hang("", p.paint.bold, heading, rest, "  ")
}

// note writes a part that is one paragraph; notes in a row stand together.
func (p *page) note(heading, rest string) {
	if !p.noted {
		p.line("")
	}
	p.noted = true
	p.hang("", p.paint.bold, heading, rest, "  ")
}

// oneLine shows the line breaks in names of files, which a text may cite, as what they are.
func oneLine(s string) string { return strings.ReplaceAll(s, "\n", `\n`) }

// hang writes a painted lead with text after it. The text is wrapped, and its further lines start with indent.
func (p *page) hang(before string, paint *color.Color, lead, rest, indent string) {
	width := min(p.width, proseWidth)
	start, further := before, width-terminal.Cells(indent)
	if lead != "" {
		lines := terminal.Wrap(lead, width-terminal.Cells(before), further)
		if terminal.Cells(before)+terminal.Cells(lead) <= width {
			lines = []string{lead} // with the spaces in it
		}
		for _, l := range lines[:len(lines)-1] {
			p.line(start + paint.Sprint(l))
			before, start = indent, indent
		}
		lead = lines[len(lines)-1]
		start += paint.Sprint(lead) + " "
	}
	text, room := prose(rest), width-terminal.Cells(before)-terminal.Cells(lead)-1
	if word, _, _ := strings.Cut(strings.ReplaceAll(text, "\n", " "), " "); lead != "" && word != "" && room < terminal.Cells(word) && terminal.Cells(word) <= further {
		p.line(start)
		start, room = indent, further
	}
	for i, l := range terminal.Wrap(text, room, further) {
		if i == 0 {
			p.line(start + l)
		} else {
			p.line(indent + l)
		}
	}
}

// quote writes a line of someone else's behind a mark, whole: broken between words where it is longer than the page, with what
// follows further in than its own indentation.
func (p *page) quote(mark, line string) {
	body := strings.TrimLeft(line, " ")
	lead := mark + line[:len(line)-len(body)]
	room := p.width - terminal.Cells(lead)
	if terminal.Cells(body) <= room {
		p.line(lead + body)
		return
	}
	for _, part := range terminal.Wrap(body, room, room-2) {
		p.line(lead + part)
		lead = mark + line[:len(line)-len(body)] + "  "
	}
}

// bullets writes one paragraph for each of items, the first limit of them.
func (p *page) bullets(items []string, limit int) {
	for _, item := range items[:min(limit, len(items))] {
		p.hang("  ", p.paint.faint, "-", oneLine(item), "    ")
	}
	p.more(len(items) - limit)
}

// more says how many entries of a list were left out.
func (p *page) more(n int) {
	if n > 0 {
		p.hang("  ", p.paint.faint, fmt.Sprintf("and %d more; `reprocheck report --format json` has all of them", n), "", "    ")
	}
}

// column is one column of a table.
type column struct {
	head  string
	right bool
	// shrink makes a cell fit a width; the column that has it takes the room that the others leave.
	shrink func(cell string, width int) string
}

func wrapped(cell string, width int) string {
	return strings.Join(terminal.Wrap(cell, width, width), "\n")
}

// table writes rows under their headings, at most limit of them.
func (p *page) table(columns []column, rows [][]string, limit int) {
	const gap, indent, narrowest = 2, 2, 12
	t := table.NewWriter()
	t.SetStyle(table.Style{
		Box:     table.BoxStyle{PaddingRight: strings.Repeat(" ", gap)},
		Options: table.OptionsNoBordersAndSeparators,
	})
	t.SuppressTrailingSpaces()
	shown := rows[:min(limit, len(rows))]

	head, room, least := table.Row{}, p.width-indent, 0
	for i, c := range columns {
		head = append(head, p.paint.faint.Sprint(c.head))
		widest := terminal.Cells(c.head)
		for _, row := range shown {
			widest = max(widest, terminal.Cells(row[i]))
		}
		if c.shrink != nil {
			least = min(widest, narrowest)
			continue
		}
		room -= widest + gap
	}
	if room < least {
		p.stack(columns, shown)
		p.more(len(rows) - limit)
		return
	}
	t.AppendHeader(head)
	var configs []table.ColumnConfig
	for i, c := range columns {
		config := table.ColumnConfig{Number: i + 1, Align: text.AlignLeft, AlignHeader: text.AlignLeft}
		if c.right {
			config.Align, config.AlignHeader = text.AlignRight, text.AlignRight
		}
		if c.shrink != nil {
			config.WidthMax, config.WidthMaxEnforcer = max(room, narrowest), c.shrink
		}
		configs = append(configs, config)
	}
	t.SetColumnConfigs(configs)
	for _, row := range shown {
		cells := table.Row{}
		for _, cell := range row {
			cells = append(cells, cell)
		}
		t.AppendRow(cells)
	}
	for l := range strings.SplitSeq(t.Render(), "\n") {
		p.line("  " + l)
	}
	p.more(len(rows) - limit)
}

// stack writes the rows of a table that is wider than the page one under the other.
func (p *page) stack(columns []column, rows [][]string) {
	for _, row := range rows {
		var cells []string
		for i, cell := range row[1:] {
			if cell != "" {
				cells = append(cells, columns[i+1].head+" "+cell)
			}
		}
		p.hang("  ", p.paint.bold, row[0]+":", strings.Join(cells, ", "), "    ")
	}
}
