// Package record holds what a run leaves behind, as plain versioned types that are written to disk
// and read again by every later room. It starts nothing and compares nothing.
package record

import (
	"slices"
	"time"

	"github.com/reprocheck/reprocheck/seed"
)

// Version is written into every record; a reader refuses a newer one.
const Version = 1

// Run is the record of one launch of the command.
type Run struct {
	Version    int         `json:"version"`
	ID         string      `json:"id"` // "<experiment>-<number>", unique within its audit
	Experiment string      `json:"experiment"`
	Number     int         `json:"number"` // 0-based, within the experiment
	Levels     seed.Levels `json:"levels"`
	// Values says in words what each pinned or varied source was set to.
	Values map[seed.ID]string `json:"values,omitempty"`

	// Began is when its workspace was begun: a file of the project that changed after that may be another in it.
	Began   time.Time `json:"began"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Exit    Exit      `json:"exit"`

	Metrics   []Series   `json:"metrics"`
	Artifacts []Artifact `json:"artifacts"`
	// Deleted lists files of the starting tree that the run removed.
	Deleted []string `json:"deleted,omitempty"`
	// Outside lists absolute paths outside the workspace that the run wrote.
	Outside []string `json:"outside,omitempty"`
	// Left lists files in HOME and below the temporary directory that the run left in its private layers: the user's own
	// next run would find them. Sorted by path, and bounded.
	Left []Leftover `json:"left,omitempty"`
	// LeftRunning names the programs of processes that the command left behind and that were ended after it.
	LeftRunning []string `json:"left_running,omitempty"`
	// Lines is the number of complete lines on standard output; Text is the file name of the kept stream.
	Stdout Stream `json:"stdout"`
	Stderr Stream `json:"stderr"`

	// Processes lists the Python processes that said they were alive, by trace name ("main", "main/worker-0").
	Processes []Process `json:"processes"`
	// Silent lists the programs of Python processes that the launcher saw and that never said so.
	Silent []string `json:"silent,omitempty"`
	// Isolation says which workspace was used and what it could not isolate.
	Isolation Isolation `json:"isolation"`
	// Refused lists what was asked of this machine and not granted, in words.
	Refused []string `json:"refused,omitempty"`
	// Truncated says why the run was stopped early by reprocheck itself (a zoom that had seen enough), empty otherwise.
	Truncated string `json:"truncated,omitempty"`
	MaxRSS    int64  `json:"max_rss_bytes,omitempty"`
	// Machine is where the run was made; the zero Machine in records of files that were only described.
	Machine Machine `json:"machine,omitzero"`
}

// Machine is what of a machine can change results.
type Machine struct {
	OS   string `json:"os"`            // as Go names it: "linux"
	Arch string `json:"arch"`          // as Go names it: "amd64"
	CPU  string `json:"cpu,omitempty"` // the processor's model as the system names it, empty where it does not
	CPUs int    `json:"cpus"`          // logical processors that reprocheck may use
}

// Leftover is a file that a run left outside the project, in a private layer that no other run sees.
type Leftover struct {
	Path string `json:"path"` // absolute
	// Kept says that the file lies in a directory below the temporary one that was there before the run: a place to keep
	// things, unlike HOME, of which every run has its own, or a temporary file.
	Kept bool `json:"kept,omitempty"`
}

// Exit is how the command's first process ended.
type Exit struct {
	Code     int    `json:"code"` // 128+signal when Signal is set
	Signal   string `json:"signal,omitempty"`
	TimedOut bool   `json:"timed_out,omitempty"`
}

// OK reports whether the command ended by itself with status 0.
func (e Exit) OK() bool { return e.Code == 0 && e.Signal == "" && !e.TimedOut }

// Stream is a kept output stream.
type Stream struct {
	Path  string `json:"path"` // relative to the run's directory
	Bytes int64  `json:"bytes"`
	Lines int64  `json:"lines"`
	// SHA256 is over the raw bytes.
	SHA256 string `json:"sha256"`
	// Masked is the digest of the text without what differs by nature (metrics.MaskedDigest), empty where it was not taken.
	Masked string `json:"masked_sha256,omitempty"`
}

// Isolation describes the workspace of a run.
type Isolation struct {
	Kind   string   `json:"kind"` // "overlay", "reflink", "copy", "clonefile", "none"
	Limits []string `json:"limits,omitempty"`
}

// Process is one Python process of the run's tree.
type Process struct {
	Name  string `json:"name"`
	Trace string `json:"trace"` // trace file, relative to the run's directory
	// Facts are what the process found out about its environment: versions, thread counts, flags.
	Facts  map[string]string `json:"facts,omitempty"`
	Events int64             `json:"events"`
	// Steps is the number of optimizer steps seen.
	Steps int64 `json:"steps"`
	// PIDs are numbers that the process knew itself or its parent by.
	PIDs []int64 `json:"pids,omitempty"`
}

// PIDs are the numbers that the run's processes knew themselves or their parents by, each once and sorted. Small ones, which a
// container hands out and anything may be, are left out.
func (r *Run) PIDs() []int64 {
	const least = 100
	var all []int64
	for _, p := range r.Processes {
		all = append(all, p.PIDs...)
	}
	slices.Sort(all)
	first, _ := slices.BinarySearch(all, least)
	return slices.Compact(all[first:])
}

// Series is one metric over the course of a run.
type Series struct {
	Name string `json:"name"`
	// Origin is "stdout", "stderr", or the workspace path of the file it was read from.
	Origin string `json:"origin"`
	// Volatile says why the values are expected to differ (a time, a throughput); empty for a metric that counts.
	Volatile string  `json:"volatile,omitempty"`
	Points   []Point `json:"points"`
	// Dropped counts points beyond the number kept; Digest covers all of them, kept or not, in order.
	Dropped int64  `json:"dropped,omitempty"`
	Digest  string `json:"digest"`
}

// Point is one value of a metric.
type Point struct {
	// Step is the step, epoch or iteration that the program printed beside the value, or the value's ordinal;
	// printed in two parts it is their sum, see EpochStride.
	Step int64 `json:"step"`
	// Text is the value as printed, and decides equality of printed values; Value is it parsed.
	Text  string `json:"text"`
	Value Float  `json:"value"`
	// Line is the 1-based line of the origin.
	Line int64 `json:"line"`
}

// Artifact is one file that the run added or changed.
type Artifact struct {
	Path string `json:"path"` // slash-separated, relative to the workspace
	Size int64  `json:"size"`
	// SHA256 is over the file's bytes.
	SHA256 string `json:"sha256"`
	// Format is the recognised format ("torch-zip", "npz", "json", "text", ...), empty where unknown.
	Format string `json:"format,omitempty"`
	// Content is the canonical content digest, empty where the format has none.
	Content string `json:"content,omitempty"`
	// Leaves are the named parts of the content: tensors, numbers, strings. Bounded; More says how many were left out.
	Leaves []Leaf `json:"leaves,omitempty"`
	More   int64  `json:"more_leaves,omitempty"`
	// Rest digests the names and digests of the leaves left out, in order; empty where that was not taken.
	Rest string `json:"more_leaves_digest,omitempty"`
	// Unread says why a known format could not be read.
	Unread string `json:"unread,omitempty"`
	// Kept is the absolute path of a copy of the file, kept where values are compared within a tolerance; empty otherwise.
	Kept string `json:"kept,omitempty"`
	// Of is the path of the artifact of which values lie in this one, whose content is that one's; empty for most.
	Of string `json:"of,omitempty"`
	// Files counts the files where the artifact stands for all beyond a bound; 0 for a file of its own.
	Files int `json:"files,omitempty"`
	// Link is the target, where the artifact is a symbolic link.
	Link string `json:"link,omitempty"`
}

// Leaf is one named part of an artifact's content.
type Leaf struct {
	Name string `json:"name"` // e.g. "model.fc.weight"
	Kind string `json:"kind"` // "tensor", "number", "string", "bytes", "object"
	// DType and Shape are set for tensors, in the field's names ("float32", [64 8]).
	DType string  `json:"dtype,omitempty"`
	Shape []int64 `json:"shape,omitempty"`
	// Text is the value of a number or a short string; Digest identifies the value exactly.
	Text   string `json:"text,omitempty"`
	Digest string `json:"digest"`
	// Masked is the digest of a text without what differs by nature, where Text does not hold all of it or it has several lines.
	Masked string `json:"masked,omitempty"`
}
