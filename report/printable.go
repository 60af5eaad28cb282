package report

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// printable makes text that came from a run safe to show: file names, metric names and source lines can hold terminal
// escapes, newlines that forge a line of the report, or overrides of the writing direction. Whatever does not print
// is shown escaped, as in a Go string.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
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

// columns counts the terminal cells of printable text. The condition is its own, so that nothing depends on the
// locale of whoever runs the program.
func columns(s string) int { return cells().StringWidth(s) }

// fit shortens printable text to width cells, with an ellipsis in place of what was left out.
func fit(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	return cells().Truncate(s, width, "...")
}

func cells() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }

// wrap breaks text into lines between words: the first of at most first cells, the others of at most rest. A longer
// word stands alone, whole, so that a path can be copied. Newlines in the text are kept.
func wrap(s string, first, rest int) []string {
	var lines []string
	width := first
	for paragraph := range strings.SplitSeq(s, "\n") {
		line, used := "", 0
		for _, word := range strings.Fields(paragraph) {
			n := columns(word)
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

// prose is printable for text of several lines, in which a newline is meant.
func prose(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i, line := range lines {
		lines[i] = printable(strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}

// shellWords shows a command as it would be typed in a shell.
func shellWords(command []string) string {
	var words []string
	for _, word := range command {
		plain := strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@%+") == ""
		if word == "" || !plain {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, printable(word))
	}
	return strings.Join(words, " ")
}
