package lightgbm

import (
	"bufio"
	"io"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// maxLine bounds a line. The longest ones list features by name.
const maxLine = 8 << 20

// lines reads a text line by line, without those that are empty.
type lines struct {
	r       *bufio.Reader
	line    string
	number  int
	pending bool // line was put back
}

// next moves to the next line; it returns io.EOF behind the last one.
func (l *lines) next() error {
	if l.pending {
		l.pending = false
		return nil
	}
	for {
		var text []byte
		for {
			part, err := l.r.ReadSlice('\n')
			text = append(text, part...)
			if len(text) > maxLine {
				return checkpoint.Limit("line %d of more than %d MiB", l.number+1, maxLine>>20)
			}
			if err == nil || err == io.EOF && len(text) > 0 {
				break
			}
			if err != bufio.ErrBufferFull {
				return err
			}
		}
		l.number++
		if l.line = strings.TrimSuffix(string(text), "\n"); l.line != "" {
			return nil
		}
	}
}

// need is next where the text must go on.
func (l *lines) need() error {
	err := l.next()
	if err == io.EOF {
		err = checkpoint.Damaged("the text ends after line %d", l.number)
	}
	return err
}

// back makes next return the same line again.
func (l *lines) back() { l.pending = true }

// damaged returns an error about the line.
func (l *lines) damaged(what string) error {
	return checkpoint.Damaged("line %d: %s: %q", l.number, what, checkpoint.Clip(l.line, 60))
}
