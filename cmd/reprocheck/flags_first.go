package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags that stand after arguments before them, since the library ends flags at the first argument: people add
// --disk 50GB at the end. What follows `--` stays as it is, and so does a command that is to be run.
func flagsFirst(app *cli.App, args []string) []string {
	command, at := named(app.Commands, args, 1)
	if command == nil || command.Name == "run" {
		return args
	}
	flags, rest := slices.Clone(args[:at]), []string(nil)
	for at < len(args) {
		arg := args[at]
		at++
		switch {
		case arg == "--":
			return slices.Concat(flags, []string{arg}, rest, args[at:])
		case !strings.HasPrefix(arg, "-") || arg == "-":
			rest = append(rest, arg)
		default:
			flags = append(flags, arg)
			if takesValue(command, arg) && at < len(args) {
				flags = append(flags, args[at])
				at++
			}
		}
	}
	return append(flags, rest...)
}

// named is the command, or the command's command, that args name from at on, and where what is given to it begins; nil where there
// is none, or where a flag stands before its name.
func named(commands []*cli.Command, args []string, at int) (*cli.Command, int) {
	if at >= len(args) {
		return nil, at
	}
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(args[at]) })
	if i < 0 {
		return nil, at
	}
	if inner, after := named(commands[i].Subcommands, args, at+1); inner != nil {
		return inner, after
	}
	return commands[i], at + 1
}

// takesValue reports whether the argument after a flag is its value.
func takesValue(command *cli.Command, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	return !strings.Contains(name, "=") && slices.ContainsFunc(command.Flags, func(f cli.Flag) bool {
		_, isSwitch := f.(*cli.BoolFlag)
		return !isSwitch && slices.Contains(f.Names(), name)
	})
}
