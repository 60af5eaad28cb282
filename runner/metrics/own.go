package metrics

import (
	"slices"
	"strconv"
)

// ownNumbers takes the numbers of a run's processes, which are sorted, out of its lines, "[4711] saved".
type ownNumbers struct {
	pids []int64
	out  []byte
}

// mask returns the line with a word in place of each such number; the result is valid until the next call. Digits that are a part of
// a word or of another number are no such number.
func (o *ownNumbers) mask(line []byte) []byte {
	if len(o.pids) == 0 {
		return line
	}
	o.out = o.out[:0]
	copied := 0
	for i := 0; i < len(line); {
		if !isDigit(line[i]) {
			i++
			continue
		}
		start := i
		for i < len(line) && isDigit(line[i]) {
			i++
		}
		if o.has(line[start:i]) && apart(line, start-1, start-2) && apart(line, i, i+1) {
			o.out = append(append(o.out, line[copied:start]...), "<process>"...)
			copied = i
		}
	}
	if copied == 0 {
		return line
	}
	o.out = append(o.out, line[copied:]...)
	return o.out
}

// has reports whether digits are one of the numbers, as it is written.
func (o *ownNumbers) has(digits []byte) bool {
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || digits[0] == '0' {
		return false
	}
	_, found := slices.BinarySearch(o.pids, n)
	return found
}

// apart reports whether the byte at i, beyond which further lies, ends a number: no letter, and no point or sign with a digit behind it.
func apart(line []byte, i, further int) bool {
	if i < 0 || i >= len(line) {
		return true
	}
	joins := line[i] == '.' || line[i] == '-' || line[i] == '+'
	return !isWord(line[i]) && !(joins && further >= 0 && further < len(line) && isDigit(line[further]))
}
