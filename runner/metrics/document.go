package metrics

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
)

// maxJSON bounds a JSON document of metrics; larger ones are vocabularies, tokenizers and the like.
const maxJSON = 4 << 20

// maxScalars is where the single numbers of a document stop being metrics and become a vocabulary or a table of data.
const maxScalars = 256

// readJSON reads the metrics in a document: single numbers at the top or in nested objects; lists of objects that each stand for a
// step ("log_history" of Hugging Face's trainer_state.json); and lists of numbers that stand for one value an epoch, as Keras keeps its
// history. What is shaped like weights is no metric: the file's content is compared in any case.
func readJSON(open func() *Collector, in io.Reader, size int64) (*Collector, error) {
	if size > maxJSON {
		return nil, nil
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	p := documentParser{literalParser: literalParser{line: text}}
	if p.walk(nil, 0) && p.atEnd() {
		return p.collect(open()), nil
	}
	// Several objects one after the other are JSON lines under another name.
	return readJSONLines(open, bytes.NewReader(text), size)
}

// documentParser reads a JSON document of many lines. Objects in a list are kept like lines of output.
type documentParser struct {
	literalParser
	lists   []numberList
	rows    []row
	weights bool  // the document holds lists of lists of numbers
	inRow   int   // how many elements of lists are open
	lines   int64 // line breaks in the text before counted
	counted int
}

// numberList is a list of numbers: a history, or a vector of parameters.
type numberList struct {
	label  []byte // of the list
	object []byte // of the object that holds it
	fields []field
}

// row is one element of a list of objects.
type row struct {
	line   int64
	fields []field
}

func (p *documentParser) atEnd() bool {
	p.blanks()
	return p.at == len(p.line)
}

// collect decides what of the document is metrics.
func (p *documentParser) collect(c *Collector) *Collector {
	for _, r := range p.rows {
		namedTimes(r.fields)
		c.take(r.line, r.fields)
	}
	scalars := p.fields
	if p.weights {
		// Beside weights a single number is a bias or a size more often than a result, unless its name says so.
		scalars = slices.DeleteFunc(slices.Clone(scalars), func(f field) bool {
			return f.role == measured && !volatile.Measure(string(f.label)) && volatile.Name(string(f.label)) == ""
		})
	}
	if len(scalars) <= maxScalars {
		c.take(1, scalars)
	}
	for _, l := range p.lists {
		if p.isHistory(l) {
			for i := range l.fields {
				c.take(1, l.fields[i:i+1])
			}
		}
	}
	return c
}

// isHistory reports whether a list has one value an epoch: it is called after a result, or stands in one object with one that is and that
// is as long.
func (p *documentParser) isHistory(l numberList) bool {
	if namesResult(l.label) {
		return true
	}
	return slices.ContainsFunc(p.lists, func(other numberList) bool {
		return len(other.fields) == len(l.fields) && bytes.Equal(other.object, l.object) && namesResult(other.label)
	})
}

// namesResult reports whether a key, or one on the way to it, says that the values are results.
func namesResult(label []byte) bool {
	for key := range strings.SplitSeq(string(label), "/") {
		if historyKeys[strings.ToLower(key)] || volatile.Measure(key) {
			return true
		}
	}
	return false
}

var historyKeys = map[string]bool{"lr": true, "learning_rate": true, "history": true, "metrics": true, "curve": true, "curves": true,
	"train": true, "val": true, "valid": true, "validation": true, "test": true, "eval": true}

// walk reads a value and keeps its numbers, each called by the keys on the way to it.
func (p *documentParser) walk(label []byte, depth int) bool {
	p.blanks()
	if p.at >= len(p.line) || depth > maxDepth {
		return false
	}
	switch p.line[p.at] {
	case '{':
		return p.members(label, depth)
	case '[':
		return p.list(label, depth)
	}
	return p.value(label, 0, depth)
}

func (p *documentParser) members(label []byte, depth int) bool {
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
}

// list reads a list: of objects, of numbers, or of what is no metric.
func (p *documentParser) list(label []byte, depth int) bool {
	outer := p.fields
	p.fields = nil
	defer func() { p.fields = outer }()
	p.at++
	objects, lists := 0, false
	for index := 0; ; index++ {
		if p.blanks(); p.take(']') {
			break
		}
		if p.at >= len(p.line) {
			return false
		}
		ok := false
		switch c := p.line[p.at]; {
		case c == '{' && p.inRow == 0:
			objects++
			ok = p.object(label, depth)
		case c == '[' || c == '{':
			lists = true
			ok = p.pass(depth + 1)
		default:
			ok = p.value(label, index, depth+1)
			if len(p.fields) == maxFields {
				p.fields, lists = nil, true // as long as that, it is data
			}
		}
		if !ok {
			return false
		}
		if p.blanks(); !p.take(',') {
			if !p.take(']') {
				return false
			}
			break
		}
	}
	p.weights = p.weights || lists && p.inRow == 0
	switch {
	case objects > 0 || lists || len(p.fields) == 0:
	case p.inRow > 0:
		if len(p.fields) <= maxIndexed {
			outer = append(outer, p.fields...)
		}
	default:
		for i := range p.fields {
			p.fields[i].role, p.fields[i].index = measured, 0
		}
		p.lists = append(p.lists, numberList{label, label[:max(0, bytes.LastIndexByte(label, '/'))], p.fields})
	}
	return true
}

// pass reads a value and keeps nothing of it.
func (p *documentParser) pass(depth int) bool {
	fields := p.fields
	p.inRow++
	ok := p.walk(nil, depth)
	p.inRow--
	p.fields = fields
	return ok
}

// object reads an object in a list.
func (p *documentParser) object(label []byte, depth int) bool {
	p.lines += int64(bytes.Count(p.line[p.counted:p.at], []byte{'\n'}))
	p.counted = p.at
	outer, names := p.fields, p.names
	p.fields, p.names = nil, nil
	p.inRow++
	ok := p.walk(label, depth+1)
	p.inRow--
	p.rows = append(p.rows, row{p.lines + 1, p.fields})
	p.fields, p.names = outer, names
	return ok
}
