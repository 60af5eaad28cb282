package metrics

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// maxBeside bounds the output whose lines are put in order.
const maxBeside = 16 << 20

// InOrder returns an output, read from its start, in which the lines that child processes of a run printed stand behind the others and in
// an order of their own: which comes first, and which process takes a task of a pool, is chance. Such a line holds the number of the
// process that printed it, "[4711] job 3 loss 0.5", which is left out. So it is with a single child, since a pool has one where its
// order is pinned.
func InOrder(output io.ReadSeeker, children []int64) (io.Reader, error) {
	size, err := output.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := output.Seek(0, io.SeekStart); err != nil || len(children) == 0 || size > maxBeside {
		return output, err
	}
	text := make([]byte, size)
	if n, err := io.ReadFull(output, text); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	} else {
		text = text[:n]
	}
	own := ownNumbers{pids: slices.Sorted(slices.Values(children))}
	var rest, beside [][]byte
	for line := range bytes.Lines(text) {
		if masked := own.mask(line); bytes.Equal(masked, line) {
			rest = append(rest, line)
		} else {
			beside = appendLines(beside, bytes.TrimRight(masked, "\r\n"))
		}
	}
	if n := len(rest); n > 0 && rest[n-1][len(rest[n-1])-1] != '\n' {
		rest = append(rest, []byte{'\n'})
	}
	slices.SortFunc(beside, bytes.Compare)
	return bytes.NewReader(bytes.Join(append(rest, beside...), nil)), nil
}

// appendLines adds the lines of which one is made, where one process began before another had ended its own.
func appendLines(lines [][]byte, joined []byte) [][]byte {
	tag := []byte("[<process>]")
	for len(joined) > 0 {
		end := len(joined)
		if i := bytes.Index(joined[1:], tag); i >= 0 {
			end = i + 1
		}
		lines = append(lines, append(bytes.Clone(joined[:end]), '\n'))
		joined = joined[end:]
	}
	return lines
}
