package component

import (
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// tensorFlow renames the entries of TensorFlow's checkpoints, whose names are paths with slashes, to names like those of
// other files.
type tensorFlow struct{ variables map[string]bool }

func newTensorFlow(f *checkpoint.File) *tensorFlow {
	if f.Format != "tensorbundle" {
		return nil
	}
	t := &tensorFlow{map[string]bool{}}
	for i := range f.Entries {
		if f.Entries[i].Tensor() != nil {
			t.variables[f.Entries[i].Name] = true
		}
	}
	return t
}

// entry returns e under the name that tells its part.
func (t *tensorFlow) entry(e *checkpoint.Entry) *checkpoint.Entry {
	if t == nil {
		return e
	}
	renamed := *e
	renamed.Name = strings.ReplaceAll(t.name(e.Name), "/", ".")
	return &renamed
}

// The names that tf.train.Checkpoint makes: a path of attributes, then what is kept of the object there; the slots of an
// optimizer under the variable that they belong to (trackable_object_graph.proto).
const (
	variableValue = "/.ATTRIBUTES/VARIABLE_VALUE"
	iteratorState = "/.ATTRIBUTES/ITERATOR_STATE"
	slotOf        = "/.OPTIMIZER_SLOT/"
)

func (t *tensorFlow) name(name string) string {
	if path, rest, ok := strings.Cut(name, iteratorState); ok {
		return "iterator/" + path + rest
	}
	path, object := strings.CutSuffix(name, variableValue)
	if variable, slot, ok := strings.Cut(path, slotOf); ok {
		return "optimizer/" + slot + "/" + variable
	}
	if object {
		// Keras 3 has the model's weights as an attribute of the optimizer too, and a variable is saved under its shortest path.
		if strings.Contains(path, "/_trainable_variables/") {
			return "model/" + path
		}
		if strings.HasSuffix(path, "/_state_var") {
			return "rng_state" // of tf.random.Generator, whatever its name: "generator" promises a model
		}
		return path
	}
	// Optimizers of TensorFlow 1 name a slot by its variable and themselves.
	if at := strings.LastIndexByte(name, '/'); at > 0 && t.variables[name[:at]] {
		if wordsOf(name[at+1:]).one("average", "averages", "averaged") {
			return "ema/" + name
		}
		return "optimizer/" + name
	}
	if name == "beta1_power" || name == "beta2_power" {
		return "optimizer/" + name
	}
	return name
}
