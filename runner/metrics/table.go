package metrics

import (
	"bytes"
	"io"
)

// readTable reads a table whose first row names the columns, at least one of which holds numbers.
func readTable(comma byte) fileFormat {
	return func(open func() *Collector, in io.Reader, _ int64) (*Collector, error) {
		t := tableReader{comma: comma, collector: open()}
		lines := NewLines(t.row)
		if _, err := io.Copy(lines, in); err != nil {
			return nil, err
		}
		_ = lines.Close()
		if t.bad {
			return nil, nil
		}
		return t.collector, nil
	}
}

// maxColumns is where a table stops being one of metrics and becomes data.
const maxColumns = 256

// tableReader takes each row like a line of output on which every number is named by its column.
type tableReader struct {
	comma     byte
	collector *Collector
	header    [][]byte
	roles     []role
	fields    []field
	cells     [][]byte
	bad       bool
}

func (t *tableReader) row(number int64, line []byte) {
	if t.bad || len(bytes.TrimSpace(line)) == 0 {
		return
	}
	t.cells = splitCells(t.cells[:0], line, t.comma)
	if t.header == nil {
		t.bad = len(t.cells) > maxColumns || !isHeader(t.cells)
		for _, cell := range t.cells {
			name := bytes.Clone(cell)
			t.header = append(t.header, name)
			t.roles = append(t.roles, stepRole(name))
		}
		return
	}
	t.fields = t.fields[:0]
	for i, cell := range t.cells[:min(len(t.cells), len(t.header))] {
		n := parseNumber(cell)
		if !n.ok || n.size != len(cell) {
			continue
		}
		f := field{label: t.header[i], text: cell, value: n.value}
		if t.roles[i] != measured {
			if !n.integer {
				continue
			}
			f.role = t.roles[i]
		}
		f.moment()
		t.fields = append(t.fields, f)
	}
	namedTimes(t.fields)
	t.collector.take(number, t.fields)
}

// isHeader reports whether no cell is a number and at least one is a name.
func isHeader(cells [][]byte) bool {
	named := false
	for _, cell := range cells {
		if n := parseNumber(cell); n.ok && n.size == len(cell) {
			return false
		}
		named = named || len(cell) > 0
	}
	return named
}

// splitCells cuts a row, with quotes as RFC 4180 has them except that a quoted line break ends the row.
func splitCells(cells [][]byte, line []byte, comma byte) [][]byte {
	for len(cells) <= maxColumns {
		line = bytes.TrimLeft(line, " ")
		if len(line) > 0 && line[0] == '"' {
			end := bytes.IndexByte(line[1:], '"')
			if end < 0 {
				return append(cells, line[1:])
			}
			cells = append(cells, line[1:end+1])
			line = line[end+2:]
			if i := bytes.IndexByte(line, comma); i >= 0 {
				line = line[i+1:]
				continue
			}
			return cells
		}
		i := bytes.IndexByte(line, comma)
		if i < 0 {
			return append(cells, bytes.TrimSpace(line))
		}
		cells = append(cells, bytes.TrimSpace(line[:i]))
		line = line[i+1:]
	}
	return cells
}
