package report

import (
	"strings"

	"github.com/reprocheck/reprocheck/report/terminal"
)

// prose is terminal.Printable for text of several lines, in which a newline is meant.
func prose(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i, line := range lines {
		lines[i] = terminal.Printable(strings.TrimSpace(line))
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
		words = append(words, terminal.Printable(word))
	}
	return strings.Join(words, " ")
}
