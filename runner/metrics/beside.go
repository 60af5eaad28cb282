package metrics

import (
	"bufio"
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

const tagged = `\[([1-9][0-9]{1,18})\][ \t]*`

var (
	tag     = regexp.MustCompile(tagged)
	headTag = regexp.MustCompile("^" + tagged)
)

// InOrder returns an output, read from its start, in which lines that begin with the number of the process that printed them,
// "[4711] job 3 loss 0.5", have lost it, and stand where chance does not move them: those of the first process where they were, behind
// them those of each child, and last those of all processes of pools, sorted, numbers by their value. Where no line begins so, or one
// with a number in brackets that is no process's, as steps are, the output is returned as it is.
func InOrder(output io.ReadSeeker, printers []Printer) (io.ReadSeeker, error) {
	size, err := output.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
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
	own := false
	if size <= maxBeside {
		if own, err = printedBy(output, of); err != nil {
			return nil, err
		}
	}
	if _, err := output.Seek(0, io.SeekStart); err != nil || !own {
		return output, err
	}
	text := make([]byte, size)
	n, err := io.ReadFull(output, text)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	var first, pools [][]byte
	children := make([][][]byte, len(printers))
	for _, line := range ownLines(text[:n], of) {
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

// printedBy reports whether lines begin with a number in brackets, and each of these is one that of has.
func printedBy(output io.ReadSeeker, of map[int64]int) (own bool, err error) {
	if _, err := output.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	in := bufio.NewReader(output)
	for {
		line, err := in.ReadSlice('\n')
		if found := headTag.FindSubmatchIndex(line); found != nil {
			if _, own = printerOf(line, found, of); !own {
				return false, nil
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return own, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// printerOf is the process of a tag that was found in a line.
func printerOf(line []byte, found []int, of map[int64]int) (printer int, known bool) {
	pid, _ := strconv.ParseInt(string(line[found[2]:found[3]]), 10, 64)
	printer, known = of[pid]
	return printer, known
}

// ownLine is a line without its tag; printer is -1 where it had none.
type ownLine struct {
	text    []byte
	printer int
}

// ownLines cuts a text into lines, also where one process began its own before another had ended one.
func ownLines(text []byte, of map[int64]int) (lines []ownLine) {
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		at, printer := 0, -1
		for _, found := range tag.FindAllSubmatchIndex(line, -1) {
			next, known := printerOf(line, found, of)
			if !known {
				continue
			}
			if found[0] > 0 {
				if printer < 0 {
					break
				}
				lines = append(lines, ownLine{line[at:found[0]], printer})
			}
			at, printer = found[1], next
		}
		lines = append(lines, ownLine{line[at:], printer})
	}
	return lines
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
