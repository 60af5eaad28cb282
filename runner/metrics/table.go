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
	remark    bool // the header begins with "#": where another comes below it, it is none
	roles     []role
	fields    []field
	cells     []cell
	bad       bool
}

func (t *tableReader) row(number int64, line []byte) {
	if t.bad || len(bytes.TrimSpace(line)) == 0 {
		return
	}
	t.cells = splitCells(t.cells[:0], line, t.comma)
	if t.header == nil || t.remark && isHeader(t.cells) {
		t.head(line)
		return
	}
	t.remark = false
	t.fields = t.fields[:0]
	for i, cell := range t.cells[:min(len(t.cells), len(t.header))] {
		if f, ok := cell.number(t.header[i], t.roles[i]); ok {
			t.fields = append(t.fields, f)
		}
	}
	namedTimes(t.fields)
	t.collector.take(number, t.fields)
}

func (t *tableReader) head(line []byte) {
	t.bad = len(t.cells) > maxColumns || !isHeader(t.cells)
	t.remark = line[0] == '#'
	t.header, t.roles = t.header[:0], t.roles[:0]
	for _, cell := range t.cells {
		name := bytes.Clone(cell.text)
		t.header = append(t.header, name)
		t.roles = append(t.roles, stepRole(name))
	}
}
