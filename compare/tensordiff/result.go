package tensordiff

import (
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
	"github.com/reprocheck/reprocheck/runner/record"
)

// SchemaVersion names the JSON form of a Result.
const SchemaVersion = "reprocheck.checkpoint-diff/v1"

// Verdict sums up a comparison.
type Verdict string

const (
	// SameContent: every value has the same name, type and bits.
	SameContent Verdict = "same-content"
	// WithinTolerance: values differ by no more than was asked for.
	WithinTolerance Verdict = "within-tolerance"
	// Different: values, names or types differ.
	Different Verdict = "different"
	// Inconclusive: files of a directory cannot be read, and all others are equal or within the tolerance.
	Inconclusive Verdict = "inconclusive"
)

// Result is what two checkpoints have in common and what not. A is the expected side.
type Result struct {
	Schema  string  `json:"schema"`
	A       Side    `json:"a"`
	B       Side    `json:"b"`
	Verdict Verdict `json:"verdict"`
	// Equal and EqualTensors count the values and, of those, the tensors with equal bits.
	Equal        int `json:"equal"`
	EqualTensors int `json:"equal_tensors"`
	// Changed, Missing and Renamed are in the order of A, Unexpected in that of B: the model's layers first.
	Changed    *Changes          `json:"changed"`
	Missing    *Listing[Absence] `json:"missing"`
	Unexpected *Listing[Absence] `json:"unexpected"`
	Renamed    *Listing[Rename]  `json:"renamed"`
	// Generators relates the states of random number generators that changed, the first 64.
	Generators []Generator `json:"generators"`
	// Structure says which containers differ in type or are there on one side only.
	Structure []string `json:"structure"`
	// Container says what differs between the files that is no content.
	Container []string `json:"container"`
}

// Side is one of the files compared.
type Side struct {
	Path   string `json:"path,omitempty"`
	Format string `json:"format"`
	// Values and Tensors count what the file holds, without containers.
	Values  int `json:"values"`
	Tensors int `json:"tensors"`
}

// Change is a value that both sides have, with different content.
type Change struct {
	Name string `json:"name"`
	// Part is the component of the training that the value belongs to in A.
	Part component.ID `json:"component"`
	// Class is "values", "signed-zero" or "nan" (nothing but that, or also zeros, differs), "shape", "dtype", "attributes", "kind"
	// (no tensor on one side), "number", "string", "bytes" or "object".
	Class string `json:"class"`
	// A and B describe the two values.
	A string `json:"a"`
	B string `json:"b"`
	// FirstByte is where two long texts, or bytes, begin to differ; A and B show them from there on.
	FirstByte *int64 `json:"first_byte,omitempty"`
	// ValueA and ValueB are the elements of tensors that have one, of the common types.
	ValueA string `json:"value_a,omitempty"`
	ValueB string `json:"value_b,omitempty"`
	// Precision relates values of two floating-point types.
	Precision string `json:"precision,omitempty"`
	// Stats is set where elements were compared.
	Stats *ChangeStats `json:"stats,omitempty"`
	// Within tells that the tolerance accepts the difference.
	Within bool `json:"within_tolerance"`
}

// ChangeStats are a tensor's Stats in a form that JSON can carry.
type ChangeStats struct {
	Elements   int64        `json:"elements"`
	Different  int64        `json:"different"`
	Beyond     int64        `json:"beyond_tolerance"`
	First      []int64      `json:"first_index"`
	MaxAbs     record.Float `json:"max_abs"`
	MaxAbsAt   []int64      `json:"max_abs_index,omitempty"`
	MaxRel     record.Float `json:"max_rel"`
	MaxULP     uint64       `json:"max_ulp"`
	NaNOnlyA   int64        `json:"nan_only_a"`
	NaNOnlyB   int64        `json:"nan_only_b"`
	NaNPayload int64        `json:"nan_payload"`
	SignedZero int64        `json:"signed_zero"`
}

// Absence is a value that only one side has.
type Absence struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Class is "batchnorm-counter", "batchnorm-statistics", "averaging-counter", "tied", "adapter", "head", "optimizer", "ema", "rng", "buffer",
	// "scale-or-shift", "tensor" or "value".
	Class string `json:"class"`
	// Why says what follows when it is ignored, as load_state_dict(strict=False) does.
	Why string `json:"why"`
}

// Rename is a value of one side that was compared with one of another name.
type Rename struct {
	A   string `json:"a"`
	B   string `json:"b"`
	Why string `json:"why"`
}
