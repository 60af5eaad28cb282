package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner/checkpoint/lint"
)

func lintCommand(p process) *cli.Command {
	return &cli.Command{
		Name:      "lint",
		Usage:     "say whether a checkpoint is enough to resume a training exactly, and whether it is damaged",
		UsageText: "reprocheck checkpoint lint [--json FILE] PATH",
		Description: `PATH is a file, or the directory over whose files a checkpoint is spread. Each part of a training is present, missing, or
cannot be told; ` + "`reprocheck checkpoint explain CK004`" + ` documents a rule.

   reprocheck checkpoint lint last.ckpt
   reprocheck checkpoint lint output/checkpoint-500

Exit status: 0 nothing that resuming needs is known to be missing, and nothing damaged; 1 something is; ` + checkpointStatusHelp,
		Flags: []cli.Flag{checkpointJSONFlag()},
		Action: func(c *cli.Context) error {
			args, err := paths(c, 1)
			if err != nil {
				return err
			}
			d, err := lint.Path(c.Context, args[0])
			if err != nil {
				return unreadable(err)
			}
			if err := p.show(c, d, p.paged(d.WriteText)); err != nil {
				return err
			}
			switch {
			case d.Unreadable():
				return usagef("%s cannot be read whole", terminal.Printable(args[0]))
			case !d.Complete():
				return status(1)
			}
			return nil
		},
	}
}

func explainCommand(p process) *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "document a rule of lint, or list them all",
		UsageText: "reprocheck checkpoint explain [--json FILE] [RULE]",
		Description: `   reprocheck checkpoint explain
   reprocheck checkpoint explain CK004`,
		Flags: []cli.Flag{checkpointJSONFlag()},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return p.show(c, lint.Rules(), listRules)
			}
			if c.NArg() > 1 {
				return usagef("%s takes one rule, and was given %d", c.Command.HelpName, c.NArg())
			}
			id := c.Args().First()
			rule, ok := lint.Explain(strings.ToUpper(id))
			if !ok {
				return usagef("there is no rule %q; `reprocheck checkpoint explain` lists them", id)
			}
			return p.show(c, rule, p.paged(rule.WriteText))
		},
	}
}

func listRules(w io.Writer) error {
	for _, r := range lint.Rules() {
		if _, err := fmt.Fprintf(w, "%s  %s\n", r.ID, r.Title); err != nil {
			return err
		}
	}
	return nil
}
