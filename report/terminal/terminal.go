package terminal

import (
	"os"

	"golang.org/x/term"
)

// Terminal describes where text is written. The zero value is a file.
type Terminal struct {
	// Rewrites says that it is a terminal on which a line can be rewritten in place.
	Rewrites bool
	// Color allows colours.
	Color bool
	// Width returns the number of columns at this moment, since a terminal can be resized; nil or 0 where it is unknown.
	Width func() int
}

// Detect describes what is behind f. getenv looks a variable up in the environment of the user: TERM=dumb means a
// terminal without control sequences, NO_COLOR one on which no colours are wanted (no-color.org).
func Detect(f *os.File, getenv func(string) string) Terminal {
	fd := int(f.Fd())
	rewrites := term.IsTerminal(fd) && getenv("TERM") != "dumb"
	return Terminal{
		Rewrites: rewrites,
		Color:    rewrites && getenv("NO_COLOR") == "",
		Width: func() int {
			width, _, err := term.GetSize(fd)
			if err != nil {
				return 0
			}
			return width
		},
	}
}
