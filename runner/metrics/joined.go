package metrics

import "bytes"

// cutJoined takes the first of the lines that ran into each other: processes that share a pipe, such as the ranks of a torchrun, each
// write a line's text and its end apart where Python's output is unbuffered, and then a line can begin behind the text of another:
// "[rank 0] loss 0.5[rank 1] loss 0.4". Lines of one program begin alike, so the next one begins where the first word of this one
// stands again, directly behind something that cannot be part of a word.
func cutJoined(line []byte) (first, rest []byte) {
	head := beginning(line)
	if head == nil {
		return line, nil
	}
	for at := len(head); ; {
		i := bytes.Index(line[at:], head)
		if i < 0 {
			return line, nil
		}
		at += i
		if endsLine(line[at-1], head[0]) {
			return line[:at], line[at:]
		}
		at += len(head)
	}
}

// beginning is the first word of a line, with the bracket before it and the '=' or ':' behind it; nil where it is not plainly a word,
// as the beginning of a digest is not.
func beginning(line []byte) []byte {
	n := 0
	for n < len(line) && n < 2 && bytes.IndexByte([]byte("[{('\""), line[n]) >= 0 {
		n++
	}
	word := n
	for n < len(line) && n < 32 && (isLetter(line[n]) || line[n] == '_') {
		n++
	}
	if n-word < 3 || word == 0 && n < len(line) && isDigit(line[n]) {
		return nil
	}
	if n < len(line) && bytes.IndexByte([]byte("=:'\""), line[n]) >= 0 {
		n++
	}
	return line[:n]
}

// endsLine reports whether a line can end with a byte right before another that begins with next.
func endsLine(last, next byte) bool {
	switch {
	case bytes.IndexByte([]byte(")]}%"), last) >= 0 || isDigit(last):
		return true
	case isLetter(next):
		return false
	}
	return isLetter(last) || last == '.'
}
