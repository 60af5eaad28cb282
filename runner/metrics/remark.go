package metrics

import (
	"bytes"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
)

// remarks passes over what the interpreter itself says on standard error: warnings with the line of source that they are about,
// in which "loss = 0.5 * x" is no loss, and tracebacks.
type remarks struct {
	block block
}

type block int

const (
	outside block = iota
	warning
	traceback
)

// skip reports whether the line is part of a remark.
func (r *remarks) skip(line []byte) bool {
	indented := len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
	was := r.block
	if was != outside && indented {
		return true
	}
	switch {
	case bytes.HasPrefix(line, []byte("Traceback (most recent call last)")):
		r.block = traceback
	case isWarning(line):
		r.block = warning
	default:
		r.block = outside
		return was == traceback // the exception itself
	}
	return true
}

// isWarning recognises "train.py:12: UserWarning: text", as Python's warnings are shown.
func isWarning(line []byte) bool {
	head, _, found := bytes.Cut(line, []byte("Warning: "))
	if !found {
		return false
	}
	colon := bytes.LastIndex(head, []byte(": "))
	return colon > 0 && isDigit(head[colon-1])
}

// results keeps, of the numbers on standard error, those that the user's own pattern reads or whose name says that they are a
// result, and the steps: between them stand what libraries say of themselves, versions, counts of retries, resources used.
func results(fields []field) []field {
	kept := fields[:0]
	for _, f := range fields {
		if f.role != measured || f.given || f.why == "" && volatile.Measure(string(f.label)) {
			kept = append(kept, f)
		}
	}
	return kept
}

// afterBar is what was printed on the line of a bar of tqdm's before the bar was done: "40%|████| 4/10 [00:01<00:02]epoch 1: loss 0.5".
// How far the bar had been drawn by then depends on the clock. A line without such a text is returned whole.
func afterBar(line []byte) []byte {
	at := bytes.Index(line, []byte("%|"))
	if at < 0 {
		return line
	}
	for i := at; i+2 < len(line); i++ {
		if line[i] != '[' || line[i-1] != ' ' || !isDigit(line[i+1]) {
			continue
		}
		clock, end := bytes.IndexByte(line[i:], ':'), bytes.IndexByte(line[i:], ']')
		if clock < 0 || end < clock {
			continue
		}
		if rest := line[i+end+1:]; len(bytes.TrimSpace(rest)) > 0 {
			return rest
		}
		break
	}
	return line
}
