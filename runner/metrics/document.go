package metrics

import (
	"bytes"
	"io"
)

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
