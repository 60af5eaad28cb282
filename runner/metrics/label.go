package metrics

import (
	"bytes"
	"strings"
	"unicode"
)

const (
	maxLabel      = 64
	maxLabelWords = 6
)

// labelBefore is the name of a number, given the text between the number before it and itself: the last clause, without the
// punctuation around it and without a call around the number, such as tensor(0.3). It is nil where there is none.
func labelBefore(text []byte) []byte {
	if len(text) > 4*maxLabel {
		text = text[len(text)-4*maxLabel:]
	}
	end := trimLabelRight(text, len(text))
	for {
		short := trimWrapper(text, end)
		if short == end {
			break
		}
		end = trimLabelRight(text, short)
	}
	end = trimVerb(text, end)
	start := clauseStart(text, end)
	for start < end && (text[start] == ' ' || text[start] == '-' || text[start] == '*' || text[start] == '+' || text[start] == '.' ||
		text[start] == '\t' || text[start] == '/' || text[start] == '_' && start+1 < end && text[start+1] == ' ') {
		start++
	}
	if label := trimArticle(text[start:max(start, end)]); hasName(label) {
		return label
	}
	return nil
}

// hasName reports whether a label is more than a rule drawn with punctuation.
func hasName(label []byte) bool {
	return bytes.ContainsFunc(label, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsSymbol(r) && r > 0x7F })
}

// trimLabelRight drops the punctuation between a name and its value.
func trimLabelRight(text []byte, end int) int {
	for end > 0 {
		switch text[end-1] {
		case ' ', '\t', '=', ':', '(', '[', '{', '<', '>', '|', ',', ';', '"', '\'', '`', '#', '~', '$', '*', '%', '/', '+', '!', '?':
			end--
		case '-':
			if end > 1 && text[end-2] != ' ' && text[end-2] != '-' && text[end-2] != '>' && text[end-2] != '\t' {
				return end
			}
			end--
		case '.':
			end--
		case ')', ']':
			// What is closed right before the separator belongs to the name, "D(x): 0.7", unless nothing of it is left in this text.
			if opening(text, end) < 0 {
				end--
				continue
			}
			return end
		default:
			return end
		}
	}
	return end
}

// trimWrapper drops the name of a call around the number.
func trimWrapper(text []byte, end int) int {
	if end >= len(text) || text[end] != '(' {
		return end
	}
	for _, w := range [...]string{"tensor", "array", "Array", "np.float64", "np.float32", "np.float16", "np.int64", "jnp.float32",
		"numpy.float64", "Decimal"} {
		if end >= len(w) && string(text[end-len(w):end]) == w && (end == len(w) || !isWord(text[end-len(w)-1])) {
			return end - len(w)
		}
	}
	return end
}

// trimVerb drops what a sentence puts between a name and its value: "the loss came to 0.5", "val_loss improved from 0.5 to 0.4". What is
// nothing else has no name: the number is a further value of what was named before. What stands right before "=" is a name, whatever
// word it is: "a=0.5 b=0.3".
func trimVerb(text []byte, end int) int {
	if end < len(text) && text[end] == '=' {
		return end
	}
	for end > 0 {
		start := end
		for start > 0 && (isLetter(text[start-1]) || text[start-1] == '_') {
			start--
		}
		if start == end || start > 0 && text[start-1] != ' ' || !verbs[string(text[start:end])] {
			return end
		}
		rest := trimLabelRight(text, start)
		if rest == 0 && !connectives[string(text[start:end])] {
			return end
		}
		end = rest
	}
	return end
}

// trimArticle drops "the" and its like from the front of a name, and the level of a log line with what stands before it, such as the
// name of a logger.
func trimArticle(label []byte) []byte {
	for i := len(label) - 1; i > 0; i-- {
		if label[i] == ' ' && levels[string(label[bytes.LastIndexByte(label[:i], ' ')+1:i])] {
			label = bytes.TrimLeft(label[i:], " ")
			break
		}
	}
	for {
		word, rest, found := bytes.Cut(label, []byte(" "))
		if !found || !articles[string(bytes.ToLower(word))] {
			return label
		}
		label = bytes.TrimLeft(rest, " ")
	}
}

var (
	verbs = wordSet(`is was are were be been of at to from by for a an about approximately equals equal came comes fell dropped drops rose went
		goes improved improves decreased decreases increased increases reached reaches became becomes got gets stands ended has had now`)
	// connectives are never the name of anything.
	connectives = wordSet(`is was are were of at to from by for a an about approximately equals`)
	levels      = wordSet(`DEBUG INFO WARN WARNING ERROR`)
	articles    = wordSet(`the a an our its their this that and then with`)
)

func wordSet(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// clauseStart is where the clause that ends at end begins.
func clauseStart(text []byte, end int) int {
	words := 0
	for i := end - 1; i >= 0; i-- {
		if end-i > maxLabel {
			return wordStart(text, i+1, end)
		}
		c := text[i]
		if c == ']' && i == end-1 {
			c = ')' // "losses[mean]"
		}
		switch c {
		case ',', ';', '|', '\t', '(', '[', ']', '{', '}', '"', '`', '=', '<', '>', '!', '?':
			return i + 1
		case ':':
			if !betweenThresholds(text, i, end) {
				return i + 1
			}
		case '\'':
			if i == 0 || !isLetter(text[i-1]) && !isDigit(text[i-1]) || i+1 < end && !isLetter(text[i+1]) {
				return i + 1
			}
		case ')':
			open := opening(text, i+1)
			if open < 0 {
				return i + 1
			}
			i = open
		case ' ':
			if i+2 < end && text[i+1] == '-' && text[i+2] == ' ' {
				return i + 3
			}
			if i > 0 && text[i-1] == '.' && i+1 < end && text[i+1] >= 'A' && text[i+1] <= 'Z' {
				return i + 1
			}
			if i > 0 && text[i-1] != ' ' {
				words++
			}
			if words == maxLabelWords {
				return i + 1
			}
		}
	}
	return 0
}

// wordStart is the first start of a word at or after i, so that a label is not cut inside one.
func wordStart(text []byte, i, end int) int {
	for j := i; j < end; j++ {
		if text[j] == ' ' {
			return j + 1
		}
	}
	return i
}

// opening is the index of the bracket that the one at text[end-1] closes, on the same clause; -1 where there is none.
func opening(text []byte, end int) int {
	depth := 0
	for i := end - 1; i >= 0 && end-i <= maxLabel; i-- {
		switch text[i] {
		case ')', ']':
			depth++
		case '(', '[':
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// betweenThresholds reports whether the colon at i stands in a range such as that of "mAP@0.5:0.95", and so in a name.
func betweenThresholds(text []byte, i, end int) bool {
	if i+1 >= end || !isDigit(text[i+1]) && text[i+1] != '.' {
		return false
	}
	for i--; i >= 0; i-- {
		switch c := text[i]; {
		case c == '@':
			return true
		case !isDigit(c) && c != '.' && c != ':':
			return false
		}
	}
	return false
}
