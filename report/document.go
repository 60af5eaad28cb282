package report

import "github.com/reprocheck/reprocheck/runner/record"

// Schema names the format of a Document. Keys are only ever added to it; anything else is a new version.
const Schema = "reprocheck.report/v1"

// Document is a report. Its JSON form is part of the contract with other programs and is described by
// docs/report.schema.json. A File is empty, and a Line 0, where no line of the user's code can be named.
type Document struct {
	Schema  string   `json:"schema"`
	Tool    Tool     `json:"tool"`
	Audit   string   `json:"audit"`
	Command []string `json:"command"`
	// Dir is the command's working directory; the document's paths are relative to it.
	Dir string `json:"dir"`
	// Records is where the audit and its runs are kept. The caller of Build sets it, since an audit does not know.
	Records string `json:"records,omitempty"`

	// Verdict is inconclusive where the command failed: there is then no verdict to give, and Failed says why.
	Verdict   record.Verdict `json:"verdict"`
	Reason    string         `json:"reason"`
	Failed    *Failure       `json:"failed,omitempty"`
	Criterion Criterion      `json:"criterion"`

	Experiments []Experiment `json:"experiments"`
	Runs        []Run        `json:"runs"`

	FirstDivergence *record.Divergence `json:"first_divergence"`
	Causes          []Cause            `json:"causes"`
	Checklist       []ChecklistItem    `json:"checklist"`

	// Metrics compares each metric over the runs of the first experiment, which is the one that the verdict is about.
	Metrics []record.MetricSummary `json:"metrics"`
	// Artifacts compares the files that those runs wrote, MoreArtifacts of them left out.
	Artifacts     []File `json:"artifacts"`
	MoreArtifacts int    `json:"more_artifacts,omitempty"`
	// Bound is absent where the runs of the first experiment do not agree.
	Bound *Agreement `json:"bound,omitempty"`

	Sensitivities []record.Sensitivity `json:"sensitivities"`
	Warnings      []Warning            `json:"warnings"`
	Masked        []string             `json:"masked"`
	Limits        []string             `json:"limits"`
	// Workspaces lists the kinds of workspace that the runs were given.
	Workspaces []string `json:"workspaces"`
}

// Tool identifies the program that made the audit.
type Tool struct {
	Version string `json:"version"`
}

// Failure says which run of the command failed, and how.
type Failure struct {
	Run      string `json:"run"`
	ExitCode int    `json:"exit_code"`
	Signal   string `json:"signal,omitempty"`
	TimedOut bool   `json:"timed_out,omitempty"`
	// Stderr holds the last lines of the run's standard error.
	Stderr []string `json:"stderr"`
}

// Criterion is how runs were compared. Tolerances are per metric; RTol and ATol are for every other value.
type Criterion struct {
	Mode          string                      `json:"mode"`
	RTol          float64                     `json:"rtol,omitempty"`
	ATol          float64                     `json:"atol,omitempty"`
	DTypeDefaults bool                        `json:"dtype_defaults,omitempty"`
	Tolerances    map[string]record.Tolerance `json:"tolerances"`
}

// Experiment is one assignment of levels, with what its runs showed.
type Experiment struct {
	Name    string            `json:"name"`
	Levels  map[string]string `json:"levels"`
	Runs    []string          `json:"runs"`
	Verdict record.Verdict    `json:"verdict"`
	Says    string            `json:"says,omitempty"`
}

// Run is one launch of the command, in brief; the whole of it is in the records.
type Run struct {
	ID         string  `json:"id"`
	Experiment string  `json:"experiment"`
	ExitCode   int     `json:"exit_code"`
	Signal     string  `json:"signal,omitempty"`
	TimedOut   bool    `json:"timed_out,omitempty"`
	Seconds    float64 `json:"seconds"`
	// Truncated says why reprocheck itself stopped the run early, empty where it ran to its end.
	Truncated string `json:"truncated,omitempty"`
	// Silent lists Python processes that could not be observed.
	Silent []string `json:"silent,omitempty"`
	// Values says in words what each pinned or varied source was set to.
	Values  map[string]string `json:"values,omitempty"`
	Metrics map[string]Metric `json:"metrics"`
	// MoreMetrics and MoreArtifacts count what was left out of a very long list.
	MoreMetrics   int        `json:"more_metrics,omitempty"`
	Artifacts     []Artifact `json:"artifacts"`
	MoreArtifacts int        `json:"more_artifacts,omitempty"`
}

// Metric is the outcome of one metric in one run.
type Metric struct {
	// Final is the last value, absent where the run printed none.
	Final  *record.Float `json:"final,omitempty"`
	Points int64         `json:"points"`
	// Volatile says why the values are expected to differ.
	Volatile string `json:"volatile,omitempty"`
}

// Artifact is one file that a run wrote. Content is the canonical content digest, empty where the format has none.
type Artifact struct {
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	Format  string `json:"format,omitempty"`
	SHA256  string `json:"sha256"`
	Content string `json:"content"`
}

// Cause is a source shown to make results differ.
type Cause struct {
	Source  string       `json:"source"`
	Title   string       `json:"title"`
	Proof   record.Proof `json:"proof"`
	File    string       `json:"file"`
	Line    int          `json:"line"`
	Step    int64        `json:"step"`
	Process string       `json:"process"`
	// Story says how the source entered.
	Story    string              `json:"story"`
	Evidence []string            `json:"evidence"`
	Fix      string              `json:"fix"`
	Excerpt  []record.SourceLine `json:"excerpt"`
}

// ChecklistItem says of one source whether it was used and controlled.
type ChecklistItem struct {
	Source string `json:"source"`
	Title  string `json:"title"`
	// Expects is the condition under which the source is controlled, in one sentence.
	Expects string `json:"expects"`
	Used    bool   `json:"used"`
	Status  string `json:"status"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Why     string `json:"why"`
}

// The values of ChecklistItem.Status.
const (
	Controlled   = "controlled"
	Uncontrolled = "uncontrolled"
	Unused       = "unused"
	Unknown      = "unknown"
)

// Warning is something to know that is not a cause.
type Warning struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Agreement says what it is worth that all of Runs runs agreed.
type Agreement struct {
	Runs int `json:"runs"`
	// Rate is the rate of differing runs that is still possible at 95 % confidence.
	Rate float64 `json:"rate"`
	Text string  `json:"text"`
}

// ExitCode is the exit status of the command that made the report: 0 reproducible under the criterion asked for,
// 1 not reproducible, 3 the training command itself failed, 4 inconclusive.
func (d *Document) ExitCode() int {
	if d.Failed != nil {
		return 3
	}
	switch d.Verdict {
	case record.Reproducible, record.WithinTolerance:
		return 0
	case record.Diverged:
		return 1
	}
	return 4
}
