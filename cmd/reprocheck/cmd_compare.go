package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/compare/diagnose"
	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/report"
	"github.com/reprocheck/reprocheck/runner"
	"github.com/reprocheck/reprocheck/runner/local"
	"github.com/reprocheck/reprocheck/runner/record"
)

func compareCommand(p process) *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "compare two runs, audits, metric files, checkpoints or directories, without running anything",
		UsageText: "reprocheck compare [--json FILE] A B",
		Description: `A and B are each an audit (its id or directory: its first run counts), a run's directory, a file, or a directory. A is
the expected side of every tolerance.

   reprocheck compare results/before results/after
   reprocheck compare --tolerance val_loss=1e-6 20261123-101500 20261123-114200

` + exitStatusHelp,
		HideHelpCommand: true,
		Before:          targets,
		Flags: append([]cli.Flag{storeFlag, &cli.StringFlag{Name: "json", Usage: "write the report as JSON to `FILE`, - for standard output"}},
			criterionFlags()...),
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return usagef("compare takes two arguments, and was given %d", c.NArg())
			}
			dir, err := p.dir()
			if err != nil {
				return usagef("the working directory cannot be used: %w", err)
			}
			criterion, err := newCriterion(c, nil)
			if err != nil {
				return usage(err)
			}
			var sides [2]diagnose.Recorded
			for i, name := range c.Args().Slice() {
				if sides[i], err = recorded(c.Context, runner.OpenStore(c.String("store")), name, stem(c.Args().First(), name)); err != nil {
					return usage(err)
				}
				sides[i].Run.ID = name
			}
			if sides[0].Run.ID == sides[1].Run.ID {
				sides[1].Run.ID += " (again)"
			}
			audit := &record.Audit{Version: record.Version, Tool: version, Dir: dir, Criterion: criterion}
			if err := diagnose.Compare(c.Context, audit, sides[0], sides[1]); err != nil {
				return err
			}
			d := report.Build(audit, []*record.Run{sides[0].Run, sides[1].Run})
			if err := emit(p, d, c.String("json")); err != nil {
				return err
			}
			if d.ExitCode() != 0 && c.String("json") != "-" {
				a, b := firstTensors(sides[0].Run, sides[1].Run, c.Args().Get(0), c.Args().Get(1))
				if err := valueByValue(c.Context, p, a, b); err != nil {
					return err
				}
			}
			return status(d.ExitCode())
		},
	}
}

// stem is the name without its extension under which the file name is compared with first: two files are two versions of one.
func stem(first, name string) string {
	if info, err := os.Stat(first); err == nil && info.Mode().IsRegular() {
		name = first
	}
	return strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
}

// firstTensors is the first file whose tensors differ between two directories that are compared; two files are themselves.
func firstTensors(a, b *record.Run, nameA, nameB string) (string, string) {
	if info, err := os.Stat(nameA); err != nil || !info.IsDir() {
		return nameA, nameB
	}
	for _, x := range a.Artifacts {
		i := slices.IndexFunc(b.Artifacts, func(y record.Artifact) bool { return y.Path == x.Path })
		if i >= 0 && x.Kept != "" && b.Artifacts[i].Kept != "" && b.Artifacts[i].Content != x.Content {
			return filepath.Join(nameA, x.Path), filepath.Join(nameB, x.Path)
		}
	}
	return nameA, nameB
}

// recorded reads one side of a comparison; a file that is no record gets the name stem, see local.Describe.
func recorded(ctx context.Context, store *runner.Store, name, stem string) (diagnose.Recorded, error) {
	audit, err := store.Audit(name)
	if err == nil {
		if len(audit.Experiments) == 0 || len(audit.Experiments[0].Runs) == 0 {
			return diagnose.Recorded{}, fmt.Errorf("audit %s has no finished run", audit.ID)
		}
		return recordedRun(filepath.Join(store.Locate(name), "runs", audit.Experiments[0].Runs[0]))
	}
	if !errors.Is(err, runner.ErrNoAudit) {
		return diagnose.Recorded{}, err
	}
	if _, err := os.Stat(filepath.Join(name, "run.json")); err == nil {
		return recordedRun(name)
	}
	run, err := local.Describe(ctx, name, stem)
	if err != nil {
		return diagnose.Recorded{}, fmt.Errorf("%s is no audit, no run and no readable file or directory: %w", name, err)
	}
	return diagnose.Recorded{Run: run}, nil
}

func recordedRun(dir string) (diagnose.Recorded, error) {
	run, err := runner.ReadRun(dir)
	if err != nil {
		return diagnose.Recorded{}, err
	}
	return diagnose.Recorded{Run: run, Trace: trace.OpenDir(dir, run)}, nil
}
