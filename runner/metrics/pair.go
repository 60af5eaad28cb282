package metrics

import (
	"bytes"
	"math"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
)

// pairFormat reads every line: it takes each number and the words in front of it. That covers key=value, "key: value" and
// "name value" in any mixture, which is how loops print, and what tqdm, Keras, XGBoost, LightGBM and the fair-weather log
// formats print too. Words are cut at punctuation, so in "Test set: Average loss: 0.02, Accuracy: 9913/10000 (99%)" the names are
// "Average loss" and "Accuracy".
type pairFormat struct{}

func (pairFormat) read(fields []field, line []byte) ([]field, bool) {
	s := pairScanner{line: line, fields: fields, base: len(fields)}
	s.scan()
	return s.fields, true
}

// pairScanner goes over a line once, token by token.
type pairScanner struct {
	line   []byte
	fields []field
	base   int // fields before this are another format's
	open   int // end of the last number: where the label of the next may begin
	label  []byte
	index  int
}

// maxFields bounds the numbers taken from one line.
const maxFields = 4096

func (s *pairScanner) scan() {
	line := s.line
	for i := 0; i < len(line) && len(s.fields) < maxFields; {
		c := line[i]
		switch {
		case isHex(c) && (s.identifier(&i) || s.printedDigest(&i)):
		case isDigit(c):
			i = s.numeric(i)
		case !isWord(c):
			i++
		case (c == 0xC2 || c == '+') && plusMinus(line[i:]) > 0:
			i += plusMinus(line[i:])
		case c == '/' || c >= 'A' && c <= 'W' || c >= 'a' && c <= 'f' || c == 't':
			if n, why := volatile.Match(line[i:]); n > 0 {
				i = s.shape(i, n, why)
				continue
			}
			if c|0x20 == 'i' || c|0x20 == 'n' {
				i = s.notFinite(i)
				continue
			}
			i = s.word(i)
		case c == '-' || c == '+' || c == '.':
			if i+1 < len(line) && (isDigit(line[i+1]) || line[i+1] == '.') {
				i = s.numeric(i)
			} else if i+1 < len(line) && (line[i+1]|0x20 == 'i' || line[i+1]|0x20 == 'n') {
				i = s.notFinite(i)
			} else {
				i = s.word(i)
			}
		case c|0x20 == 'i' || c|0x20 == 'n':
			i = s.notFinite(i)
		default:
			i = s.word(i)
		}
	}
	s.settle()
}

// word skips a word, which may hold digits ("Acc@1") and, between letters, an apostrophe ("training's l2").
func (s *pairScanner) word(i int) int {
	start := i
	for i++; i < len(s.line); i++ {
		c := s.line[i]
		if c == ':' && bytes.IndexByte(s.line[start:i], '@') >= 0 {
			if end := thresholds(s.line, i); end > 0 {
				i = end - 1
				continue
			}
		}
		if !isWord(c) && !(c == '\'' && (isLetter(s.line[i-1]) || isDigit(s.line[i-1])) && i+1 < len(s.line) && isLetter(s.line[i+1])) {
			break
		}
	}
	return i
}

// thresholds is the end of the range that goes on with the colon at i, as in "mAP@0.5:0.95: 0.37", and 0 where the number behind
// the colon is the value: "Acc@1:0.95".
func thresholds(line []byte, i int) int {
	n := parseNumber(line[i+1:])
	if end := i + 1 + n.size; n.ok && end < len(line) && (line[end] == ':' || line[end] == '=') {
		return end
	}
	return 0
}

// identifier passes over a hexadecimal identifier that a word such as "run" announces, which may look like any word or number.
func (s *pairScanner) identifier(i *int) bool {
	end, letter := *i, false
	for end < len(s.line) && (isDigit(s.line[end]) || isLetter(s.line[end])) {
		letter = letter || isLetter(s.line[end])
		end++
	}
	if s.open == *i || !letter || parseNumber(s.line[*i:end]).size == end-*i {
		return false
	}
	n := volatile.Announced(s.line, *i)
	if n == 0 {
		return false
	}
	*i = s.shape(*i, n, volatile.Identifier)
	return true
}

// printedDigest takes a hexadecimal digest, by which programs show that two results are the same to the last bit.
func (s *pairScanner) printedDigest(i *int) bool {
	size := hexDigits(s.line[*i:])
	end := *i + size
	if size == 0 || end < len(s.line) && isWord(s.line[end]) && s.line[end] != '.' {
		return false
	}
	if n, _ := volatile.Match(s.line[*i:]); n > 0 || !isDigest(labelBefore(s.line[s.open:*i]), size) {
		return false
	}
	*i = s.add(*i, number{size: size, value: math.NaN(), ok: true}, end, "")
	return true
}

// notFinite takes nan and inf as numbers where a label stands before them, and as words elsewhere.
func (s *pairScanner) notFinite(i int) int {
	n := parseNumber(s.line[i:])
	if !n.ok {
		return s.word(i)
	}
	label := labelBefore(s.line[s.open:i])
	if label == nil && s.label == nil {
		return i + n.size
	}
	return s.add(i, n, i+n.size, "")
}

// numeric reads what begins with a digit or a sign at i, and returns where it ends.
func (s *pairScanner) numeric(i int) int {
	line := s.line
	n := parseNumber(line[i:])
	if m, why := volatile.Match(line[i:]); m > 0 {
		label := labelBefore(line[s.open:i])
		if !n.ok || m != n.size || stepRole(label) == measured && (why != volatile.Date || volatile.Moment(line[i:i+m], string(label))) {
			return s.shape(i, m, why)
		}
	}
	if !n.ok {
		return s.word(i)
	}
	if g := grouped(line[i:]); g.ok && s.named(i) {
		n = g
	}
	if i > 0 && line[i-1] == ':' && isAddress(labelBefore(line[s.open:i])) {
		return s.shape(i, n.size, volatile.Identifier)
	}
	end := i + n.size
	if end == len(line) {
		return s.add(i, n, end, "")
	}
	switch c := line[end]; {
	case plusMinus(line[end:]) > 0:
		return s.add(i, n, end, unitOfSpread(line, end))
	case c == '%':
		if end+1 < len(line) && isWord(line[end+1]) && line[end+1] != '.' {
			return s.word(end)
		}
		if s.isBarPercent(end + 1) {
			s.open = end + 1
			return end + 1
		}
		n.size++
		return s.add(i, n, end+1, "")
	case isLetter(c) || c == 0xC2 || c == 0xCE || c == '/' && end+1 < len(line) && isLetter(line[end+1]):
		return s.attachedUnit(i, n, end)
	case c == '/' || c == ' ' || c == 0xE2:
		if total, stop, ok := ratioTotal(line, end); ok && n.integer {
			return s.ratio(i, n, total, stop)
		}
		if c == '/' {
			return s.word(end)
		}
		if unit := unitAfter(line, end); unit > end {
			why := volatile.SpacedUnit(string(bytes.TrimLeft(line[end:unit], " ")))
			if why != "" {
				return s.add(i, n, unit, why)
			}
		}
	case c == '.' && (end+1 == len(line) || !isWord(line[end+1])):
		// the end of a sentence, or NumPy's "1."
	case isWord(c):
		return s.word(end) // "1.2.3", "10-fold", "5_000"
	}
	return s.add(i, n, end, "")
}

// named reports whether words or a sign stand right before the number at i: elsewhere "1,234" is two numbers of a list or a table.
func (s *pairScanner) named(i int) bool {
	if i == 0 || s.line[i-1] == '[' || s.line[i-1] == '(' || s.line[i-1] == ',' {
		return false
	}
	return labelBefore(s.line[s.open:i]) != nil
}

// attachedUnit reads "5ms/step", "9.1it/s", "1.2M"; what is no unit makes a word of the number ("3d", "128x128", "1st").
func (s *pairScanner) attachedUnit(i int, n number, end int) int {
	line := s.line
	stop := end
	for stop < len(line) && stop-end < 24 && (isLetter(line[stop]) || line[stop] == '/' || line[stop] >= 0x80) {
		stop++
	}
	unit := line[end:stop]
	if stop < len(line) && isWord(line[stop]) && !(line[stop] == '.' && (stop+1 == len(line) || !isWord(line[stop+1]))) {
		return s.word(stop)
	}
	if why := volatile.Unit(string(unit)); why != "" {
		return s.add(i, n, stop, why)
	}
	if string(unit) == "it" && s.timeFollows(stop) {
		return s.addRole(i, n, stop, bar) // tqdm without a total: "12it [00:01, 9.1it/s]"
	}
	if len(unit) == 1 && bytes.IndexByte([]byte("kKMBGTx"), unit[0]) >= 0 {
		n.size++
		return s.add(i, n, stop, "")
	}
	return stop
}

// plusMinus is the length of the sign between a mean and how far its parts lie from it, as in "0.91±0.02", 0 where there is none.
func plusMinus(line []byte) int {
	for _, sign := range []string{"±", "+/-", "+-"} {
		if next := skipBlanks(line, len(sign)); bytes.HasPrefix(line, []byte(sign)) && next < len(line) && (isDigit(line[next]) || line[next] == '.') {
			return len(sign)
		}
	}
	return 0
}

// unitOfSpread says why a mean is volatile by the unit that follows how far its parts lie from it: "5.1±0.2ms".
func unitOfSpread(line []byte, i int) string {
	i = skipBlanks(line, i+plusMinus(line[i:]))
	i += parseNumber(line[i:]).size
	end := i
	for end < len(line) && (isLetter(line[end]) || line[end] == '/' || line[end] >= 0x80) {
		end++
	}
	if end > i {
		return volatile.Unit(string(line[i:end]))
	}
	if end = unitAfter(line, i); end > i {
		return volatile.SpacedUnit(string(bytes.TrimLeft(line[i:end], " ")))
	}
	return ""
}

// ratioTotal reads "/100" or " / 100" at i.
func ratioTotal(line []byte, i int) (total number, end int, ok bool) {
	i = skipBlanks(line, i)
	if i >= len(line) || line[i] != '/' {
		return total, i, false
	}
	i = skipBlanks(line, i+1)
	if i >= len(line) || !isDigit(line[i]) {
		return total, i, false
	}
	total = parseNumber(line[i:])
	end = i + total.size
	return total, end, total.ok && total.integer && (end == len(line) || !isWord(line[end]) || line[end] == '.' && (end+1 == len(line) || line[end+1] == ' '))
}

// ratio takes "12/100": a step where a step's name or nothing stands before it, else the measured fraction.
func (s *pairScanner) ratio(i int, n, total number, end int) int {
	label := labelBefore(s.line[s.open:i])
	full := n.value == total.value
	if label != nil {
		if r := stepRole(label); r != measured {
			s.fields = append(s.fields, field{label: label, text: s.line[i : i+n.size], value: n.value, start: i, end: end, role: r, full: full})
			s.label, s.index, s.open = nil, 0, end
			return s.skipPercent(end)
		}
		n.value /= total.value
		n.size, n.integer = end-i, false
		return s.add(i, n, end, "")
	}
	if counted := countedWord(s.line, end); counted != nil {
		s.fields = append(s.fields, field{label: counted, text: s.line[i:end], value: n.value / total.value, start: i, end: end})
		s.label, s.index, s.open = nil, 0, end
		return end
	}
	r := fine
	if s.timeFollows(end) || !bracketed(s.line, i) {
		r = bar
	}
	s.fields = append(s.fields, field{text: s.line[i : i+n.size], value: n.value, start: i, end: end, role: r, full: full})
	s.open = end
	return s.skipPercent(end)
}

// countedWord is the word that says what a ratio in front of it counts, "120/1000 correct", nil where the ratio may be a step.
func countedWord(line []byte, i int) []byte {
	start := skipBlanks(line, i)
	if start < len(line) && (line[start] == ']' || line[start] == ')') {
		start = skipBlanks(line, start+1)
	}
	end := start
	for end < len(line) && isLetter(line[end]) {
		end++
	}
	switch word := line[start:end]; string(bytes.ToLower(word)) {
	case "correct", "correctly", "right", "wrong", "solved", "passed", "failed", "misclassified", "errors", "hits", "wins":
		return word
	}
	return nil
}

// skipPercent passes over the "(1%)" that repeats a ratio of steps.
func (s *pairScanner) skipPercent(i int) int {
	j := skipBlanks(s.line, i)
	if j < len(s.line) && s.line[j] == '(' {
		j = skipBlanks(s.line, j+1)
		if n := parseNumber(s.line[min(j, len(s.line)):]); n.ok && j+n.size < len(s.line) && s.line[j+n.size] == '%' {
			s.open = j + n.size + 1
			return s.open
		}
	}
	return i
}

// bracketed reports whether the token at i stands in brackets: "[  640/60000".
func bracketed(line []byte, i int) bool {
	for i--; i >= 0 && line[i] == ' '; i-- {
	}
	return i >= 0 && line[i] == '['
}

// isBarPercent recognises the percentage in front of a bar, "12%|".
func (s *pairScanner) isBarPercent(i int) bool {
	i = skipBlanks(s.line, i)
	return i < len(s.line) && s.line[i] == '|'
}

// timeFollows recognises what tqdm prints after its count: " [00:01<00:09".
func (s *pairScanner) timeFollows(i int) bool {
	if i+3 >= len(s.line) || s.line[i] != ' ' || s.line[i+1] != '[' || !isDigit(s.line[i+2]) {
		return false
	}
	return bytes.IndexByte(s.line[i+2:min(i+8, len(s.line))], ':') > 0
}

// shape takes a text that is volatile by its shape.
func (s *pairScanner) shape(i, n int, why string) int {
	label := labelBefore(s.line[s.open:i])
	s.fields = append(s.fields, field{label: label, text: s.line[i : i+n], start: i, end: i + n, why: why})
	s.open = i + n
	return i + n
}

// add takes the number at i, named by what stands before it.
func (s *pairScanner) add(i int, n number, end int, why string) int {
	label := labelBefore(s.line[s.open:i])
	if label != nil && why == "" {
		if n.integer && s.line[i] != '-' {
			if r := stepRole(label); r != measured {
				return s.addRole(i, n, end, r)
			}
			if isDevice(label) && s.line[i-1] == ':' || isPlace(label) {
				s.open = end
				return end
			}
		} else if stepRole(label) != measured {
			s.open, s.label = end, nil // a fraction of an epoch is neither a step nor a result
			return end
		}
	}
	f := field{label: label, text: s.line[i : i+n.size], value: n.value, start: i, end: end, why: why}
	switch {
	case label != nil:
		s.label, s.index = label, 1
	case n.integer && why == "" && s.onlyBracketsBefore(i):
		if f.role = leading; n.size >= 8 {
			f.role, f.why = measured, volatile.Identifier // "[12345678]": a short id may happen to have no letter
		}
	case why != "":
		// "loss=0.5, 7.8 ms/step": a unit says that the number is no further value of the loss.
	case n.integer && s.followsDate(i):
		f.why = volatile.Identifier
	default:
		f.label, f.index = s.label, s.index
		s.index++
	}
	s.fields = append(s.fields, f)
	s.open = end
	return end
}

func (s *pairScanner) addRole(i int, n number, end int, r role) int {
	label := labelBefore(s.line[s.open:i])
	s.fields = append(s.fields, field{label: label, text: s.line[i : i+n.size], value: n.value, start: i, end: end, role: r})
	s.open, s.label, s.index = end, nil, 0
	return end
}

// onlyBracketsBefore reports whether the line up to i is "[" or "[1, ": XGBoost, LightGBM and many loops begin so.
func (s *pairScanner) onlyBracketsBefore(i int) bool {
	for _, f := range s.fields[s.base:] {
		if f.role != leading {
			return false
		}
	}
	start := bytes.TrimLeft(s.line[:i], " \t")
	return len(start) > 0 && start[0] == '[' && bytes.IndexByte(start, ']') < 0
}

// followsDate reports whether the line up to i is a date and nothing else, as in logs that print the process or thread after it.
func (s *pairScanner) followsDate(i int) bool {
	if len(s.fields) != s.base+1 {
		return false
	}
	date := &s.fields[s.base]
	return date.why == volatile.Date && len(bytes.Trim(s.line[date.end:i], " \t[](|-,")) == 0 && len(bytes.Trim(s.line[:date.start], " [")) == 0
}

// settle decides what integers in brackets at the start of a line are: steps if named numbers follow, else values of a list.
func (s *pairScanner) settle() {
	fields := s.fields[s.base:]
	if len(fields) == 0 || fields[0].role != leading {
		return
	}
	count, named := 0, false
	for i := range fields {
		if fields[i].role == leading {
			count++
		} else if fields[i].label != nil {
			named = true
		}
	}
	for i := range fields {
		if fields[i].role != leading {
			continue
		}
		switch {
		case !named || count > 2:
			fields[i].role, fields[i].index = measured, i
		case count == 2 && i == 0:
			fields[i].role = coarse
		default:
			fields[i].role = fine
		}
	}
}

func isDevice(label []byte) bool {
	for _, d := range [...]string{"cuda", "cpu", "mps", "xpu", "hpu", "npu", "rank", "GPU", "TPU", "device"} {
		if bytes.HasSuffix(label, []byte(d)) {
			return true
		}
	}
	return false
}

// isAddress recognises a host, after which a number is a port: "127.0.0.1:29500", "http://localhost:6006/".
func isAddress(label []byte) bool {
	if bytes.HasSuffix(label, []byte("localhost")) {
		return true
	}
	dots := 0
	for _, c := range label {
		if c == '.' {
			dots++
		} else if !isDigit(c) {
			return false
		}
	}
	return dots == 3
}

// isPlace recognises the name of a source file, after which a number is a line: "train.py:31".
func isPlace(label []byte) bool {
	return bytes.HasSuffix(label, []byte(".py")) || bytes.HasSuffix(label, []byte(".cc")) || bytes.HasSuffix(label, []byte(".cpp"))
}

func skipBlanks(line []byte, i int) int {
	for i < len(line) && line[i] == ' ' {
		i++
	}
	return i
}

// unitAfter is the end of the word that follows the blanks at i when it can be a unit of the number before it: a word that is not itself
// the name of the next value. It is i where there is none.
func unitAfter(line []byte, i int) int {
	j := skipBlanks(line, i)
	if j == i || j-i > 2 {
		return i
	}
	end := j
	for end < len(line) && end-j < 24 && (isLetter(line[end]) || line[end] == '/' || line[end] >= 0x80) {
		end++
	}
	if end == j || end < len(line) && (isDigit(line[end]) || line[end] == '_' || line[end] == '-') {
		return i
	}
	k := skipBlanks(line, end)
	if k < len(line) && (isDigit(line[k]) || line[k] == '=' || line[k] == ':' || line[k] == '-' && k+1 < len(line) && isDigit(line[k+1])) {
		return i
	}
	return end
}
