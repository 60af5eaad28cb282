package tensordiff

import (
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// heads are names of the last layer of classifiers and language models.
var heads = [...]string{"fc", "classifier", "head", "heads", "lm_head", "score", "cls", "logits", "output_layer", "out_proj_head"}

// absences explains what it means that one file lacks values of the other. there is the file that has them; lacks names
// all values that only one file has, and parts the component of each entry of there.
func absences(list []*checkpoint.Entry, there *checkpoint.File, parts []component.ID, lacks map[string]bool) []Absence {
	out := []Absence{}
	if len(list) == 0 {
		return out
	}
	of := make(map[*checkpoint.Entry]component.ID, len(there.Entries))
	for i, id := range parts {
		of[&there.Entries[i]] = id
	}
	// Only tensors that both files have can be what others are tied to.
	shared := map[string][]*checkpoint.Entry{} // by their storage
	for i := range there.Entries {
		e := &there.Entries[i]
		if t := e.Tensor(); t != nil && t.Origin().Storage != "" && !lacks[e.Name] {
			shared[t.Origin().Storage] = append(shared[t.Origin().Storage], e)
		}
	}
	for _, e := range list {
		out = append(out, absence(e, of[e], shared))
	}
	return out
}

func absence(e *checkpoint.Entry, id component.ID, shared map[string][]*checkpoint.Entry) Absence {
	out := Absence{Name: e.Name, Value: describe(e)}
	t := e.Tensor()
	if t == nil {
		out.Class = "value"
		out.Why = "not a weight; whatever reads it takes its default, or fails"
		return out
	}
	segments := strings.FieldsFunc(e.Name, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	last := ""
	if len(segments) > 0 {
		last = segments[len(segments)-1]
	}
	switch {
	case id == component.Optimizer:
		out.Class = "optimizer"
		out.Why = "state of the optimizer: it starts again from zero, and the next steps are other ones"
	case id == component.EMA && last != "n_averaged":
		out.Class = "ema"
		out.Why = "averaged weights: the average starts again from the current ones, and what is evaluated is another model"
	case id == component.RNGPython || id == component.RNGNumPy || id == component.RNGTorch || id == component.RNGCUDA:
		out.Class = "rng"
		out.Why = "state of a random number generator: what is drawn next is other"
	case last == "running_mean" || last == "running_var":
		out.Class = "batchnorm-statistics"
		out.Why = "starts again at 0 (mean) or 1 (variance): predictions in evaluation mode are wrong until training has gathered it anew"
	case last == "num_batches_tracked":
		out.Class = "batchnorm-counter"
		out.Why = "safe to leave at 0: BatchNorm reads this counter only when its momentum is None"
	case last == "n_averaged":
		out.Class = "averaging-counter"
		out.Why = "starts again at 0: the next update of the AveragedModel copies the current weights over the average"
	case tiedTo(e, shared) != "":
		out.Class = "tied"
		out.Why = "shares its memory with " + tiedTo(e, shared) + ", which both files have; a model that ties the two fills it"
	case len(segments) > 1 && slices.ContainsFunc(segments[:len(segments)-1], func(s string) bool { return slices.Contains(heads[:], s) }):
		out.Class = "head"
		out.Why = "the model's last layer: left out, it keeps its random initialisation and predictions are worthless until it is trained"
	case isBuffer(last, t):
		out.Class = "buffer"
		out.Why = "no parameter: left out, it keeps what the model's constructor gave it"
	default:
		out.Class = "tensor"
		out.Why = "left out, it keeps its random initialisation, different in every run without a seed"
	}
	return out
}

// tiedTo names another tensor that is the same view of the same storage.
func tiedTo(e *checkpoint.Entry, shared map[string][]*checkpoint.Entry) string {
	t := e.Tensor()
	for _, other := range shared[t.Origin().Storage] {
		if o := other.Tensor(); other != e && o.Size() == t.Size() && slices.Equal(o.Shape, t.Shape) {
			return other.Name
		}
	}
	return ""
}

// isBuffer knows tensors that are never drawn at random: integers and booleans, and tables that constructors compute.
func isBuffer(last string, t *checkpoint.Tensor) bool {
	name := string(t.DType)
	return strings.HasPrefix(name, "int") || strings.HasPrefix(name, "uint") || name == "bool" ||
		slices.Contains([]string{"inv_freq", "original_inv_freq", "masked_bias", "attn_mask"}, last)
}
