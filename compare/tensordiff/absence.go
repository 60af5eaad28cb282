package tensordiff

import (
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// heads are names of the last layer of classifiers and language models.
var heads = [...]string{"fc", "classifier", "head", "heads", "lm_head", "score", "cls", "logits", "output_layer", "out_proj_head"}

// absence explains what it means that one file lacks a value of the other. there is the file that has it, lacks the other.
func absence(e *checkpoint.Entry, there *checkpoint.File, lacks map[string]bool) Absence {
	out := Absence{Name: e.Name, Value: describe(e)}
	t := e.Tensor()
	if t == nil {
		out.Class = "value"
		out.Why = "not a weight; whatever reads it takes its default, or fails"
		return out
	}
	segments := strings.FieldsFunc(e.Name, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	switch {
	case len(segments) > 0 && segments[len(segments)-1] == "num_batches_tracked":
		out.Class = "batchnorm-counter"
		out.Why = "safe to leave at 0: BatchNorm reads this counter only when its momentum is None"
	case tiedTo(e, there, lacks) != "":
		out.Class = "tied"
		out.Why = "shares its memory with " + tiedTo(e, there, lacks) + ", which both files have; a model that ties the two fills it"
	case len(segments) > 1 && slices.ContainsFunc(segments[:len(segments)-1], func(s string) bool { return slices.Contains(heads[:], s) }):
		out.Class = "head"
		out.Why = "the model's last layer: left out, it keeps its random initialisation and predictions are worthless until it is trained"
	default:
		out.Class = "tensor"
		out.Why = "left out, it keeps its random initialisation, different in every run without a seed"
	}
	return out
}

// tiedTo names another tensor of the file that is the same view of the same storage and that the other file has.
func tiedTo(e *checkpoint.Entry, there *checkpoint.File, lacks map[string]bool) string {
	t := e.Tensor()
	if t.Storage == "" {
		return ""
	}
	for i := range there.Entries {
		other := &there.Entries[i]
		o := other.Tensor()
		if o != nil && other != e && o.Storage == t.Storage && !lacks[other.Name] && o.Size() == t.Size() && slices.Equal(o.Shape, t.Shape) {
			return other.Name
		}
	}
	return ""
}
