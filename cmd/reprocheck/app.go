package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/report"
	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/seed"
)

// version is reprocheck's own; a release build sets it with -ldflags -X main.version=....
var version = "0.1.0-dev"

// process is what the operating system gives this process, so that tests can give something else.
type process struct {
	stdin  *os.File
	stdout io.Writer
	stderr io.Writer
	env    []string
	dir    func() (string, error)
}

// run carries out one command line and returns the exit status. It is the only place that prints errors.
func run(ctx context.Context, args []string, p process) int {
	app := newApp(p)
	var help bytes.Buffer
	app.Writer = &help
	err := app.RunContext(ctx, flagsFirst(app, helpAsFlag(args)))
	if help.Len() > 0 {
		_, writeErr := io.WriteString(p.stdout, fitHelp(help.String(), p.columns()))
		err = errors.Join(err, writeErr)
	}
	var status *statusError
	if errors.As(err, &status) && status.err == nil {
		return status.code
	}
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(p.stderr, "reprocheck: interrupted")
	} else {
		fmt.Fprintf(p.stderr, "reprocheck: error: %s\n", printable(err))
	}
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(p.stderr, "reprocheck: hint: %s\n", terminal.Printable(hint))
	}
	return codeOf(err)
}

// printable is what an error says, whatever the names and the text of files that it cites hold; none of its lines passes for
// another message.
func printable(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = terminal.Printable(strings.ReplaceAll(line, "\t", "  "))
	}
	return strings.Join(lines, "\n  ")
}

func newApp(p process) *cli.App {
	app := &cli.App{
		Name:            "reprocheck",
		Usage:           "find out whether a training command gives the same result twice, and what stops it",
		UsageText:       "reprocheck run -- python train.py\nreprocheck COMMAND --help",
		Version:         version,
		Description:     exitStatusHelp,
		HideHelpCommand: true,
		ErrWriter:       p.stderr,
		Reader:          p.stdin,
		Suggest:         true,
		// The library would otherwise end the process by itself for every error that has an exit code of its own.
		ExitErrHandler:  func(*cli.Context, error) {},
		OnUsageError:    wrongFlag,
		CommandNotFound: helpDespiteArguments,
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				names := commandNames(c.App)
				return usagef("there is no command %q%s; the commands are %s", name, didYouMean("", seed.Nearest(name, names)), strings.Join(names, ", "))
			}
			return cli.ShowAppHelp(c)
		},
		Commands: []*cli.Command{
			runCommand(p), compareCommand(p), checklistCommand(p), reportCommand(p), checkpointCommand(p), envCommand(p), doctorCommand(p),
		},
	}
	for _, c := range app.Commands {
		c.OnUsageError = wrongFlag
	}
	plainSwitches(app.Commands)
	return app
}

func didYouMean(dashes, nearest string) string {
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", dashes+nearest)
}

func commandNames(app *cli.App) []string {
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	return names
}

// environ is the process's environment by name.
func (p process) environ() map[string]string {
	env := map[string]string{}
	for _, kv := range p.env {
		if name, value, ok := strings.Cut(kv, "="); ok {
			env[name] = value
		}
	}
	return env
}

// terminal describes what is behind w: a file, unless it is one of the process's own streams.
func (p process) terminal(w io.Writer) terminal.Terminal {
	f, ok := w.(*os.File)
	if !ok {
		return terminal.Terminal{}
	}
	env := p.environ()
	return terminal.Detect(f, func(name string) string { return env[name] })
}

// usualWidth is that of a terminal whose width is not known, and of files.
const usualWidth = 80

// columns is the width of what is behind standard output.
func (p process) columns() int {
	if width := p.terminal(p.stdout).Width; width != nil && width() > 0 {
		return width()
	}
	return usualWidth
}

// textOptions fit a text report to where standard output goes.
func (p process) textOptions() report.TextOptions {
	t := p.terminal(p.stdout)
	o := report.TextOptions{Color: t.Color}
	if t.Rewrites && t.Width != nil {
		o.Width = t.Width()
	}
	return o
}
