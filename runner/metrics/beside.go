package metrics

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
)

// maxBeside bounds the output whose lines are put in order.
const maxBeside = 16 << 20

// A Printer is a process of a run that may have printed lines.
type Printer struct {
	PIDs []int64
	// Child says that it is not the run's first process: when it prints, in regard to the others, is chance.
	Child bool
	// Pool says that which of several processes did its work is chance as well.
	Pool bool
}

var tag = regexp.MustCompile(`\[([1-9][0-9]{1,18})\][ \t]*`)

// InOrder returns an output, read from its start, in which lines that begin with the number of the process that printed them,
// "[4711] job 3 loss 0.5", have lost it, and stand where chance does not move them: those of the first process where they were, behind
// them those of each child, and last those of all processes of pools, sorted, numbers by their value. Where a line begins with
// a number in brackets that is no process's, such numbers are steps or the like, and the output is returned as it is.
func InOrder(output io.ReadSeeker, printers []Printer) (io.Reader, error) {
	size, err := output.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := output.Seek(0, io.SeekStart); err != nil || size > maxBeside {
		return output, err
	}
	const least = 100 // anything may be a small number in brackets
	of := map[int64]int{}
	for i, p := range printers {
		for _, pid := range p.PIDs {
			if _, taken := of[pid]; !taken && pid >= least {
				of[pid] = i
			}
		}
	}
	text := make([]byte, size)
	n, err := io.ReadFull(output, text)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	lines, tagged := ownLines(text[:n], of)
	if !tagged {
		_, err := output.Seek(0, io.SeekStart)
		return output, err
	}
	var first, pools [][]byte
	children := make([][][]byte, len(printers))
	for _, line := range lines {
		switch {
		case line.printer < 0 || !printers[line.printer].Child:
			first = append(first, line.text)
		case printers[line.printer].Pool:
			pools = append(pools, line.text)
		default:
			children[line.printer] = append(children[line.printer], line.text)
		}
	}
	slices.SortFunc(pools, compareNumbered)
	all := slices.Concat(append(append([][][]byte{first}, children...), pools)...)
	return bytes.NewReader(append(bytes.Join(all, []byte("\n")), '\n')), nil
}

// ownLine is a line without its tag; printer is -1 where it had none.
type ownLine struct {
	text    []byte
	printer int
}

// ownLines cuts a text into lines, also where one process began its own before another had ended one. It reports whether some are tagged,
// and all that begin with a number in brackets by one that of has.
func ownLines(text []byte, of map[int64]int) (lines []ownLine, tagged bool) {
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		at, printer := 0, -1
		for _, found := range tag.FindAllSubmatchIndex(line, -1) {
			pid, _ := strconv.ParseInt(string(line[found[2]:found[3]]), 10, 64)
			number, known := of[pid]
			if !known {
				if found[0] == 0 {
					return nil, false
				}
				continue
			}
			if found[0] > 0 {
				if printer < 0 {
					break
				}
				lines = append(lines, ownLine{line[at:found[0]], printer})
			}
			at, printer, tagged = found[1], number, true
		}
		lines = append(lines, ownLine{line[at:], printer})
	}
	return lines, tagged
}

// compareNumbered orders texts, numbers in them by their value.
func compareNumbered(a, b []byte) int {
	for len(a) > 0 && len(b) > 0 {
		n, m := digits(a), digits(b)
		if n == 0 || m == 0 {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := bytes.TrimLeft(a[:n], "0"), bytes.TrimLeft(b[:m], "0")
		if by := cmp.Or(cmp.Compare(len(x), len(y)), bytes.Compare(x, y), cmp.Compare(n, m)); by != 0 {
			return by
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits counts those at the front.
func digits(text []byte) int {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}
