package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/seed"
)

func envCommand(p process) *cli.Command {
	return &cli.Command{
		Name:      "env",
		Usage:     "print the controlled environment, for eval in a shell",
		UsageText: "reprocheck env [--seed S] [--pin IDS|all]",
		Description: `   eval "$(reprocheck env --pin all --seed 7)"

Comments name the sources that an environment alone cannot pin, and what can.`,
		HideHelpCommand: true,
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "seed", Usage: "`S` from which pinned values are derived"},
			&cli.StringFlag{Name: "pin", Value: "all", Usage: "the sources to pin: `IDS` separated by commas, or all"},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("env takes no arguments, and was given %q", c.Args().First())
			}
			ids, err := seed.Parse(c.String("pin"), seed.Pin)
			if err != nil {
				return usage(err)
			}
			levels := seed.Levels{}
			for _, id := range ids {
				levels[id] = seed.Pin
			}
			settings, err := seed.Resolve(levels, c.Uint64("seed"), 0, p.environ())
			if err != nil {
				return usage(err)
			}
			_, err = fmt.Fprint(p.stdout, seed.EnvScript(settings))
			return err
		},
	}
}
