package tensordiff

import (
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// heads are names of the last layer of classifiers and language models.
var heads = [...]string{
	"fc", "classifier", "head", "heads", "lm_head", "score", "cls", "logits", "output_layer", "out_proj_head", "last_linear", "qa_outputs", "embed_out",
}

// owner is a file that has values which the other lacks.
type owner struct {
	file  *checkpoint.File
	parts []component.ID // of its entries
	// expected tells that it is the first file, whose values a model or a training is waiting for; those that only the other
	// one has find nobody who reads them.
	expected bool
}

// absences explains what it means that the other file lacks values of this one, and enters it in a list.
func (o owner) absences(list []int32, to *Listing[Absence]) error {
	// Only tensors that both files have can be what others are tied to.
	lacks := make([]bool, len(o.file.Entries))
	shared := map[checkpoint.Block][]*checkpoint.Entry{} // by the blocks of what is lacking
	for _, i := range list {
		lacks[i] = true
		if block, ok := blockOf(&o.file.Entries[i]); ok {
			shared[block] = nil
		}
	}
	for i := range o.file.Entries {
		e := &o.file.Entries[i]
		block, ok := blockOf(e)
		if !ok || lacks[i] {
			continue
		}
		if others, ok := shared[block]; ok {
			shared[block] = append(others, e)
		}
	}
	l := layers{shared: shared, depth: o.headDepths(list), weights: o.weights(list)}
	for _, i := range list {
		x := o.absence(&o.file.Entries[i], o.parts[i], l)
		if err := to.add(x, x.Why); err != nil {
			return err
		}
	}
	return nil
}

// layers is what is known of the layers that absent values are of.
type layers struct {
	shared  map[checkpoint.Block][]*checkpoint.Entry // tensors that both files have, by their blocks
	depth   map[component.ID]int                     // how many keys stand before the name of a last layer
	weights map[string]int                           // dimensions of the weights that lie beside absent biases
}

// segmentsOf splits a name into its keys.
func segmentsOf(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '/' || r == '[' || r == ']' })
}

// headAt returns how many keys stand before that of a last layer, false where a name has none. Layers that are numbered, of
// which one follows the other, have none either: each may have a layer called fc of its own.
func headAt(segments []string) (int, bool) {
	for i, s := range segments[:max(len(segments)-1, 0)] {
		if slices.Contains(heads[:], s) {
			return i, true
		}
		if strings.ContainsAny(s, "0123456789") {
			break
		}
	}
	return 0, false
}

// headDepths returns the least number of keys before a last layer in each part of a training that lacks some: of
// block.se.fc and fc, the latter is the last one.
func (o owner) headDepths(list []int32) map[component.ID]int {
	depths := map[component.ID]int{}
	for _, i := range list {
		if at, ok := headAt(segmentsOf(o.file.Entries[i].Name)); ok {
			depths[o.parts[i]] = at
		}
	}
	if len(depths) == 0 {
		return depths
	}
	for i := range o.file.Entries {
		if least, ok := depths[o.parts[i]]; ok {
			if at, ok := headAt(segmentsOf(o.file.Entries[i].Name)); ok && at < least {
				depths[o.parts[i]] = at
			}
		}
	}
	return depths
}

// weights returns the dimensions of the weights beside the biases in a list, by the names of the biases.
func (o owner) weights(list []int32) map[string]int {
	dimensions := map[string]int{}
	for _, i := range list {
		if name := o.file.Entries[i].Name; strings.HasSuffix(name, "bias") {
			dimensions[name] = 0
		}
	}
	if len(dimensions) == 0 {
		return dimensions
	}
	for i := range o.file.Entries {
		e := &o.file.Entries[i]
		if layer, ok := strings.CutSuffix(e.Name, "weight"); ok && e.Tensor() != nil {
			if _, ok := dimensions[layer+"bias"]; ok {
				dimensions[layer+"bias"] = len(e.Shape)
			}
		}
	}
	return dimensions
}

func (o owner) absence(e *checkpoint.Entry, id component.ID, l layers) Absence {
	class, why := classify(e, id, l)
	if !o.expected {
		if unread, ok := unexpected[class]; ok {
			why = unread
		}
	}
	if foreign[o.file.Format] {
		why = strings.Replace(why, "strict=False drops", "a lenient load drops", 1)
	}
	return Absence{Name: e.Name, Value: describe(e), Class: class, Why: why}
}

// foreign are formats that load_state_dict does not read, whose frameworks have other words for it.
var foreign = map[string]bool{"keras": true, "hdf5": true, "tensorbundle": true, "orbax": true, "msgpack": true, "gguf": true, "onnx": true}

// unexpected says what follows where nothing waits for a value, in the classes in which that is something else than what
// follows where one is missing.
var unexpected = map[string]string{
	"value":                "not a weight, and the first file has nothing like it: it is ignored",
	"batchnorm-statistics": "the model of the first file has no such statistics: strict=False drops them in silence, and it normalises in another way than the one that was trained",
	"head":                 "a last layer that the model of the first file does not have: strict=False drops it in silence, as it should only where a new head is to be trained",
	"adapter": "part of a LoRA adapter, for which the model of the first file has no place: strict=False drops it in silence, and what is loaded is " +
		"the model without the adapter",
	"scale-or-shift": absentTensor,
	"buffer":         "no parameter, and the model of the first file has no such buffer: strict=False drops it in silence",
	"tensor":         absentTensor,
}

const absentTensor = "the model of the first file has no place for it: strict=False drops it in silence, and what is loaded is not the model that was trained"

// classify says of which class a value is, and what follows where it is missing.
func classify(e *checkpoint.Entry, id component.ID, l layers) (class, why string) {
	t := e.Tensor()
	if t == nil {
		return "value", "not a weight; whatever reads it takes its default, or fails"
	}
	segments := segmentsOf(e.Name)
	head, isHead := headAt(segments)
	last := ""
	if len(segments) > 0 {
		last = segments[len(segments)-1]
	}
	switch tied := tiedTo(e, l.shared); {
	case id == component.Optimizer:
		return "optimizer", "state of the optimizer: it starts again from zero, and the next steps are other ones"
	case id == component.EMA && last != "n_averaged":
		return "ema", "averaged weights: the average starts again from the current ones, and what is evaluated is another model"
	case id >= component.RNGPython && id <= component.RNGJAX:
		return "rng", "state of a random number generator: what is drawn next is other"
	case last == "running_mean" || last == "running_var":
		return "batchnorm-statistics", "starts again at 0 (mean) or 1 (variance): predictions in evaluation mode are wrong until training has gathered it anew"
	case last == "num_batches_tracked":
		return "batchnorm-counter", "safe to leave at 0: BatchNorm reads this counter only when its momentum is None"
	case last == "n_averaged":
		return "averaging-counter", "starts again at 0: the next update of the AveragedModel copies the current weights over the average"
	case tied != "":
		return "tied", "shares its memory with " + tied + ", which both files have; a model that ties the two fills it"
	case slices.ContainsFunc(segments, isAdapter):
		return "adapter", "part of a LoRA adapter: left out, lora_B stays 0 and the adapter does nothing, so that what runs is the model without it"
	case isHead && head == l.depth[id]:
		return "head", "the model's last layer: left out, it keeps its random initialisation and predictions are worthless until it is trained"
	case isBuffer(last, t):
		return "buffer", "no parameter: left out, it keeps what the model's constructor gave it"
	case last == "weight" && len(t.Shape) == 1, last == "bias" && l.weights[e.Name] == 1, last == "gamma", last == "beta":
		return "scale-or-shift", "scale or shift, as of a normalisation: left out, it keeps the constant that its layer begins with, mostly 1 or 0, and not what was trained"
	default:
		return "tensor", "left out, it keeps its random initialisation, different in every run without a seed"
	}
}

// isAdapter knows the parameters that PEFT adds to a layer.
func isAdapter(segment string) bool { return strings.HasPrefix(segment, "lora_") }

// tiedTo names another tensor that is the same view of the same storage.
func tiedTo(e *checkpoint.Entry, shared map[checkpoint.Block][]*checkpoint.Entry) string {
	t := e.Tensor()
	block, _ := t.Block()
	for _, other := range shared[block] {
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
