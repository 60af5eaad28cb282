package record

import (
	"time"

	"github.com/reprocheck/reprocheck/seed"
)

// Verdict is the answer of an audit, in the contract's words.
type Verdict string

const (
	Reproducible    Verdict = "reproducible"
	WithinTolerance Verdict = "within-tolerance"
	Diverged        Verdict = "diverged"
	Inconclusive    Verdict = "inconclusive"
)

// Audit is the record of everything that was asked, run and found; a report is made from it and from its runs alone.
type Audit struct {
	Version   int       `json:"version"`
	ID        string    `json:"id"`
	Tool      string    `json:"tool"` // reprocheck's version
	Command   []string  `json:"command"`
	Dir       string    `json:"dir"` // the command's working directory
	Started   time.Time `json:"started"`
	Finished  bool      `json:"finished"` // false while runs are still to be made, so that the audit can be continued
	Settings  Settings  `json:"settings"`
	Criterion Criterion `json:"criterion"`

	Experiments []Experiment `json:"experiments"`

	Verdict Verdict `json:"verdict"`
	// Reason is the verdict's ground in one sentence.
	Reason string `json:"reason"`
	// Failed names the run whose command failed; the audit then has no verdict.
	Failed string `json:"failed,omitempty"`
	// FailedStderr holds the last lines of that run's standard error.
	FailedStderr    []string        `json:"failed_stderr,omitempty"`
	FirstDivergence *Divergence     `json:"first_divergence,omitempty"`
	Causes          []Cause         `json:"causes"`
	Checklist       []ChecklistItem `json:"checklist"`
	Sensitivities   []Sensitivity   `json:"sensitivities"`
	Metrics         []MetricSummary `json:"metrics"`
	Warnings        []Warning       `json:"warnings"`
	Masked          []string        `json:"masked"`
	Limits          []string        `json:"limits"`
	// Bound is what equal runs justify, in words; BoundRate is the rate of divergence still possible at 95 % confidence.
	Bound     string  `json:"bound,omitempty"`
	BoundRate float64 `json:"bound_rate,omitempty"`
}

// Settings are the options that decide what an audit runs; a continued audit uses them again.
type Settings struct {
	Runs    int       `json:"runs"`
	MaxRuns int       `json:"max_runs"`
	Jobs    int       `json:"jobs"`
	Seed    uint64    `json:"seed"`
	Pin     []seed.ID `json:"pin,omitempty"`
	Vary    []seed.ID `json:"vary,omitempty"`
	// Isolate lists directories outside the working directory that each run gets a private layer over.
	Isolate []string `json:"isolate,omitempty"`
	// Results lists such directories whose files are compared as well.
	Results  []string      `json:"results,omitempty"`
	Diagnose bool          `json:"diagnose"`
	Timeout  time.Duration `json:"timeout_ns,omitempty"`
}

// Criterion is how two runs are compared.
type Criterion struct {
	Mode       string               `json:"mode"` // "exact" or "tolerance"
	RTol       float64              `json:"rtol,omitempty"`
	ATol       float64              `json:"atol,omitempty"`
	DTypes     bool                 `json:"dtype_defaults,omitempty"`
	Tolerances map[string]Tolerance `json:"tolerances,omitempty"`
	// MetricRegex are the user's own patterns; each has the groups name and value, or names its one metric.
	MetricRegex []string `json:"metric_regex,omitempty"`
}

// Tolerance accepts |actual-expected| <= ATol + RTol*|expected|, the expected side being the first run
// (the formula of torch.testing.assert_close and numpy.testing.assert_allclose).
type Tolerance struct {
	RTol float64 `json:"rtol"`
	ATol float64 `json:"atol"`
}

// Experiment is one assignment of levels and the runs made under it.
type Experiment struct {
	Name    string      `json:"name"`
	Levels  seed.Levels `json:"levels"`
	Runs    []string    `json:"runs"`
	Verdict Verdict     `json:"verdict"`
	// Says is what the experiment showed, in one sentence.
	Says string `json:"says,omitempty"`
}

// Divergence is the first event at which two runs part.
type Divergence struct {
	Process string    `json:"process"`
	Step    int64     `json:"step"`
	Event   string    `json:"event"` // "init", "batch", "loss", "grad", "params", "metric", "artifact", ...
	File    string    `json:"file,omitempty"`
	Line    int       `json:"line,omitempty"`
	Detail  string    `json:"detail"`
	Runs    [2]string `json:"runs"`
}

// Proof is how certain a cause is.
type Proof string

const (
	// Proven: with the source pinned the runs agree, with it released they differ.
	Proven Proof = "proven"
	// Observed: seen in the traces at the point of divergence; no experiment can pin it, or none was run.
	Observed Proof = "observed"
	// Suspected: consistent with the traces, not shown.
	Suspected Proof = "suspected"
)

// Cause is a source shown to make results differ.
type Cause struct {
	Source  seed.ID `json:"source"`
	Proof   Proof   `json:"proof"`
	File    string  `json:"file,omitempty"`
	Line    int     `json:"line,omitempty"`
	Step    int64   `json:"step"`
	Process string  `json:"process,omitempty"`
	// Story says in one or two sentences how this source entered here ("re-seeded by a library", "seeded too late").
	Story    string   `json:"story"`
	Evidence []string `json:"evidence"`
	Fix      string   `json:"fix"`
	// Excerpt is the user's source around Line.
	Excerpt []SourceLine `json:"excerpt,omitempty"`
}

// SourceLine is one line of the user's code.
type SourceLine struct {
	Number int    `json:"number"`
	Text   string `json:"text"`
	Here   bool   `json:"here,omitempty"`
}

// ChecklistItem says of one source whether it was used and controlled.
type ChecklistItem struct {
	Source seed.ID `json:"source"`
	Used   bool    `json:"used"`
	Status string  `json:"status"` // "controlled", "uncontrolled", "unused", "unknown"
	File   string  `json:"file,omitempty"`
	Line   int     `json:"line,omitempty"`
	Why    string  `json:"why"`
}

// Sensitivity says whether results change when a source is varied on purpose.
type Sensitivity struct {
	Source  seed.ID  `json:"source"`
	Changed bool     `json:"changed"`
	File    string   `json:"file,omitempty"`
	Line    int      `json:"line,omitempty"`
	Values  []string `json:"values"`
}

// Warning is something a user should know that is not a cause.
type Warning struct {
	ID   string `json:"id"` // "worker-streams-equal", "pythonhashseed-too-late", ...
	Text string `json:"text"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// MetricSummary compares one metric over all runs of the as-shipped experiment.
type MetricSummary struct {
	Name string `json:"name"`
	// Origin is "stdout", "stderr", or the workspace path of the file it was read from.
	Origin string `json:"origin,omitempty"`
	// Finals are the last values, one for each run.
	Finals []Float `json:"finals"`
	Mean   Float   `json:"mean"`
	// StdDev is the sample standard deviation (n-1), NaN for one run.
	StdDev Float `json:"std_dev"`
	// Spread is the largest minus the smallest final value.
	Spread Float `json:"spread"`
	// MaxAbs and MaxRel are over all points of all runs against the first run.
	MaxAbs Float `json:"max_abs"`
	MaxRel Float `json:"max_rel"`
	// FirstStep is the first step that differs, absent where none does.
	FirstStep *int64 `json:"first_step,omitempty"`
	Equal     bool   `json:"equal"`
	// Class tells apart "equal", "within-tolerance", "different", "nan", "infinite", "signed-zero", "length", "steps", "missing", "volatile".
	Class string `json:"class"`
}
