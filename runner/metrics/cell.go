package metrics

import "bytes"

// cell is what stands between two separators of a row.
type cell struct {
	text   []byte
	start  int // on the line
	quoted bool
}

func (c cell) isNumber() bool {
	n := parseNumber(c.text)
	return n.ok && n.size == len(c.text)
}

// number reads a cell that is a number and nothing else. In a column of steps only whole numbers count.
func (c cell) number(label []byte, r role) (field, bool) {
	n := parseNumber(c.text)
	if !c.isNumber() || r != measured && !n.integer {
		return field{}, false
	}
	f := field{label: label, text: c.text, value: n.value, role: r, start: c.start, end: c.start + len(c.text)}
	f.moment()
	return f, true
}

// isHeader reports whether no cell is a number and at least one is a name.
func isHeader(cells []cell) bool {
	named := false
	for _, cell := range cells {
		if cell.isNumber() {
			return false
		}
		named = named || len(cell.text) > 0
	}
	return named
}

// splitCells cuts a row, with quotes as RFC 4180 has them except that a quoted line break ends the row.
func splitCells(cells []cell, line []byte, comma byte) []cell {
	for at := 0; len(cells) <= maxColumns; {
		for at < len(line) && line[at] == ' ' {
			at++
		}
		rest := line[at:]
		if len(rest) > 0 && rest[0] == '"' {
			end := bytes.IndexByte(rest[1:], '"')
			if end < 0 {
				return append(cells, cell{rest[1:], at + 1, true})
			}
			cells = append(cells, cell{rest[1 : end+1], at + 1, true})
			at += end + 2
			i := bytes.IndexByte(line[at:], comma)
			if i < 0 {
				return cells
			}
			at += i + 1
			continue
		}
		i := bytes.IndexByte(rest, comma)
		if i < 0 {
			return append(cells, cell{bytes.TrimSpace(rest), at, false})
		}
		cells = append(cells, cell{bytes.TrimRight(rest[:i], " \t"), at, false})
		at += i + 1
	}
	return cells
}
