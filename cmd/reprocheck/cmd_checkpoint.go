package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/report"
	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

// softMemory is the size in bytes from which garbage is collected as often as that takes: what readers hold of a hostile
// file is bounded, and would double until the usual time of a collection.
const softMemory = 40 << 20

const checkpointStatusHelp = "2 bad usage or a file that cannot be read, 130 interrupted."

func checkpointCommand(p process) *cli.Command {
	command := &cli.Command{
		Name:      "checkpoint",
		Usage:     "look into checkpoints, compare, check and plan them, without Python and without running anything in them",
		UsageText: "reprocheck checkpoint inspect|hash|diff|lint|explain|plan --help",
		Description: `A file's format is told by its content, whatever its name:
` + formats() + `;
models in shards and directories of torch.distributed.checkpoint. A pickle is read as data; nothing in it is carried out.`,
		HideHelpCommand: true,
		Before: func(*cli.Context) error {
			if debug.SetMemoryLimit(-1) == math.MaxInt64 { // the user has set none in GOMEMLIMIT
				debug.SetMemoryLimit(softMemory)
			}
			return nil
		},
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return usagef("there is no command %q; the commands are %s", "checkpoint "+name, strings.Join(subcommandNames(c.Command), ", "))
			}
			return cli.ShowSubcommandHelp(c)
		},
		Subcommands: []*cli.Command{
			inspectCommand(p), hashCommand(p), diffCommand(p), lintCommand(p), explainCommand(p), planCommand(p),
		},
	}
	for _, c := range command.Subcommands {
		c.HideHelpCommand = true
		c.OnUsageError = wrongFlag
		c.Before = targets
	}
	return command
}

// formats lists what files can be read.
func formats() string {
	var names []string
	for _, r := range all.Readers() {
		names = append(names, r.Format())
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

func subcommandNames(command *cli.Command) []string {
	var names []string
	for _, c := range command.Subcommands {
		names = append(names, c.Name)
	}
	return names
}

func checkpointJSONFlag() cli.Flag {
	return &cli.StringFlag{Name: "json", Usage: "write the result as JSON to `FILE`, - for standard output"}
}

// paths returns the arguments, of which there are n; 0 is one or more.
func paths(c *cli.Context, n int) ([]string, error) {
	switch given := c.NArg(); {
	case n == 0 && given == 0:
		return nil, usagef("%s needs at least one path", c.Command.HelpName)
	case n > 0 && given != n:
		return nil, usagef("%s takes %d path%s, and was given %d", c.Command.HelpName, n, plural(n), given)
	}
	return c.Args().Slice(), nil
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// unreadable is the error of a file that is not what it should be, which is no failure of reprocheck.
func unreadable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return usage(err)
}

// show writes a result: as text to standard output, and as JSON where it was asked for; with "-" as JSON alone.
func (p process) show(c *cli.Context, result any, text func(io.Writer) error) error {
	encode := func(w io.Writer) error { return report.EncodeJSON(w, result) }
	path := c.String("json")
	if path == "-" {
		return encode(p.stdout)
	}
	if path != "" {
		if err := writeReport(path, encode); err != nil {
			return err
		}
	}
	return text(p.stdout)
}

// paged fits a text for people to where standard output goes: nothing in it controls the terminal, and on one it is
// broken to its width, with what follows of a line behind its indentation.
func (p process) paged(text func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error { return page(w, p.textOptions().Width, text) }
}

// page breaks the lines of a text to width columns; 0 breaks none.
func page(w io.Writer, width int, text func(io.Writer) error) error {
	lines := &pager{w: bufio.NewWriter(w), width: width}
	if err := text(lines); err != nil {
		return err
	}
	lines.end()
	return lines.w.Flush()
}

// pager breaks the lines that are written to it.
type pager struct {
	w     *bufio.Writer
	width int
	line  []byte // the last one, which has not ended
}

func (p *pager) Write(text []byte) (int, error) {
	for line := range bytes.Lines(text) {
		p.line = append(p.line, line...)
		if bytes.HasSuffix(line, []byte("\n")) {
			p.end()
		}
	}
	return len(text), nil
}

// end writes the last line, unless nothing is in it.
func (p *pager) end() {
	if len(p.line) == 0 {
		return
	}
	line := terminal.Printable(strings.TrimRight(string(p.line), " \n"))
	p.line = p.line[:0]
	if p.width <= 0 || terminal.Cells(line) <= p.width {
		p.w.WriteString(line + "\n")
		return
	}
	body := strings.TrimLeft(line, " ")
	indent := strings.Repeat(" ", len(line)-len(body))
	for i, part := range terminal.Wrap(body, p.width-len(indent), p.width-len(indent)-4) {
		if i > 0 {
			p.w.WriteString("    ")
		}
		p.w.WriteString(indent + part + "\n")
	}
}
