package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/cmd/reprocheck/internal/config"
	"github.com/reprocheck/reprocheck/compare/diagnose"
	"github.com/reprocheck/reprocheck/report/live"
	"github.com/reprocheck/reprocheck/runner"
	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/local"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

const runHelp = `The command runs exactly as typed, without a shell, each time in a clean workspace of its own: the same starting tree,
its own HOME and temporary directory, caches as they were before the first run, an empty standard input. Your own files are never
written to.

   reprocheck run -- python train.py --epochs 2
   reprocheck run -n 5 --json report.json -- python -m mypackage.train
   reprocheck run --vary file-order,threads -- python train.py
   reprocheck run --tolerance val_loss=1e-6 -- python train.py
   reprocheck run -- sh -c 'python prepare.py && python train.py'

A command that must write to an absolute path outside its directory: where this machine allows private mounts, give
the directory with --isolate DIR, and each run writes to a layer of its own there; with --results DIR the files it writes
there are compared as those in its directory are. HOME and /tmp have a layer in any case, and are compared with --results alone.
Where private mounts are refused --results is an error, and other such writes go through; the report lists them.

With -v the command's output is shown as it comes, on standard error. Its colours pass to a terminal (not with NO_COLOR), what
would move the cursor, erase or set a title does not; the records keep every byte.

` + exitStatusHelp

func runCommand(p process) *cli.Command {
	return &cli.Command{
		Name:            "run",
		Usage:           "run a command several times, compare, and name what made the runs differ",
		UsageText:       "reprocheck run [options] -- COMMAND...",
		Description:     runHelp,
		Flags:           runFlags(),
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			// It takes as long to be there as all else before the first run.
			ahead := launch.StartAhead()
			defer ahead.Discard()
			o, err := newRunOptions(c, p)
			if err != nil {
				return err
			}
			return o.run(c.Context, p, ahead)
		},
	}
}

func runFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.IntFlag{Name: "runs", Aliases: []string{"n"}, Value: config.DefaultRuns, Usage: "`N` runs of the command as it ships"},
		&cli.StringFlag{Name: "json", Usage: "write the report as JSON to `FILE`, - for standard output"},
		&cli.StringFlag{Name: "pin", Usage: "pin these sources in every run: `IDS` separated by commas, or all"},
		&cli.StringFlag{Name: "vary", Usage: "also vary these sources on purpose: `IDS`, or all"},
		&cli.Uint64Flag{Name: "seed", Usage: "`S` from which pinned values are derived"},
		&cli.BoolFlag{Name: "no-diagnose", Usage: "compare only, make no further runs to find the cause"},
		&cli.IntFlag{Name: "max-runs", Value: config.DefaultMaxRuns, Usage: "make at most `N` runs in all, those for the diagnosis included"},
		&cli.DurationFlag{Name: "timeout", DefaultText: "none", Usage: "end a run after `D` (90s, 2h)"},
		&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Value: 1, Usage: "`N` runs side by side"},
		&cli.StringFlag{Name: "store", Usage: "keep records in `DIR` (default: .reprocheck)", Action: namesStore},
		&cli.StringFlag{Name: "config", Usage: "read settings from `FILE` (default: reprocheck.yaml where it exists)"},
		&cli.StringSliceFlag{Name: "metric-regex", Usage: "also read metrics by this `REGEX` (groups: name, value, step)"},
		&cli.StringSliceFlag{Name: "isolate", Usage: "give each run a private layer over `DIR` outside the project too"},
		&cli.StringSliceFlag{Name: "results", Usage: "the same, and compare the files that runs write in `DIR`"},
		&cli.BoolFlag{Name: "continue", Usage: "go on with the latest audit, from the runs that it has finished"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show the command's own output, each line with its run"},
	}, criterionFlags()...)
}

// runOptions are what `reprocheck run` is asked to do.
type runOptions struct {
	command   []string
	dir       string
	store     string
	json      string
	resume    bool
	verbose   bool
	settings  record.Settings
	criterion record.Criterion
}

func newRunOptions(c *cli.Context, p process) (*runOptions, error) {
	dir, err := p.dir()
	if err != nil {
		return nil, usagef("the working directory cannot be used: %w", err)
	}
	file, err := loadConfig(c, dir)
	if err != nil {
		return nil, usage(err)
	}
	o := &runOptions{dir: dir, json: c.String("json"), resume: c.Bool("continue"),
		verbose: c.Bool("verbose"), command: c.Args().Slice()}
	if len(o.command) == 0 {
		o.command = file.Command
	}
	if err := o.set(c, file); err != nil {
		return nil, usage(err)
	}
	switch {
	case o.resume:
		if err := checkContinue(c); err != nil {
			return nil, usage(err)
		}
	case len(o.command) == 0:
		return nil, hinted(errors.New("no command to run"), exitUsage, "write it after two dashes: reprocheck run -- python train.py")
	case dir == "/":
		return nil, hinted(errors.New("the working directory is the root directory, of which no run can have a tree of its own"),
			exitUsage, "go to the directory of the project first")
	default:
		if err := checkCommand(o.command[0], p.env, dir); err != nil {
			return nil, err
		}
	}
	if err := checkTemp(os.TempDir()); err != nil {
		return nil, err
	}
	if err := checkTarget(o.json); err != nil {
		return nil, hinted(err, exitUsage, "give --json a file that can be written, or - for standard output")
	}
	// Refuse a value in the environment that contradicts --pin now, not after the first run.
	if _, err := seed.Resolve(plan.Pin(o.settings.Pin).Levels, o.settings.Seed, 0, p.environ()); err != nil {
		return nil, usage(err)
	}
	o.store = filepath.Join(dir, ".reprocheck")
	if s := firstOf(c, "store", c.String("store"), file.Store); s != "" {
		if o.store, err = filepath.Abs(s); err != nil {
			return nil, usage(err)
		}
	}
	return o, nil
}

// loadConfig reads --config, or reprocheck.yaml where it exists.
func loadConfig(c *cli.Context, dir string) (*config.File, error) {
	if path := c.String("config"); path != "" {
		return config.Load(path)
	}
	file, err := config.Load(filepath.Join(dir, "reprocheck.yaml"))
	if errors.Is(err, os.ErrNotExist) {
		return &config.File{}, nil
	}
	return file, err
}

// firstOf is a flag's value where the flag was given, else the configuration's, else the flag's default.
func firstOf[T comparable](c *cli.Context, flag string, value, configured T) T {
	var zero T
	if !c.IsSet(flag) && configured != zero {
		return configured
	}
	return value
}

func (o *runOptions) set(c *cli.Context, file *config.File) error {
	pin, err := seed.Parse(firstOf(c, "pin", c.String("pin"), strings.Join(file.Pin, ",")), seed.Pin)
	if err != nil {
		return err
	}
	vary, err := seed.Parse(firstOf(c, "vary", c.String("vary"), strings.Join(file.Vary, ",")), seed.Vary)
	if err != nil {
		return err
	}
	o.settings = record.Settings{
		Runs: firstOf(c, "runs", c.Int("runs"), file.Runs), MaxRuns: firstOf(c, "max-runs", c.Int("max-runs"), file.MaxRuns),
		Jobs: firstOf(c, "jobs", c.Int("jobs"), file.Jobs), Seed: firstOf(c, "seed", c.Uint64("seed"), file.Seed),
		Timeout:  firstOf(c, "timeout", c.Duration("timeout"), file.Timeout),
		Pin:      pin,
		Vary:     vary,
		Isolate:  append(append([]string{}, file.Isolate...), c.StringSlice("isolate")...),
		Results:  append(append([]string{}, file.Results...), c.StringSlice("results")...),
		Diagnose: orConfigured(c, "no-diagnose", !c.Bool("no-diagnose"), file.Diagnose),
	}
	if !c.IsSet("max-runs") && file.MaxRuns == 0 && o.settings.Runs >= config.DefaultMaxRuns {
		o.settings.MaxRuns = o.settings.Runs + config.DefaultMaxRuns
	}
	if err := errors.Join(checkOutside("isolate", o.settings.Isolate), checkOutside("results", o.settings.Results)); err != nil {
		return err
	}
	if err := checkSettings(o.settings); err != nil {
		return err
	}
	o.criterion, err = newCriterion(c, file)
	return err
}

func checkSettings(s record.Settings) error {
	switch {
	case s.Runs < 1:
		return fmt.Errorf("-n %d: at least one run is needed, and two to compare", s.Runs)
	case s.MaxRuns < s.Runs:
		return fmt.Errorf("--max-runs %d is less than the %d runs asked for with -n", s.MaxRuns, s.Runs)
	case s.Jobs < 1:
		return fmt.Errorf("--jobs %d: at least 1", s.Jobs)
	case s.Timeout < 0:
		return fmt.Errorf("--timeout %v is negative", s.Timeout)
	}
	return nil
}

func (o *runOptions) run(ctx context.Context, p process, ahead *launch.Ahead) error {
	store := runner.OpenStore(o.store)
	audit, err := o.audit(store)
	if err != nil {
		return err
	}
	release, err := own(store.AuditDir(audit.ID))
	if err != nil {
		return err
	}
	defer release()
	display := live.New(p.stderr, p.terminal(p.stderr))
	defer display.Close()
	executor, err := local.New(local.Options{
		Command: audit.Command, Dir: audit.Dir, Env: p.env, Timeout: audit.Settings.Timeout, Store: store.Dir(),
		Isolate: audit.Settings.Isolate, Results: audit.Settings.Results, MetricRegex: audit.Criterion.MetricRegex, Output: o.output(display), KeepTensors: audit.Criterion.Mode != "exact",
		Ahead: ahead,
	})
	if err != nil {
		return errors.Join(err, o.keep(store, audit))
	}
	defer executor.Close()
	r := runner.New(store, executor, display, audit)
	display.AuditStarted(audit.Settings.Runs)
	err = diagnose.Investigate(ctx, lab{r}, audit)
	display.Close()
	var failed *runner.FailedError
	switch {
	case errors.As(err, &failed):
		audit.Failed, audit.Verdict, audit.Reason = failed.Run.ID, record.Inconclusive, failed.Error()
		audit.FailedStderr = store.LastLines(audit.ID, failed.Run.Stderr, failed.Run.ID)
		audit.Finished = true
	case err != nil:
		return errors.Join(stopped(err, r.Spent()), o.keep(store, audit))
	}
	if err := o.keep(store, audit); err != nil {
		return err
	}
	return o.report(p, store, audit)
}

// keep saves the audit when it has anything to save: a new audit none of whose runs finished leaves nothing behind.
func (o *runOptions) keep(store *runner.Store, audit *record.Audit) error {
	switch {
	case len(audit.Experiments) == 0 && o.resume:
		return nil
	case len(audit.Experiments) == 0:
		return store.DropAudit(audit.ID)
	}
	return store.PutAudit(audit)
}

// audit begins a new audit, or takes up the latest unfinished one.
func (o *runOptions) audit(store *runner.Store) (*record.Audit, error) {
	if o.resume {
		a, err := store.Audit("")
		if err != nil {
			return nil, err
		}
		if a.Finished && a.Failed == "" {
			return nil, usagef("audit %s is finished; `reprocheck report` shows it, and `reprocheck run -- COMMAND` makes a new one", a.ID)
		}
		fresh := &record.Audit{Version: a.Version, ID: a.ID, Tool: version, Command: a.Command, Dir: a.Dir,
			Started: a.Started, Settings: a.Settings, Criterion: a.Criterion}
		return fresh, nil
	}
	now := time.Now()
	id, err := store.NewAudit(now)
	if err != nil {
		return nil, hinted(err, exitOurs, "--store DIR keeps the records elsewhere")
	}
	a := &record.Audit{Version: record.Version, ID: id, Tool: version, Command: o.command, Dir: o.dir, Started: now.UTC(),
		Settings: o.settings, Criterion: o.criterion}
	return a, store.PutAudit(a)
}

// output is where -v streams the command's output: standard error, so that standard output holds the report alone.
func (o *runOptions) output(display *live.Display) io.Writer {
	if !o.verbose {
		return nil
	}
	return display
}

func (o *runOptions) report(p process, store *runner.Store, audit *record.Audit) error {
	d, err := build(store.AuditDir(audit.ID), audit)
	if err != nil {
		return err
	}
	d.Records = relative(audit.Dir, store.AuditDir(audit.ID))
	if err := emit(p, d, o.json); err != nil {
		return err
	}
	return status(d.ExitCode())
}

func relative(base, path string) string {
	if rel, err := filepath.Rel(base, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}
