package metrics

import "bytes"

// columns names the numbers of printed tables: rows of bare numbers below a line of words, as skorch, scikit-learn, pandas and
// loops that print CSV make them. Without it a column of times would have no name to know it by.
type columns struct {
	heading []byte // the last line without a number
	names   [][]byte
	split   bool // names have been taken from heading
	grid    grid
}

const maxHeading = 1 << 10

// words takes a line without a number, which may be a heading; rules such as "-----" are not, and leave the heading in place.
func (c *columns) words(line []byte) {
	if len(bytes.Trim(line, " \t-=+|:")) == 0 {
		return
	}
	c.heading, c.names, c.split = c.heading[:0], c.names[:0], false
	if len(line) <= maxHeading {
		c.heading = append(c.heading, line...)
	}
}

// label names the fields of a row.
func (c *columns) label(line []byte, fields []field) []field {
	if len(c.heading) == 0 {
		return fields
	}
	if !c.split {
		c.split = true
		c.names = splitHeading(c.names, c.heading)
		c.grid.head(c.heading)
	}
	if row, ok := c.grid.row(line, fields); ok {
		return row
	}
	c.count(fields)
	return fields
}

// count names the fields of a row that are as many as the names. A row may have one number more than the heading has names: its index, in front.
func (c *columns) count(fields []field) {
	for i := range fields {
		if fields[i].label != nil || fields[i].role != measured {
			c.heading, c.names = c.heading[:0], c.names[:0]
			return
		}
	}
	index := len(fields) - len(c.names)
	if len(c.names) < 2 || index != 0 && (index != 1 || !isInteger(&fields[0])) {
		return
	}
	for i := range c.names {
		f := &fields[i+index]
		f.label, f.index = c.names[i], 0
		if r := stepRole(f.label); r != measured && f.why == "" && isInteger(f) {
			f.role = r
		}
	}
}

// splitHeading cuts a heading at tabs, bars and commas, or at two blanks and more; where there are none of these, at blanks.
func splitHeading(names [][]byte, heading []byte) [][]byte {
	for _, separators := range [...]string{"\t|,", "  ", " "} {
		names = names[:0]
		rest := heading
		for len(rest) > 0 {
			end := len(rest)
			if separators == "  " {
				if i := bytes.Index(rest, []byte(separators)); i >= 0 {
					end = i
				}
			} else if i := bytes.IndexAny(rest, separators); i >= 0 {
				end = i
			}
			if name := bytes.TrimSpace(rest[:end]); len(name) > 0 {
				names = append(names, name)
			}
			rest = rest[min(end+1, len(rest)):]
		}
		if len(names) > 1 {
			return names
		}
	}
	return names
}

func isInteger(f *field) bool {
	return f.why == "" && len(f.text) > 0 && bytes.IndexFunc(f.text, func(r rune) bool { return r < '0' || r > '9' }) < 0
}
