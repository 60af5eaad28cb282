// Package component tells which part of a training each value of a checkpoint belongs to: the model, the optimizer, a
// random number generator. It knows the layouts of plain PyTorch dictionaries, Lightning, Hugging Face Trainer,
// Accelerate, DeepSpeed and Composer.
package component

import (
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// ID is a component. It is a number, because a file may have a hundred thousand values; the zero ID is none.
type ID uint8

// The components, in the order in which they are shown.
const (
	Model ID = iota + 1
	Optimizer
	Scheduler
	Scaler
	EMA
	Epoch
	Step
	GradAccumulation
	Sampler
	BestMetric
	RNGPython
	RNGNumPy
	RNGTorch
	RNGCUDA
	RNGJAX
	Metrics
	Config
	Version
	Unknown
)

// names are those of the components; those that a resume audit reports have the names of docs and reports there.
var names = [...]string{
	"", "model", "optimizer", "scheduler", "scaler", "ema", "epoch", "step", "grad-accumulation", "sampler", "best-metric",
	"rng-python", "rng-numpy", "rng-torch", "rng-cuda", "rng-jax", "metrics", "config", "version", "unknown",
}

// String returns the component's name, "" for none.
func (id ID) String() string { return names[id] }

// MarshalText makes JSON hold the name.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// IDs returns all components in the order in which they are shown.
func IDs() []ID {
	var ids []ID
	for id := Model; id <= Unknown; id++ {
		ids = append(ids, id)
	}
	return ids
}

// Anatomy is what a file is made of.
type Anatomy struct {
	// Layout is "lightning", "deepspeed", "composer", "accelerate", "trainer", "keras", "configuration", "optimizer-only",
	// "scheduler-only", "scaler-only", "whole-model" for a module or an estimator that was pickled itself, "weights-only" or "dictionary".
	Layout string
	// Of holds the component of each entry.
	Of []ID
}

// Classify finds the component of every entry of a file. What a value is counts before what it is called: the states of
// optimizers, schedulers and random number generators are known by their members, weights by theirs; keys tell the rest.
func Classify(f *checkpoint.File) *Anatomy {
	a := &Anatomy{Of: make([]ID, len(f.Entries))}
	tf := newTensorFlow(f)
	c := classifier{file: f, shapes: shapesOf(f, tf), keys: map[string]promise{}}
	var segments []segment // of one entry after the other
	a.Layout = c.layout()
	for i := range f.Entries {
		e := tf.entry(&f.Entries[i])
		name := e.Name
		if f.Format == "hdf5" {
			name = withoutScale(name)
		}
		segments = appendSegments(segments[:0], name)
		a.Of[i] = c.classify(e, segments, a.Layout)
	}
	if c.onlyWeights(a) {
		if a.Layout == "dictionary" {
			a.Layout = "weights-only"
		}
		for i := range f.Entries {
			if e := &f.Entries[i]; a.Of[i] == Unknown && (e.Tensor() != nil || e.Structure) {
				a.Of[i] = Model
			}
		}
	}
	return a
}

type classifier struct {
	file   *checkpoint.File
	shapes *shapes
	keys   map[string]promise // what ofKey said of those that were met
}

type promise struct {
	id ID
	ok bool
}

// promised is ofKey, which takes long for a key that a hundred thousand names have.
func (c *classifier) promised(key string) (ID, bool) {
	const most = 1 << 12
	p, known := c.keys[key]
	if !known {
		p.id, p.ok = ofKey(key)
		if len(c.keys) < most {
			c.keys[key] = p
		}
	}
	return p.id, p.ok
}

// layout recognises files by the keys of their root, and by their format.
func (c *classifier) layout() string {
	root := map[string]bool{}
	for i := range c.file.Entries {
		if key, ok := first(c.file.Entries[i].Name); ok {
			root[key] = true
		}
	}
	has := func(keys ...string) bool {
		for _, k := range keys {
			if !root[k] {
				return false
			}
		}
		return true
	}
	switch c.shapes.of[""] {
	case Optimizer:
		return "optimizer-only"
	case Scaler:
		return "scaler-only"
	case Scheduler:
		return "scheduler-only"
	case Config:
		return "configuration"
	case Model:
		return "whole-model"
	}
	switch {
	case has("pytorch-lightning_version"):
		return "lightning"
	case has("ds_version") || has("ds_config"):
		return "deepspeed"
	case has("state", "rng") || has("composer_env_dict"):
		return "composer"
	case has("global_step", "log_history"):
		return "trainer"
	case has("random_state", "numpy_random_seed", "torch_manual_seed"):
		return "accelerate"
	case c.file.Format == "keras" || has("_layer_checkpoint_dependencies") || has("keras_version"):
		return "keras"
	case c.file.Format == "json" && (has("model_type") || has("architectures") || has("transformers_version") || has("peft_type") || has("diffusers_version")):
		return "configuration"
	}
	return "dictionary"
}

// onlyWeights reports whether a file holds tensors and nothing that speaks of another part of a training.
func (c *classifier) onlyWeights(a *Anatomy) bool {
	tensors := 0
	for i, id := range a.Of {
		switch e := &c.file.Entries[i]; {
		case e.Structure || id == RNGJAX: // Flax keeps the keys of its layers beside their weights
		case id != Model && id != Unknown && id != Config && id != Version:
			return false
		case e.Tensor() != nil:
			tensors++
		}
	}
	return tensors > 0
}

func (c *classifier) classify(e *checkpoint.Entry, segments []segment, layout string) ID {
	if id, ok := generator(e, segments); ok {
		return id
	}
	if id, ok := c.shapes.generators.find(e.Name, segments); ok {
		return id
	}
	if isJAXKey(e, segments) {
		return RNGJAX
	}
	switch {
	case layout == "configuration" && !c.isVersion(segments):
		return Config
	case models[c.file.Format] && e.Name != "" && !c.isVersion(segments):
		return Model
	case layout == "lightning" && len(segments) > 1 && segments[0].key == "loops":
		return loop(segments)
	case layout == "accelerate" && e.Name == "step":
		return GradAccumulation // Accelerator.step counts since the last step of the optimizer, and from 0 in every epoch
	}
	known := c.keyed(e, segments)
	found := Unknown
	for i, s := range segments {
		if id, ok := c.shapes.of[s.container(e.Name)]; ok {
			found = id
			break
		}
		if i >= known {
			break
		}
		id, ok := c.promised(s.key)
		if ok && id == Scaler && c.shapes.of[through(e.Name, segments, i)] == Model {
			continue // scikit-learn's scalers are models of the data
		}
		if ok && fits(id, e, segments, i == len(segments)-1) {
			found = id
			return refine(found, e, segments[i+1:])
		}
		if ok && i == len(segments)-1 && describes(id, e) {
			return Config
		}
	}
	if found == Unknown {
		if id, ok := c.shapes.of[e.Name]; ok {
			found = id // the container itself
		}
	}
	if t := e.Tensor(); found == Unknown && t != nil {
		switch {
		case isMoment(segments):
			return Optimizer
		case isParameter(segments) || c.shapes.weights[c.shapes.container(e, segments)]:
			found = Model
		}
	}
	return refine(found, e, segments)
}

// through is the part of a name that ends with its segment i.
func through(name string, segments []segment, i int) string {
	if i+1 < len(segments) {
		return segments[i+1].container(name)
	}
	return name
}

// refine looks into a part that has another within: averaged weights within a model's state dictionary, the epoch within
// the state of a data loader.
func refine(id ID, e *checkpoint.Entry, below []segment) ID {
	if len(below) == 0 {
		return id
	}
	last := below[len(below)-1].key
	switch id {
	case Optimizer:
		if wordsOf(below[0].key).one("scaler") {
			return Scaler // of Megatron-LM and DeepSpeed
		}
	case Model:
		if w := wordsOf(below[0].key); len(below) > 1 && w.one("ema", "swa") && isAverage(w) {
			return EMA
		}
		if last == "_sklearn_version" {
			return Version
		}
	case Sampler:
		if last == "epoch" && fits(Epoch, e, below, true) {
			return Epoch
		}
	case Step: // Composer's timestamp counts everything
		switch {
		case last == "epoch":
			return Epoch
		case strings.HasSuffix(last, "_in_epoch"):
			return Sampler
		case strings.HasSuffix(last, "_in_iteration"):
			return Unknown
		case strings.HasSuffix(last, "_wct"): // wall-clock time
			return Metrics
		}
	}
	return id
}

// loop sorts the progress that Lightning counts.
func loop(path []segment) ID {
	var names []string
	for _, s := range path[1:] {
		names = append(names, s.key)
	}
	switch name := strings.Join(names, "."); {
	case strings.HasPrefix(name, "fit_loop.epoch_progress."):
		return Epoch
	case strings.HasPrefix(name, "fit_loop.epoch_loop.batch_progress.") || strings.Contains(name, "combined_loader"):
		return Sampler
	case strings.HasPrefix(name, "fit_loop."):
		return Step
	}
	return Unknown
}

// models are formats of files that hold a trained model and nothing else.
var models = map[string]bool{"xgboost": true, "lightgbm": true, "onnx": true, "gguf": true, "torchscript": true}

// joined are formats whose names are joined from keys by the library that writes them, or that have no other structure.
// In all others a key with dots is one key: the name of a parameter, whose parts say nothing about the training.
var joined = map[string]bool{
	"torch-dcp": true, "safetensors": true, "sharded": true, "npz": true, "hdf5": true, "keras": true, "orbax": true, "tensorbundle": true,
}

// keyed returns how many of an entry's segments are keys.
func (c *classifier) keyed(e *checkpoint.Entry, segments []segment) int {
	if joined[c.file.Format] || !c.shapes.nested {
		return len(segments)
	}
	at := len(c.shapes.container(e, segments))
	for i, s := range segments {
		if s.start >= at {
			if i == len(segments)-1 {
				return len(segments)
			}
			return i
		}
	}
	return len(segments)
}

// isVersion reports whether the last key of a path is that of a version.
func (c *classifier) isVersion(path []segment) bool {
	if len(path) == 0 {
		return false
	}
	id, ok := c.promised(path[len(path)-1].key)
	return ok && id == Version
}
