package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/report/terminal"
)

// helpAsFlag lets `reprocheck help run` be what `reprocheck run --help` is.
func helpAsFlag(args []string) []string {
	if len(args) > 1 && args[1] == "help" {
		return append(append([]string{args[0]}, args[2:]...), "--help")
	}
	return args
}

// helpDespiteArguments shows a command's help where --help stands before arguments, which the library takes for the name of
// what help is wanted of.
func helpDespiteArguments(c *cli.Context, _ string) {
	_ = cli.ShowSubcommandHelp(c) // its only errors are those of writing
}

// plainSwitches has no help say of a switch that it is off unless it is given.
func plainSwitches(commands []*cli.Command) {
	for _, c := range commands {
		for _, f := range c.Flags {
			if f, ok := f.(*cli.BoolFlag); ok {
				f.DisableDefaultText = true
			}
		}
		plainSwitches(c.Subcommands)
	}
}

// fitHelp breaks a help that the library made to lines of width columns. Examples and usage lines stay whole, to be copied.
func fitHelp(help string, width int) string {
	const widest = 100 // longer lines are hard to read
	h := helpPage{width: min(width, widest)}
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, " \n")
		body := strings.TrimLeft(line, " ")
		switch indent := len(line) - len(body); {
		case indent == 0:
			h.flush()
			h.b.WriteString(line + "\n")
			if line != "" {
				h.section = line
			}
		case indent == len(helpIndent) && (h.section == "NAME:" || h.section == "DESCRIPTION:"):
			h.paragraph = append(h.paragraph, body)
		case strings.HasSuffix(h.section, "OPTIONS:") || h.section == "COMMANDS:":
			name, text, _ := strings.Cut(body, "  ")
			if once, _, again := strings.Cut(name, " [ "); again {
				name, text = once, text+" (may be given again)"
			}
			h.rows = append(h.rows, [2]string{name, strings.TrimSpace(text)})
		default:
			h.flush()
			h.b.WriteString(line + "\n")
		}
	}
	h.flush()
	return h.b.String()
}

// helpIndent is what the library puts before every line of a section.
const helpIndent = "   "

// helpPage is a help in the making, with the lines of a section that belong together.
type helpPage struct {
	b         strings.Builder
	width     int
	section   string
	paragraph []string
	rows      [][2]string // options or commands: name and text
}

func (h *helpPage) flush() {
	if len(h.paragraph) > 0 {
		room := h.width - len(helpIndent)
		for _, line := range terminal.Wrap(strings.Join(h.paragraph, " "), room, room) {
			h.b.WriteString(helpIndent + line + "\n")
		}
	}
	column, lead := 0, ""
	for _, row := range h.rows {
		column = max(column, len(helpIndent)+len(row[0])+2)
	}
	const narrowest = 30
	under := h.width-column < narrowest // each text below its name
	if under {
		column = 3 * len(helpIndent)
	}
	for _, row := range h.rows {
		lead = helpIndent + row[0]
		if under {
			h.b.WriteString(lead + "\n")
			lead = ""
		}
		for _, line := range terminal.Wrap(row[1], h.width-column, h.width-column) {
			fmt.Fprintf(&h.b, "%-*s%s\n", column, lead, line)
			lead = ""
		}
	}
	h.paragraph, h.rows = nil, nil
}
