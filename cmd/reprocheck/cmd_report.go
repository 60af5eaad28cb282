package main

import (
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/report"
	"github.com/reprocheck/reprocheck/runner"
	"github.com/reprocheck/reprocheck/runner/record"
)

var storeFlag = &cli.StringFlag{Name: "store", Value: ".reprocheck", Usage: "the store in `DIR`", Action: namesStore}

// namesStore refuses a store without a name, as an empty variable of a shell gives it.
func namesStore(_ *cli.Context, dir string) error {
	if dir == "" {
		return usagef("--store needs a directory, and was given an empty name")
	}
	return nil
}

const (
	auditHelp       = "AUDIT is an audit's id, the path of its directory, or absent for the latest."
	shownStatusHelp = "Exit status: 0 shown, whatever the verdict; 2 bad usage, or no such audit; 5 reprocheck itself failed."
)

func reportCommand(p process) *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "show the report of a kept audit again, without running anything",
		UsageText: "reprocheck report [--format F] [-o FILE] [AUDIT]",
		Description: auditHelp + `

   reprocheck report
   reprocheck report --format json -o report.json

` + shownStatusHelp,
		HideHelpCommand: true,
		Before:          targets,
		Flags: []cli.Flag{
			storeFlag,
			&cli.StringFlag{Name: "format", Value: "text", Usage: "the `FORMAT`: " + strings.Join(report.Formats(), ", ")},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE` instead of standard output"},
		},
		Action: func(c *cli.Context) error {
			format := c.String("format")
			if !slices.Contains(report.Formats(), format) {
				return usagef("unknown format %q; the formats are %s", format, strings.Join(report.Formats(), ", "))
			}
			d, err := document(c)
			if err != nil {
				return err
			}
			if path := c.String("output"); path != "" {
				return writeReport(path, func(w io.Writer) error { return report.Write(w, format, d, report.TextOptions{}) })
			}
			return report.Write(p.stdout, format, d, p.textOptions())
		},
	}
}

func checklistCommand(p process) *cli.Command {
	return &cli.Command{
		Name:      "checklist",
		Usage:     "list every source of randomness: used, controlled, where, why",
		UsageText: "reprocheck checklist [--json FILE] [AUDIT]",
		Description: auditHelp + ` A source is
uncontrolled where it made results differ or may have, controlled where it is seeded, pinned or was seen to change nothing,
unused where no run touched it, and unknown where it could not be watched.

   reprocheck checklist
   reprocheck checklist --json checklist.json

` + shownStatusHelp,
		HideHelpCommand: true,
		Before:          targets,
		Flags:           []cli.Flag{storeFlag, &cli.StringFlag{Name: "json", Usage: "write JSON to `FILE`, - for standard output"}},
		Action: func(c *cli.Context) error {
			d, err := document(c)
			if err != nil {
				return err
			}
			switch path := c.String("json"); path {
			case "":
				return report.ChecklistText(p.stdout, d, p.textOptions())
			case "-":
				return report.JSON(p.stdout, d)
			default:
				return writeReport(path, func(w io.Writer) error { return report.JSON(w, d) })
			}
		},
	}
}

// document builds the report of the audit that the command line names.
func document(c *cli.Context) (*report.Document, error) {
	if c.NArg() > 1 {
		return nil, usagef("%s takes one audit, and was given %d", c.Command.Name, c.NArg())
	}
	store := runner.OpenStore(c.String("store"))
	audit, err := store.Audit(c.Args().First())
	if err != nil {
		return nil, err
	}
	dir := store.AuditDir(audit.ID)
	if name := c.Args().First(); name != "" {
		dir = store.Locate(name)
	}
	d, err := build(dir, audit)
	if err != nil {
		return nil, err
	}
	d.Records = dir
	return d, nil
}

// build makes the report of an audit that is kept in a directory.
func build(dir string, audit *record.Audit) (*report.Document, error) {
	b := report.NewBuilder(audit)
	for run, err := range runner.Runs(dir, audit) {
		if err != nil {
			return nil, err
		}
		b.Add(run)
	}
	return b.Document(), nil
}
