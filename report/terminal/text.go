package terminal

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Printable makes text from anywhere safe to show: file names, metric names and source lines can hold terminal
// escapes, newlines that forge a line of a report, or overrides of the writing direction. Whatever does not print is
// shown escaped, as in a Go string.
func Printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i]), 16))
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}

// Cells counts the columns that printable text takes, the same in every locale.
func Cells(s string) int { return condition().StringWidth(s) }

// Fit shortens printable text to width cells, with an ellipsis where something was left out.
func Fit(s string, width int) string {
	const ellipsis = "..."
	switch {
	case Cells(s) <= width:
		return s
	case width < len(ellipsis):
		return condition().Truncate(s, max(width, 0), "")
	}
	return condition().Truncate(s, width, ellipsis)
}

// condition is not the package's default, which depends on the locale of whoever runs the program.
func condition() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }

// Wrap breaks printable text into lines between words: the first of at most first cells, the others of at most rest. A
// longer word stands alone, whole, so that a path can be copied. Newlines in the text are kept.
func Wrap(s string, first, rest int) []string {
	var lines []string
	width := first
	for paragraph := range strings.SplitSeq(s, "\n") {
		line, used := "", 0
		for _, word := range strings.Fields(paragraph) {
			n := Cells(word)
			if used > 0 && used+1+n > width {
				lines, line, used, width = append(lines, line), "", 0, rest
			}
			if used > 0 {
				line, used = line+" ", used+1
			}
			line, used = line+word, used+n
		}
		lines, width = append(lines, line), rest
	}
	return lines
}
