package report_test

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/reprocheck/reprocheck/report"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// audit is a named input of the tests, with the exit status that its report has to give.
type audit struct {
	name   string
	exit   int
	record *record.Audit
	runs   []*record.Run
}

func (a audit) document() *report.Document {
	d := report.Build(a.record, a.runs)
	if a.record.ID != "" {
		d.Records = ".reprocheck/audits/" + a.record.ID
	}
	return d
}

// audits are the situations that a report has to tell.
func audits() []audit {
	return []audit{
		divergedOneCause(), divergedTwoCauses(), divergedNoLine(), observedRace(), reproducible(), withinTolerance(), compared(), probeMissing(),
		commandFailed(), timedOut(), interrupted(), sensitive(), hostile(), hostileVerdict(), crowded(), empty(),
	}
}

// base is an audit of n runs as shipped, each with one metric and one artifact.
func base(verdict record.Verdict, reason string, finals ...float64) (*record.Audit, []*record.Run) {
	a := &record.Audit{
		Version: record.Version, ID: "20261123-163000", Tool: "0.1.0", Command: []string{"python3", "train.py"}, Dir: "/home/ada/project",
		Started: time.Date(2026, 11, 23, 16, 30, 0, 0, time.UTC), Finished: true,
		Settings:  record.Settings{Runs: len(finals), MaxRuns: 30, Jobs: 1, Diagnose: true},
		Criterion: record.Criterion{Mode: "exact"}, Verdict: verdict, Reason: reason,
	}
	return a, experiment(a, "as-shipped", nil, verdict, "", finals...)
}

// experiment adds an experiment to the audit and returns its runs, which end with the given losses.
func experiment(a *record.Audit, name string, levels seed.Levels, verdict record.Verdict, says string, finals ...float64) []*record.Run {
	e := record.Experiment{Name: name, Levels: levels, Verdict: verdict, Says: says}
	var runs []*record.Run
	for i, loss := range finals {
		id := fmt.Sprintf("%s-%d", name, i+1)
		e.Runs = append(e.Runs, id)
		runs = append(runs, &record.Run{
			Version: record.Version, ID: id, Experiment: name, Number: i, Levels: levels, Seconds: 1.5,
			Metrics: []record.Series{{Name: "loss", Origin: "stdout", Points: []record.Point{
				{Step: 0, Text: "2.302585", Value: 2.302585}, {Step: 1, Text: fmt.Sprint(loss), Value: record.Float(loss)}}}},
			Artifacts: []record.Artifact{{Path: "model.pt", Size: 4096, Format: "torch-zip",
				SHA256: strings.Repeat("ab", 32), Content: strings.Repeat("cd", 32)}},
			Isolation: record.Isolation{Kind: "overlay"},
		})
	}
	a.Experiments = append(a.Experiments, e)
	return runs
}

// digest is a digest that differs for every n.
func digest(n int) string { return fmt.Sprintf("%064x", n+1) }

func step(n int64) *int64 { return &n }

func losses(class string, first *int64, finals ...float64) record.MetricSummary {
	m := record.MetricSummary{Name: "loss", Class: class, FirstStep: first, Equal: class == "equal"}
	low, high := finals[0], finals[0]
	for _, v := range finals {
		m.Finals = append(m.Finals, record.Float(v))
		m.Mean += record.Float(v / float64(len(finals)))
		low, high = min(low, v), max(high, v)
		m.MaxAbs = max(m.MaxAbs, record.Float(math.Abs(v-finals[0])))
	}
	for _, v := range finals {
		m.StdDev += record.Float((v - float64(m.Mean)) * (v - float64(m.Mean)) / float64(len(finals)-1))
	}
	m.StdDev, m.Spread, m.MaxRel = record.Float(math.Sqrt(float64(m.StdDev))), record.Float(high-low), m.MaxAbs/record.Float(finals[0])
	return m
}

func pin(ids ...seed.ID) seed.Levels {
	levels := seed.Levels{}
	for _, id := range ids {
		levels[id] = seed.Pin
	}
	return levels
}

func numpyCause() record.Cause {
	return record.Cause{
		Source: seed.NumpyLegacy, Proof: record.Proven, File: "train.py", Line: 21, Process: "main",
		Story: "The stream is never seeded, so every process starts it from fresh entropy; the order of the batches is drawn from it.",
		Evidence: []string{
			"with numpy-legacy pinned, 3 of 3 runs agree (pin:numpy-legacy)",
			"with everything pinned but numpy-legacy, 2 runs differ (release:numpy-legacy)",
		},
		Fix: "Call np.random.seed(...) once, before line 21.",
		Excerpt: []record.SourceLine{
			{Number: 19, Text: "for epoch in range(3):"},
			{Number: 20, Text: "\t# a new order for every epoch"},
			{Number: 21, Text: "\torder = np.random.permutation(len(x))", Here: true},
			{Number: 22, Text: "\tfor i in order:"},
		},
	}
}

func divergedOneCause() audit {
	finals := []float64{0.4312, 0.4287, 0.4401}
	a, runs := base(record.Diverged, "3 runs of the same command gave different results", finals...)
	for i, r := range runs {
		r.Artifacts[0].SHA256, r.Artifacts[0].Content = digest(i), digest(i)
	}
	a.Metrics = []record.MetricSummary{losses("different", step(1), finals...),
		{Name: "lr", Finals: []record.Float{0.01, 0.01, 0.01}, Mean: 0.01, Equal: true, Class: "equal"}}
	a.FirstDivergence = &record.Divergence{Process: "main", Event: "batch", File: "train.py", Line: 22,
		Detail: "batch 0 holds other samples", Runs: [2]string{"as-shipped-1", "as-shipped-2"}}
	a.Causes = []record.Cause{numpyCause()}
	runs = append(runs, experiment(a, "pin:numpy-legacy", pin(seed.NumpyLegacy), record.Reproducible, "the runs agree with this source pinned", 0.43, 0.43, 0.43)...)
	runs = append(runs, experiment(a, "release:numpy-legacy", pin(seed.PythonHash, seed.TorchCPU), record.Diverged, "the runs differ with only this source released", 0.431, 0.44)...)
	a.Checklist = []record.ChecklistItem{
		{Source: seed.NumpyLegacy, Used: true, Status: "uncontrolled", File: "train.py", Line: 21, Why: "drawn from 3 times, never seeded"},
		{Source: seed.PythonRandom, Used: true, Status: "controlled", File: "train.py", Line: 4, Why: "seeded with 0 before the first draw"},
		{Source: seed.PythonHash, Status: "unused", Why: "no order of a set reached the training"},
		{Source: seed.TorchCUDA, Status: "unknown", Why: "this machine has no GPU"},
	}
	a.Masked = []string{"samples_per_sec", "elapsed"}
	a.Limits = []string{"Files outside the workspace were written and are not isolated: /data/cache.bin."}
	return audit{"diverged-one-cause", 1, a, runs}
}

func divergedTwoCauses() audit {
	finals := []float64{0.9312, 0.8287, 0.9401}
	a, runs := base(record.Diverged, "3 runs of the same command gave different results", finals...)
	a.Metrics = []record.MetricSummary{losses("different", step(0), finals...)}
	a.FirstDivergence = &record.Divergence{Process: "main", Event: "init", File: "model/net.py", Line: 8,
		Detail: "the parameters differ when the optimizer is made (fc.weight first)", Runs: [2]string{"as-shipped-1", "as-shipped-2"}}
	hash := record.Cause{Source: seed.PythonHash, Proof: record.Suspected, File: "/home/ada/project/data/vocabulary.py", Line: 112, Step: 1, Process: "main",
		Story: "A set of strings is turned into a list, and its order decides the index of every word. PYTHONHASHSEED is set inside the program, " +
			"where it has no effect: Python reads it before the program starts.",
		Evidence: []string{"the order of the set differs between the runs at line 112"},
		Fix:      "Sort the set (sorted(words)), or start the command with PYTHONHASHSEED=0.",
		Excerpt:  []record.SourceLine{{Number: 112, Text: "    index = {w: i for i, w in enumerate(set(words))}", Here: true}}}
	torch := record.Cause{Source: seed.TorchCPU, Proof: record.Proven, File: "model/net.py", Line: 8, Process: "main",
		Story:    "torch.manual_seed is called on line 30, after the weights were drawn on line 8.",
		Evidence: []string{"with torch-cpu and python-hash pinned, 3 of 3 runs agree", "with torch-cpu released, the initial weights differ in 2 of 2 runs"},
		Fix:      "Move torch.manual_seed(...) before the model is made."}
	a.Causes = []record.Cause{hash, torch}
	runs = append(runs, experiment(a, "pinned", pin(seed.TorchCPU, seed.PythonHash, seed.NumpyLegacy), record.Reproducible, "the cause is among the sources that can be pinned", 0.9, 0.9)...)
	runs = append(runs, experiment(a, "pin:python-hash,torch-cpu", pin(seed.TorchCPU, seed.PythonHash), record.Reproducible, "these two are enough", 0.9, 0.9, 0.9)...)
	runs = append(runs, experiment(a, "release:torch-cpu", pin(seed.PythonHash), record.Diverged, "", 0.92, 0.94)...)
	a.Warnings = []record.Warning{{ID: "pythonhashseed-too-late", File: "train.py", Line: 3, Text: "os.environ[\"PYTHONHASHSEED\"] is set inside the program, where it has no effect."}}
	return audit{"diverged-two-causes", 1, a, runs}
}

// divergedNoLine has a cause that no line shows, in a metric of a file.
func divergedNoLine() audit {
	finals := []float64{0.5, 0.6}
	a, runs := base(record.Diverged, "2 runs of the same command gave different results", finals...)
	a.Metrics = []record.MetricSummary{losses("different", step(3), finals...), losses("equal", nil, 0.5, 0.5)}
	a.Metrics[0].Origin, a.Metrics[1].Origin = "logs/history.json", "stdout"
	a.FirstDivergence = &record.Divergence{Process: "main", Step: 3, Event: "metric",
		Detail: "loss is 0.5 in as-shipped-1 and 0.6 in as-shipped-2", Runs: [2]string{"as-shipped-1", "as-shipped-2"}}
	a.Causes = []record.Cause{{Source: seed.Threads, Proof: record.Proven, Story: "Sums are split among as many threads as the machine has.",
		Evidence: []string{"with 1 thread, 2 runs agree (pin:threads)", "with 2 threads, they differ (release:threads)"}}}
	runs = append(runs, experiment(a, "release:threads", pin(seed.PythonHash), record.Diverged, "differs with "+strings.Repeat("one source and ", 12)+"another released", 0.5)...)
	return audit{"diverged-no-line", 1, a, runs}
}

func observedRace() audit {
	finals := []float64{0.5, 0.5, 0.5}
	a, runs := base(record.Diverged, "3 runs of the same command trained differently, although they print the same metrics", finals...)
	a.Metrics = []record.MetricSummary{losses("equal", nil, finals...)}
	a.FirstDivergence = &record.Divergence{Process: "main/worker-1", Step: 12, Event: "grad", File: "train.py", Line: 40,
		Detail: "the gradient of fc.weight differs", Runs: [2]string{"as-shipped-1", "as-shipped-3"}}
	a.Causes = []record.Cause{{Source: seed.Concurrency, Proof: record.Observed, File: "train.py", Line: 40, Step: 12, Process: "main/worker-1",
		Story: "Results are added up in the order in which the threads finish (as_completed), and floating-point addition depends on the order.",
		Evidence: []string{"the results were taken in another order in as-shipped-3",
			"ruled out: with every source pinned that can be, 1 of 3 runs still differs"},
		Fix: "Collect the results by index and add them up in that order."}}
	runs = append(runs, experiment(a, "pinned", pin(seed.TorchCPU), record.Diverged, "nothing that can be pinned explains it", 0.5, 0.5, 0.5)...)
	return audit{"observed-race", 1, a, runs}
}

func reproducible() audit {
	finals := []float64{0.25, 0.25, 0.25}
	a, runs := base(record.Reproducible, "3 runs agree to the last bit in 1 metric, 1 file and 40 optimizer steps", finals...)
	a.Metrics = []record.MetricSummary{losses("equal", nil, finals...)}
	a.Limits = []string{"Another machine's processor, GPU and software; `--vary all` tries its thread count, file order, memory and host."}
	return audit{"reproducible", 0, a, runs}
}

func withinTolerance() audit {
	finals := []float64{0.25, 0.2500000001, 0.25}
	a, runs := base(record.WithinTolerance, "the runs differ, and stay within the tolerance asked for", finals...)
	a.Criterion = record.Criterion{Mode: "tolerance", RTol: 1e-6, Tolerances: map[string]record.Tolerance{"loss": {RTol: 1e-9}}}
	a.Metrics = []record.MetricSummary{losses("within-tolerance", step(1), finals...)}
	return audit{"within-tolerance", 0, a, runs}
}

// compared is two records that were compared without running anything.
func compared() audit {
	a := &record.Audit{Version: record.Version, Tool: "0.1.0", Dir: "/home/ada/project", Criterion: record.Criterion{Mode: "exact"}, Finished: true,
		Verdict: record.Reproducible, Reason: "before.csv and after.csv agree to the last bit in 1 metric"}
	runs := experiment(a, "compared", nil, record.Reproducible, "", 0.25, 0.25)
	a.Metrics = []record.MetricSummary{losses("equal", nil, 0.25, 0.25)}
	return audit{"compared", 0, a, runs}
}

func probeMissing() audit {
	finals := []float64{0.25, 0.25, 0.25}
	a, runs := base(record.Inconclusive, "a Python process of run as-shipped-1 could not be observed (python3 -I train.py (pid 7)), and equal output alone is no evidence of equal training", finals...)
	a.Metrics = []record.MetricSummary{losses("equal", nil, finals...)}
	a.Warnings = []record.Warning{{ID: "probe-silent", Text: "python3 -I train.py was started without the probe; start it without -I and -S."}}
	a.Limits = []string{"Nothing is known about random streams, batches or weights in python3 -I."}
	for _, r := range runs {
		r.Silent = []string{"python3 -I train.py"}
	}
	return audit{"inconclusive-probe-missing", 4, a, runs}
}

func commandFailed() audit {
	a, runs := base("", "", 0.25)
	a.Failed, a.Experiments[0].Verdict = "as-shipped-1", ""
	a.FailedStderr = []string{"Traceback (most recent call last):", "  File \"train.py\", line 3, in <module>", "    import toch", "ModuleNotFoundError: No module named 'toch'"}
	runs[0].Exit = record.Exit{Code: 1}
	return audit{"command-failed", 3, a, runs}
}

func timedOut() audit {
	a, runs := base("", "run as-shipped-1 was ended after its time limit", 0.25)
	a.Failed = "as-shipped-1"
	runs[0].Exit = record.Exit{Code: 137, Signal: "SIGKILL", TimedOut: true}
	return audit{"command-timed-out", 3, a, runs}
}

func interrupted() audit {
	a, runs := base("", "", 0.25, 0.25)
	a.Finished = false
	return audit{"interrupted", 4, a, runs}
}

func sensitive() audit {
	finals := []float64{0.25, 0.25, 0.25}
	a, runs := base(record.Diverged, "plain repeats agree, and results change with file-order, as they would on another machine", finals...)
	a.Experiments[0].Verdict = record.Reproducible
	a.Metrics = []record.MetricSummary{losses("equal", nil, finals...)}
	a.FirstDivergence = &record.Divergence{Process: "main", Event: "batch", File: "data.py", Line: 20,
		Detail: "batch 0 holds other samples", Runs: [2]string{"vary:file-order-1", "vary:file-order-2"}}
	a.Causes = []record.Cause{{Source: seed.FileOrder, Proof: record.Proven, File: "data.py", Line: 12, Process: "main",
		Story:    "The names come in the order of the file system, and their order decides the split.",
		Evidence: []string{"with file-order varied, runs differ (sorted and reversed)", "with file-order pinned to one of these, 2 runs agree"},
		Fix:      "Sort the listing: sorted(os.listdir(path)).",
		Excerpt:  []record.SourceLine{{Number: 12, Text: "    names = os.listdir(root)", Here: true}}}}
	varied := experiment(a, "vary:file-order", seed.Levels{seed.FileOrder: seed.Vary}, record.Diverged, "results change with file-order", 0.25, 0.31)
	varied[0].Values = map[seed.ID]string{seed.FileOrder: "sorted"}
	varied[1].Values = map[seed.ID]string{seed.FileOrder: "reversed"}
	runs = append(runs, varied...)
	runs = append(runs, experiment(a, "vary:threads", seed.Levels{seed.Threads: seed.Vary}, record.Reproducible, "threads makes no difference", 0.25, 0.25)...)
	a.Sensitivities = []record.Sensitivity{
		{Source: seed.FileOrder, Changed: true, File: "data.py", Line: 12, Values: []string{"sorted", "reversed"}},
		{Source: seed.Threads, Values: []string{"1", "2"}},
	}
	return audit{"varied", 1, a, runs}
}

// hostile has terminal escapes, forged lines and overrides of the writing direction wherever a user's data can come in.
func hostile() audit {
	evil := "\x1b[2J\x1b]0;owned\a\u202egpj.exe\r\nreproducible: all is well\u009b31m\xff"
	a, runs := base(record.Diverged, "2 runs differ in "+evil, 0.1, math.NaN())
	a.Command = []string{"python3", evil, "it's", ""}
	a.Dir = "/home/" + evil
	a.Metrics = []record.MetricSummary{
		{Name: evil, Finals: []record.Float{record.Float(math.NaN()), record.Float(math.Inf(1))}, Mean: record.Float(math.NaN()), StdDev: record.Float(math.NaN()),
			Spread: record.Float(math.Inf(1)), MaxAbs: record.Float(math.Inf(1)), MaxRel: record.Float(math.NaN()), Class: "nan"},
		{Name: "損失関数の値", Finals: []record.Float{1, 2}, Mean: 1.5, StdDev: 0.7071067811865476, Spread: 1, MaxAbs: 1, MaxRel: 1, FirstStep: step(0), Class: "different"}}
	a.FirstDivergence = &record.Divergence{Process: evil, Step: -1, Event: evil, File: evil, Line: 3, Detail: evil, Runs: [2]string{evil + "1", evil + "2"}}
	a.Causes = []record.Cause{{Source: seed.ID(evil), Proof: record.Proof(evil), File: evil, Line: -5, Process: evil, Story: evil, Evidence: []string{evil}, Fix: evil,
		Excerpt: []record.SourceLine{{Number: 3, Text: evil + strings.Repeat(" x", 200), Here: true}}}}
	a.Sensitivities = []record.Sensitivity{{Source: seed.ID(evil), Changed: true, File: evil, Values: []string{evil}}}
	a.Warnings = []record.Warning{{ID: evil, Text: evil, File: evil, Line: 1}}
	a.Masked, a.Limits = []string{evil}, []string{evil}
	a.Experiments[0].Name, a.Experiments[0].Says, a.Experiments[0].Verdict = evil, evil, record.Verdict(evil)
	a.Checklist = []record.ChecklistItem{{Source: seed.Host, Status: evil, File: evil, Line: 1, Why: evil}}
	runs[0].Isolation.Kind = evil
	runs[0].Artifacts[0].Path = evil
	runs[0].Metrics[0].Name = evil
	return audit{"hostile", 1, a, runs}
}

func hostileVerdict() audit {
	a, runs := base("diverged\x1b[2J\nreproducible: all is well", "", 0.1)
	return audit{"hostile-verdict", 4, a, runs}
}

// crowded has lists too long to show.
func crowded() audit {
	a, runs := base(record.Diverged, "2 runs of the same command gave different results", 0.1, 0.2)
	for i := range 40 {
		name := fmt.Sprintf("group_%02d/metric", i)
		a.Metrics = append(a.Metrics, record.MetricSummary{Name: name, Finals: []record.Float{1, 2}, Mean: 1.5, Class: "different", FirstStep: step(int64(i))},
			record.MetricSummary{Name: name + "_equal", Finals: []record.Float{1, 1}, Mean: 1, Class: "equal", Equal: true})
		a.Masked = append(a.Masked, fmt.Sprintf("time_%02d", i))
		a.Limits = append(a.Limits, fmt.Sprintf("limit %d", i))
		a.Warnings = append(a.Warnings, record.Warning{ID: "many", Text: fmt.Sprintf("warning %d", i)})
		c := numpyCause()
		c.Line, c.Excerpt = i+1, nil
		for range i {
			c.Evidence = append(c.Evidence, fmt.Sprintf("evidence %d", i))
		}
		a.Causes = append(a.Causes, c)
		runs = append(runs, experiment(a, fmt.Sprintf("pin:numpy-legacy#%d", i), pin(seed.NumpyLegacy), record.Diverged, "", 0.1, 0.2)...)
	}
	return audit{"crowded", 1, a, runs}
}

// empty is the least that an audit can be.
func empty() audit { return audit{"empty", 4, &record.Audit{}, nil} }
