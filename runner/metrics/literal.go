package metrics

import (
	"bytes"
	"math"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
)

// literalFormat reads lines that end in a JSON object or a Python dictionary: {"loss": 0.1}, {'loss': 0.1, 'epoch': 0.5},
// {'loss': np.float64(0.1)}. Nested keys are joined with "/". Numbers inside strings count when they are the whole string, as
// newer versions of Hugging Face's Trainer print them. Text in front of the object is read as pairs.
type literalFormat struct{}

func (literalFormat) read(fields []field, line []byte) ([]field, bool) {
	end := len(bytes.TrimRight(line, " \t"))
	if end == 0 || line[end-1] != '}' {
		return fields, false
	}
	open := bytes.IndexByte(line, '{')
	if open < 0 {
		return fields, false
	}
	before := len(fields)
	if open > 0 {
		fields, _ = pairFormat{}.read(fields, line[:open])
	}
	p := literalParser{line: line[:end], at: open, fields: fields}
	if !p.value(nil, 0, 0) || p.at != end {
		return fields[:before], false
	}
	return p.fields, true
}

// literalParser reads the values that json.dumps and repr have in common, without building them.
type literalParser struct {
	line   []byte
	at     int
	fields []field
	names  []byte // joined keys; labels are slices of it
}

const (
	maxDepth = 16
	maxNames = 1 << 20 // bytes of joined keys; below it is no document of metrics
)

// value reads one value, whose place is called label, and leaves at behind it.
func (p *literalParser) value(label []byte, index, depth int) bool {
	p.blanks()
	if p.at >= len(p.line) || depth > maxDepth || len(p.fields) >= maxFields {
		return false
	}
	switch c := p.line[p.at]; {
	case c == '{':
		return p.object(label, depth)
	case c == '[':
		return p.list(label, index, ']', depth)
	case c == '(':
		return p.list(label, index, ')', depth)
	case c == '"' || c == '\'':
		start := p.at
		text, ok := p.quoted()
		if !ok {
			return false
		}
		if n := parseNumber(text); n.ok && n.size == len(text) {
			p.add(label, index, text, n, start)
		} else if size := hexDigits(text); size > 0 && size == len(text) && isDigest(label, size) {
			if m, _ := volatile.Match(text); m == 0 {
				p.add(label, index, text, number{value: math.NaN()}, start)
			}
		}
		return true
	case isDigit(c) || c == '-' || c == '+' || c == '.':
		return p.number(label, index)
	case isLetter(c):
		if n := parseNumber(p.line[p.at:]); n.ok {
			return p.number(label, index)
		}
		return p.word(label, index, depth)
	}
	return false
}

// object reads {key: value, ...}, and Python's set {value, ...}.
func (p *literalParser) object(label []byte, depth int) bool {
	p.at++
	for index := 0; ; index++ {
		p.blanks()
		if p.take('}') {
			return true
		}
		var key []byte
		start := p.at
		if p.at < len(p.line) && (p.line[p.at] == '"' || p.line[p.at] == '\'') {
			text, ok := p.quoted()
			if !ok {
				return false
			}
			key = text
		} else {
			for p.at < len(p.line) && (isWord(p.line[p.at])) {
				p.at++
			}
			key = p.line[start:p.at]
		}
		p.blanks()
		if p.take(':') {
			if !p.value(p.join(label, key), 0, depth+1) {
				return false
			}
		} else {
			p.at = start
			if !p.value(label, index, depth+1) {
				return false
			}
		}
		p.blanks()
		if p.take(',') {
			continue
		}
		return p.take('}')
	}
}

func (p *literalParser) list(label []byte, index int, end byte, depth int) bool {
	p.at++
	for ; ; index++ {
		p.blanks()
		if p.take(end) {
			return true
		}
		if !p.value(label, index, depth+1) {
			return false
		}
		p.blanks()
		if p.take(',') {
			continue
		}
		return p.take(end)
	}
}

// word reads True, null and the like, and calls around a value: np.float64(0.1), tensor(0.3, device='cuda:0').
func (p *literalParser) word(label []byte, index, depth int) bool {
	for p.at < len(p.line) && (isLetter(p.line[p.at]) || isDigit(p.line[p.at]) || p.line[p.at] == '.' || p.line[p.at] == '_') {
		p.at++
	}
	if !p.take('(') {
		return true
	}
	if !p.value(label, index, depth+1) {
		return false
	}
	for p.at < len(p.line) && p.line[p.at] != ')' {
		if p.line[p.at] == '{' || p.line[p.at] == '}' {
			return false
		}
		p.at++
	}
	return p.take(')')
}

func (p *literalParser) number(label []byte, index int) bool {
	n := parseNumber(p.line[p.at:])
	if !n.ok {
		return false
	}
	start := p.at
	p.at += n.size
	if p.at < len(p.line) && p.line[p.at] == '.' {
		p.at++ // "1." of NumPy
	}
	if p.at < len(p.line) && isWord(p.line[p.at]) {
		return false
	}
	p.add(label, index, p.line[start:start+n.size], n, start)
	return true
}

func (p *literalParser) add(label []byte, index int, text []byte, n number, start int) {
	f := field{label: label, index: index, text: text, value: n.value, start: start, end: p.at}
	last := label
	if slash := bytes.LastIndexByte(label, '/'); slash >= 0 {
		last = label[slash+1:]
	}
	if r := stepRole(last); r != measured {
		if !n.integer {
			return // a fraction of an epoch is neither a step nor a result
		}
		f.role = r
	}
	f.moment()
	p.fields = append(p.fields, f)
}

// quoted reads a string and returns its text as written, escapes included.
func (p *literalParser) quoted() ([]byte, bool) {
	quote := p.line[p.at]
	start := p.at + 1
	for i := start; i < len(p.line); i++ {
		switch p.line[i] {
		case '\\':
			i++
		case quote:
			p.at = i + 1
			return p.line[start:i], true
		}
	}
	return nil, false
}

func (p *literalParser) join(label, key []byte) []byte {
	if label == nil {
		return key
	}
	if len(label)+len(key) > 4*maxLabel || len(p.names) > maxNames {
		return label
	}
	start := len(p.names)
	p.names = append(p.names, label...)
	p.names = append(p.names, '/')
	p.names = append(p.names, key...)
	return p.names[start:len(p.names):len(p.names)]
}

func (p *literalParser) blanks() {
	for p.at < len(p.line) && (p.line[p.at] == ' ' || p.line[p.at] == '\t' || p.line[p.at] == '\n' || p.line[p.at] == '\r') {
		p.at++
	}
}

func (p *literalParser) take(c byte) bool {
	if p.at < len(p.line) && p.line[p.at] == c {
		p.at++
		return true
	}
	return false
}
