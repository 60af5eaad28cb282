package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/runner/workspace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// Options say what is executed; they are the same for all steps of an audit.
type Options struct {
	Command []string
	// Dir is the command's working directory and the tree that each run gets a clean copy of.
	Dir string
	// Env is the user's environment.
	Env     []string
	Timeout time.Duration
	// Store is the directory of the records, which no run is to see.
	Store string
	// Isolate lists directories outside Dir that get a private layer too, and Results those of them whose files are compared as those in Dir are.
	Isolate, Results []string
	// Kind is the kind of workspace; empty is the best by trial.
	Kind workspace.Kind
	// MetricRegex are the user's own patterns for metrics on standard output.
	MetricRegex []string
	// KeepTensors has files that hold tensors kept beside the run's record, for comparing their values within a tolerance.
	KeepTensors bool
	// Ahead, when set, is a process started ahead for the first run, which the caller discards.
	Ahead *launch.Ahead
	// Output receives the command's output as it comes, each line with its run; nil for none.
	Output io.Writer
}

// ErrUncompared says that files which are to be compared cannot be told apart from those of other runs.
var ErrUncompared = errors.New("runs can have no private layer of it here, so the files that they write there cannot be compared")

// Executor launches steps. It is safe for concurrent use.
type Executor struct {
	options  Options
	patterns []*regexp.Regexp
	env      map[string]string
	scratch  *launch.Scratch
	probe    string // the probe's directory, complete once unpacked has returned
	unpacked func() error
	output   *sync.Mutex

	mu    sync.Mutex
	taken map[int]bool // the slots in use
}

// New makes an executor and the scratch directory that its workspaces live in; Close removes it.
func New(o Options) (*Executor, error) {
	e := &Executor{options: o, env: map[string]string{}, output: &sync.Mutex{}, taken: map[int]bool{}}
	for _, pattern := range o.MetricRegex {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil, fmt.Errorf("--metric-regex: %w", err)
		}
		e.patterns = append(e.patterns, re)
	}
	for _, kv := range o.Env {
		if name, value, ok := strings.Cut(kv, "="); ok {
			e.env[name] = value
		}
	}
	var err error
	if e.scratch, err = launch.NewScratch(); err != nil {
		return nil, err
	}
	e.probe = filepath.Join(e.scratch.Dir, "probe")
	if err := os.Mkdir(e.probe, 0o755); err != nil {
		return nil, errors.Join(fmt.Errorf("making the probe's directory: %w", err), e.scratch.Close())
	}
	// Its many small files are written while the first workspace is prepared.
	e.unpacked = sync.OnceValue(func() error { return probe.Unpack(e.probe) })
	go e.unpacked()
	return e, nil
}

// slot takes the lowest number that no other run has. Runs that follow one another have the same one and so see the same
// paths, whose text can enter hashes and whose length moves addresses.
func (e *Executor) slot() (slot int, release func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.taken[slot] {
		slot++
	}
	e.taken[slot] = true
	return slot, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.taken, slot)
	}
}

// Close removes the scratch directory.
func (e *Executor) Close() error { return errors.Join(e.unpacked(), e.scratch.Close()) }

// Execute implements runner.Executor.
func (e *Executor) Execute(ctx context.Context, step plan.Step, dir string, progress func(step int64), enough func(traces string) string) (*record.Run, error) {
	if finds(step) && !workspace.Kept(e.scratch.Dir) {
		if err := e.leave(ctx, step, progress); err != nil {
			return nil, err
		}
	}
	// A file system that somebody mounts below /tmp or HOME just then makes the kernel refuse what it had granted on trial.
	const attempts = 3
	for n := 1; ; n++ {
		run, err := e.execute(ctx, step, dir, progress, enough)
		if n < attempts && errors.Is(err, launch.ErrMount) {
			continue
		}
		return run, err
	}
}

// finds reports whether a run is to find what the one before it left outside the project.
func finds(step plan.Step) bool { return step.Experiment.Levels[seed.ExternalState] == seed.Vary }

// leave makes a run for what it leaves, of which nothing else is kept: an audit that is continued has none of its own.
func (e *Executor) leave(ctx context.Context, step plan.Step, progress func(step int64)) error {
	dir, err := os.MkdirTemp(e.scratch.Dir, "leave-")
	if err != nil {
		return fmt.Errorf("making a directory for a run: %w", err)
	}
	defer os.RemoveAll(dir)
	step.Experiment = plan.Release(step.Experiment, seed.ExternalState)
	_, err = e.Execute(ctx, step, dir, progress, nil)
	return err
}

func (e *Executor) execute(ctx context.Context, step plan.Step, dir string, progress func(step int64), enough func(traces string) string) (*record.Run, error) {
	slot, release := e.slot()
	defer release()
	link := filepath.Join(e.scratch.Dir, fmt.Sprintf("link-%03d", slot))
	defer os.RemoveAll(link)
	traces := filepath.Join(link, "trace")
	if err := os.MkdirAll(traces, 0o755); err != nil {
		return nil, fmt.Errorf("making the trace's directory: %w", err)
	}

	settings, err := e.resolve(step)
	if err != nil {
		return nil, err
	}
	c := &collector{step: step, dir: dir, patterns: e.patterns, keepTensors: e.options.KeepTensors}
	if err := c.openStreams(e.options.Output, e.output); err != nil {
		return nil, err
	}
	defer c.closeStreams()
	empty, err := e.emptyStore(link)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	ws, err := workspace.Prepare(ctx, e.spec(step, link))
	if err != nil {
		return nil, fmt.Errorf("preparing a clean workspace: %w", err)
	}
	defer ws.Close()
	if untold := ws.Untold(); len(untold) > 0 {
		return nil, fmt.Errorf("--results %s: %w", untold[0], ErrUncompared)
	}
	if err := e.unpacked(); err != nil {
		return nil, fmt.Errorf("unpacking the probe: %w", err)
	}
	config := filepath.Join(link, "probe.json")
	if err := e.probeConfig(step, settings, ws.Dir(), traces).Write(config); err != nil {
		return nil, fmt.Errorf("writing the probe's configuration: %w", err)
	}
	started := time.Now()
	process, err := launch.Start(ctx, launch.Command{
		Argv: e.options.Command, Dir: ws.Dir(), Env: e.environment(settings, ws, config),
		Stdout: c.stdout, Stderr: c.stderr, Controls: settings.Launch, Mounts: e.hideStore(ws.Mounts(), empty), Ground: ws.Ground(), Audit: true,
		Private: slices.Concat(ws.Private(), []string{link}), Timeout: e.options.Timeout,
	})
	if err != nil {
		return nil, err
	}
	go e.scratch.Watch()
	stop := watch(traces, progress, enough, process.Kill)
	outcome, err := process.Wait()
	truncated := stop()
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	run, err := c.collect(ctx, ws, traces, outcome)
	if err != nil {
		return nil, fmt.Errorf("collecting what the run left: %w", err)
	}
	run.Began, run.Started, run.Levels, run.Values = began.UTC(), started.UTC(), settings.Levels, settings.Values
	if !run.Exit.OK() {
		run.Truncated = truncated
		if workspace.Full(e.scratch.Dir) {
			run.Isolation.Limits = append(run.Isolation.Limits, "No room is left where the files of runs are written, in "+
				filepath.Dir(e.scratch.Dir)+": set TMPDIR to a directory on a larger disk.")
		}
	}
	for _, refused := range settings.Refused {
		run.Refused = append(run.Refused, refused.Error())
	}
	return run, nil
}

func (e *Executor) resolve(step plan.Step) (seed.Settings, error) {
	// What the user asked to pin was checked against the environment before the first run.
	options := []seed.Option{seed.Lenient}
	if step.Experiment.WholeTree {
		options = append(options, seed.WholeTree)
	}
	settings, err := seed.Resolve(step.Experiment.Levels, step.Seed, step.Number, e.env, options...)
	if err != nil {
		return settings, err
	}
	return settings, nil
}

func (e *Executor) spec(step plan.Step, link string) workspace.Spec {
	spec := workspace.Spec{
		Project: e.options.Dir, Home: e.env["HOME"], Temp: e.env["TMPDIR"], Scratch: e.scratch.Dir, Kind: e.options.Kind, Ahead: e.options.Ahead,
		Cover: slices.Concat(e.options.Isolate, e.options.Results, step.Cover), Results: e.options.Results, Found: finds(step), Share: []string{link, e.probe},
	}
	if rel, inside := e.storeInProject(); inside {
		spec.Hide = []string{rel}
	}
	return spec
}

// storeInProject is the path of the audits below the project, where they lie there.
func (e *Executor) storeInProject() (rel string, inside bool) {
	store := e.options.Store
	if store == e.options.Dir {
		store = filepath.Join(store, "audits")
	}
	rel, err := filepath.Rel(e.options.Dir, store)
	return rel, err == nil && filepath.IsLocal(rel)
}

// emptyStore makes the directory that hides a store outside the project, in HOME say: the store grows from run to run. A store
// in the project is hidden by the workspace, and the path is empty.
func (e *Executor) emptyStore(link string) (string, error) {
	if _, inside := e.storeInProject(); inside {
		return "", nil
	}
	empty := filepath.Join(link, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		return "", fmt.Errorf("hiding the store: %w", err)
	}
	return empty, nil
}

// hideStore puts the empty directory over the store. Without private mounts the store stays visible.
func (e *Executor) hideStore(mounts []launch.Mount, empty string) []launch.Mount {
	if empty == "" || len(mounts) == 0 {
		return mounts
	}
	// The store itself may be a directory that holds other things, the project even.
	audits := filepath.Join(e.options.Store, "audits")
	return append(slices.Clone(mounts), launch.Mount{Target: audits, Source: empty})
}

func (e *Executor) probeConfig(step plan.Step, settings seed.Settings, root, traces string) probe.Config {
	config := probe.Config{Protocol: probe.Protocol, TraceDir: traces, Root: root, Levels: settings.Probe}
	if step.Zoom != nil {
		config.Zoom = &probe.Zoom{UntilStep: step.Zoom.UntilStep, Events: step.Zoom.Events}
	}
	return config
}

// environment is the user's own, with what the levels set and what the probe needs to be found.
func (e *Executor) environment(settings seed.Settings, ws *workspace.Workspace, config string) []string {
	set := map[string]string{"REPROCHECK_PROBE": config, "PYTHONPATH": e.probe}
	if users := e.env["PYTHONPATH"]; users != "" {
		set["PYTHONPATH"] += string(os.PathListSeparator) + users
	}
	for name, value := range settings.Env {
		set[name] = value
	}
	env := slices.DeleteFunc(slices.Clone(e.options.Env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		_, ours := set[name]
		return ours
	})
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		env = append(env, name+"="+set[name])
	}
	return ws.Env(env)
}
