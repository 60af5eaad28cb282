package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/seed"
)

// What package flag says of a flag that does not exist, has no value, or has one that it cannot have.
var (
	unknownFlag  = regexp.MustCompile(`^flag provided but not defined: -(.*)$`)
	missingValue = regexp.MustCompile(`^flag needs an argument: -(.*)$`)
	wrongValue   = regexp.MustCompile(`(?s)^invalid (?:boolean )?value (".*") for (?:flag )?-(\S+): (.*)$`)
)

// wrongFlag tells of an option in the words of the command line, where the library would print all help.
func wrongFlag(c *cli.Context, err error, _ bool) error {
	command := c.Command.HelpName
	said := err.Error()
	if m := unknownFlag.FindStringSubmatch(said); m != nil {
		var known []string
		for _, f := range c.Command.Flags {
			known = append(known, f.Names()[0]) // the long one
		}
		err = fmt.Errorf("%s has no option %s%s", command, dashed(m[1]), didYouMean("--", seed.Nearest(m[1], known)))
	} else if m := missingValue.FindStringSubmatch(said); m != nil {
		err = fmt.Errorf("%s needs a value", dashed(m[1]))
	} else if m := wrongValue.FindStringSubmatch(said); m != nil {
		if values := valuesOf(c.Command.Flags, m[2]); values != "" {
			err = fmt.Errorf("%s %s is not %s", dashed(m[2]), m[1], values)
		} else {
			err = errors.New(dashed(m[2]) + " " + m[1] + ": " + m[3])
		}
	}
	return hinted(err, exitUsage, command+" --help lists the options")
}

// dashed is an option's name as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + strings.TrimLeft(name, "-")
}

// valuesOf says in words what values an option takes.
func valuesOf(flags []cli.Flag, name string) string {
	i := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return ""
	}
	switch flags[i].(type) {
	case *cli.IntFlag:
		return "a whole number"
	case *cli.Uint64Flag:
		return "a whole number from 0 to 2^64-1"
	case *cli.Float64Flag:
		return "a number"
	case *cli.DurationFlag:
		return "a time with its unit, such as 90s, 30m or 2h"
	case *cli.BoolFlag:
		return "true or false; the option alone is true"
	}
	return ""
}
