package local

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/metrics"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/runner/workspace"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// collector turns what a run left into its record.
type collector struct {
	step     plan.Step
	dir      string
	patterns []*regexp.Regexp
	stdout   *stream
	stderr   *stream
	// keepTensors has files that hold tensors copied into the run's directory.
	keepTensors bool
}

func (c *collector) openStreams(output io.Writer, mu *sync.Mutex) (err error) {
	var eyes [2]*prefixer
	if output != nil {
		for i := range eyes {
			eyes[i] = &prefixer{to: output, mu: mu, prefix: c.step.RunID()}
		}
	}
	if c.stdout, err = openStream(c.dir, "stdout", eyes[0]); err != nil {
		return err
	}
	c.stderr, err = openStream(c.dir, "stderr", eyes[1])
	return err
}

func (c *collector) closeStreams() {
	for _, s := range []*stream{c.stdout, c.stderr} {
		if s != nil {
			s.file.Close()
		}
	}
}

// compiled reports whether Python keeps what it has compiled of a module in a file: it makes such a file anew whenever the module
// is another one, so nothing but time depends on it.
func compiled(path string) bool {
	const cache = "__pycache__"
	return filepath.Base(path) == cache || filepath.Base(filepath.Dir(path)) == cache && strings.Contains(filepath.Base(path), ".pyc")
}

func (c *collector) collect(ctx context.Context, ws *workspace.Workspace, traces string, outcome launch.Outcome) (*record.Run, error) {
	for _, s := range []*stream{c.stdout, c.stderr} {
		if s.eyes != nil {
			s.eyes.flush()
		}
	}
	run := &record.Run{
		Version: record.Version, ID: c.step.RunID(), Experiment: c.step.Experiment.Name, Number: c.step.Number,
		Seconds: outcome.Seconds, MaxRSS: outcome.MaxRSS, Machine: machine(),
		Exit:   record.Exit{Code: outcome.Code, Signal: outcome.Signal, TimedOut: outcome.TimedOut},
		Stdout: c.stdout.record(), Stderr: c.stderr.record(),
		Outside: slices.DeleteFunc(outcome.Outside, compiled), LeftRunning: outcome.LeftRunning, Refused: outcome.Refused,
		Isolation: record.Isolation{Kind: string(ws.Kind()), Limits: ws.Limits()},
		Metrics:   []record.Series{}, Artifacts: []record.Artifact{}, Processes: []record.Process{},
	}
	if err := c.keepTraces(traces); err != nil {
		return nil, err
	}
	processes, err := probe.Processes(filepath.Join(c.dir, "trace"))
	if err != nil {
		return nil, fmt.Errorf("reading the traces: %w", err)
	}
	run.Processes, run.Silent = c.processes(processes, outcome.Pythons)
	if err := c.printedMetrics(run); err != nil {
		return nil, err
	}
	keep := ""
	if c.keepTensors {
		if keep, err = filepath.Abs(filepath.Join(c.dir, "kept")); err != nil {
			return nil, err
		}
	}
	run.Left = left(ws)
	return run, collectFiles(ctx, ws, run, keep)
}

// left lists what the run left outside the project, up to a bound.
func left(ws *workspace.Workspace) []record.Leftover {
	const looked, most = 20_000, 1_000
	var files []record.Leftover
	for file := range ws.Left() {
		if files = append(files, file); len(files) == looked {
			break
		}
	}
	slices.SortFunc(files, func(a, b record.Leftover) int { return cmp.Compare(a.Path, b.Path) })
	return files[:min(len(files), most)]
}

// keepTraces moves the traces from the path that the run knew to the run's directory.
func (c *collector) keepTraces(traces string) error {
	kept := filepath.Join(c.dir, "trace")
	if os.Rename(traces, kept) == nil {
		return nil
	}
	if err := os.CopyFS(kept, os.DirFS(traces)); err != nil {
		return fmt.Errorf("keeping the traces: %w", err)
	}
	return nil
}

// processes matches the heartbeats with the interpreters that the launcher saw; an interpreter that never said it was
// alive was not observed.
func (c *collector) processes(alive []probe.Process, seen []launch.PythonProcess) (known []record.Process, silent []string) {
	known = []record.Process{}
	var pids []int64
	for _, p := range alive {
		// One that was ended before it spoke up did nothing: what starts it, a pool, had no work for it.
		pids = append(append(pids, p.PID), p.Killed...)
		known = append(known, record.Process{Name: p.Name, Trace: filepath.Join("trace", p.Trace), Facts: p.Facts, Events: p.Events, Steps: p.Steps, PIDs: p.PIDs})
	}
	for _, p := range seen {
		// A copy of one that was observed speaks up for itself where Python made it; else it is on its way to another program.
		if !slices.Contains(pids, int64(p.PID)) && !slices.Contains(pids, int64(p.CopyOf)) {
			silent = append(silent, p.Exe)
		}
	}
	return known, silent
}

func (c *collector) printedMetrics(run *record.Run) error {
	f, err := os.Open(c.stdout.file.Name())
	if err != nil {
		return err
	}
	defer f.Close()
	options := metrics.Options{Regex: c.patterns}
	output, err := metrics.InOrder(f, printers(run))
	if err != nil {
		return fmt.Errorf("reading standard output: %w", err)
	}
	printed, err := metrics.Read(output, options)
	if err != nil {
		return fmt.Errorf("reading metrics from standard output: %w", err)
	}
	if err := maskOutput(output, run); err != nil {
		return err
	}
	g, err := os.Open(c.stderr.file.Name())
	if err != nil {
		return err
	}
	defer g.Close()
	logged, err := metrics.ReadErrors(g, printed, options)
	if err != nil {
		return fmt.Errorf("reading metrics from standard error: %w", err)
	}
	run.Metrics = slices.Concat(run.Metrics, printed, logged)
	return nil
}

// printers are the processes of a run, children in the order of their names. That multiprocessing made it ("mp-2") does not tell a
// process of a pool from one that has a work of its own.
func printers(run *record.Run) []metrics.Printer {
	processes := slices.Clone(run.Processes)
	slices.SortStableFunc(processes, func(a, b record.Process) int { return strings.Compare(a.Name, b.Name) })
	list := make([]metrics.Printer, len(processes))
	for i, p := range processes {
		list[i] = metrics.Printer{PIDs: p.PIDs, Child: p.Name != "main", Pool: strings.HasPrefix(path.Base(p.Name), "mp-")}
	}
	return list
}

// maxMaskedOutput bounds the output whose words are compared as well as its numbers.
const maxMaskedOutput = 16 << 20

// maskOutput digests the words of standard output without what is expected to differ.
func maskOutput(output io.ReadSeeker, run *record.Run) error {
	if run.Stdout.Bytes > maxMaskedOutput {
		return nil
	}
	if _, err := output.Seek(0, io.SeekStart); err != nil {
		return err
	}
	digest, _, err := metrics.MaskedDigest(output, run.PIDs()...)
	run.Stdout.Masked = digest
	return err
}
