package metrics

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/reprocheck/reprocheck/runner/record"
)

// maxFile bounds the files that are read for metrics; larger ones are data.
const maxFile = 64 << 20

// fileFormat reads one kind of file into a Collector made by open; it returns nil where the file is not of this kind, or not of metrics.
type fileFormat func(open func() *Collector, in io.Reader, size int64) (*Collector, error)

// ReadFile reads the metrics of a file that a run wrote: a JSON document, JSON lines, or a table with a header as CSV or TSV. A file that
// is of none of these, or is data rather than metrics by its size and shape, has no series, and that is no error. r is read at
// most once, and not at all when the name and the size already decide.
func ReadFile(file string, r io.Reader, size int64) ([]record.Series, error) {
	if size > maxFile || size == 0 {
		return nil, nil
	}
	var format fileFormat
	switch strings.ToLower(path.Ext(file)) {
	case ".json":
		format = readJSON
	case ".jsonl", ".ndjson":
		format = readJSONLines
	case ".csv":
		format = readTable(',')
	case ".tsv":
		format = readTable('\t')
	default:
		return nil, nil
	}
	open := func() *Collector { return NewCollector(file, Options{MaxPoints: 20_000}) }
	c, err := format(open, io.LimitReader(r, maxFile), size)
	if err != nil {
		return nil, fmt.Errorf("reading %s for metrics: %w", file, err)
	}
	if c == nil {
		return nil, nil
	}
	return c.Series(), nil
}

// readJSONLines reads one object on each line.
func readJSONLines(open func() *Collector, in io.Reader, _ int64) (*Collector, error) {
	c := open()
	c.reader.formats = formatList{literalFormat{}}
	_, err := io.Copy(c, in)
	return c, err
}

// maxJSON bounds a JSON document of metrics; larger ones are vocabularies, tokenizers and the like.
const maxJSON = 4 << 20

// readJSON reads a document: numbers at the top or in nested objects, and lists of objects that each stand for a step
// ("log_history" of Hugging Face's trainer_state.json). Documents without a number have no series; neither have those with more than
// maxFields numbers outside such lists.
func readJSON(open func() *Collector, in io.Reader, size int64) (*Collector, error) {
	if size > maxJSON {
		return nil, nil
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	p := documentParser{literalParser: literalParser{line: text}, collector: open()}
	if p.document() {
		return p.collector, nil
	}
	// Several objects one after the other are JSON lines under another name.
	return readJSONLines(open, bytes.NewReader(text), size)
}

// documentParser reads a JSON document of many lines. Where it meets a list of objects, each object is taken like a line of output.
type documentParser struct {
	literalParser
	collector *Collector
	lines     int64 // line breaks in the text before counted
	counted   int
}

func (p *documentParser) document() bool {
	ok := p.walk(nil, 0)
	p.blanks()
	if !ok || p.at != len(p.line) {
		return false
	}
	p.collector.take(1, p.fields)
	return true
}

// walk reads a value, like literalParser.value, but hands each object of a list to the collector on its own.
func (p *documentParser) walk(label []byte, depth int) bool {
	p.blanks()
	if p.at >= len(p.line) || depth > maxDepth {
		return false
	}
	switch p.line[p.at] {
	case '{':
		p.at++
		for {
			p.blanks()
			if p.take('}') {
				return true
			}
			if p.at >= len(p.line) || p.line[p.at] != '"' {
				return false
			}
			key, ok := p.quoted()
			if p.blanks(); !ok || !p.take(':') || !p.walk(p.join(label, key), depth+1) {
				return false
			}
			if p.blanks(); !p.take(',') {
				return p.take('}')
			}
		}
	case '[':
		start := p.at
		p.at++
		if p.blanks(); p.at < len(p.line) && p.line[p.at] == '{' {
			return p.rows(label, depth)
		}
		p.at = start
		return p.series(label)
	}
	return p.value(label, 0, depth)
}

// rows reads a list of objects, after its bracket.
func (p *documentParser) rows(label []byte, depth int) bool {
	outer := p.fields
	defer func() { p.fields = outer }()
	for {
		p.blanks()
		if p.take(']') {
			return true
		}
		p.lines += int64(bytes.Count(p.line[p.counted:p.at], []byte{'\n'}))
		p.counted = p.at
		p.fields, p.names = nil, nil
		if !p.value(label, 0, depth+1) {
			return false
		}
		p.collector.take(p.lines+1, p.fields)
		if p.blanks(); !p.take(',') {
			return p.take(']')
		}
	}
}

// series reads a list of numbers as one series, as Keras keeps its history: {"loss": [0.9, 0.5]}.
func (p *documentParser) series(label []byte) bool {
	outer := p.fields
	defer func() { p.fields = outer }()
	p.at++
	for {
		p.blanks()
		if p.take(']') {
			return true
		}
		p.fields = nil
		if !p.value(label, 0, maxDepth-2) {
			return false
		}
		for i := range p.fields {
			p.fields[i].role = measured
		}
		p.collector.take(1, p.fields)
		if p.blanks(); !p.take(',') {
			return p.take(']')
		}
	}
}

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
		f.unixTime()
		t.fields = append(t.fields, f)
	}
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
