package metrics

import "bytes"

// grid reads rows that have a cell for each name of a heading: with words in some columns, or nothing, numbers alone do not say which
// column each is of.
type grid struct {
	comma byte
	names []cell
	roles []role
	// numbers says of a column that a row had a number there: words in it are of no row, as in "accuracy, 0.9" below "epoch, time".
	numbers []bool
	cells   []cell
	fields  []field
}

// head takes a heading, which the grid keeps.
func (g *grid) head(heading []byte) {
	g.names, g.roles, g.numbers = g.names[:0], g.roles[:0], g.numbers[:0]
	i := bytes.IndexAny(heading, "\t,;")
	if i < 0 {
		return
	}
	g.comma = heading[i]
	g.names = splitCells(g.names, heading, g.comma)
	for _, name := range g.names {
		g.roles = append(g.roles, stepRole(name.text))
		g.numbers = append(g.numbers, false)
	}
}

// row returns the numbers of a line that is one of the grid's, by their columns. Of what is found is kept what stands in quotes, or is
// volatile by its own shape; any other number within words shows that the line is no row.
func (g *grid) row(line []byte, found []field) ([]field, bool) {
	if len(g.names) < 2 {
		return nil, false
	}
	g.cells = splitCells(g.cells[:0], line, g.comma)
	if len(g.cells) != len(g.names) {
		return nil, false
	}
	g.fields = g.fields[:0]
	any := false
	for i, c := range g.cells {
		for len(found) > 0 && found[0].start < c.start {
			found = found[1:]
		}
		if c.isNumber() {
			if f, ok := c.number(g.names[i].text, g.roles[i]); ok {
				g.fields = append(g.fields, f)
				any = true
			}
			g.numbers[i] = true
			continue
		}
		if g.numbers[i] && len(c.text) > 0 {
			return nil, false
		}
		for ; len(found) > 0 && found[0].start < c.start+len(c.text); found = found[1:] {
			if !c.quoted && found[0].why == "" {
				return nil, false
			}
			g.fields = append(g.fields, found[0])
		}
	}
	return g.fields, any
}
