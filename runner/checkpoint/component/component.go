// Package component tells which part of a training each value of a checkpoint belongs to: the model, the optimizer, a
// random number generator. It knows the layouts of plain PyTorch dictionaries, Lightning, Hugging Face Trainer,
// Accelerate, DeepSpeed and Composer.
package component

import (
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// ID names a component; those that a resume audit reports have the names of docs and reports there.
type ID string

// The components, in the order in which they are shown.
const (
	Model            ID = "model"
	Optimizer        ID = "optimizer"
	Scheduler        ID = "scheduler"
	Scaler           ID = "scaler"
	EMA              ID = "ema"
	Epoch            ID = "epoch"
	Step             ID = "step"
	GradAccumulation ID = "grad-accumulation"
	Sampler          ID = "sampler"
	BestMetric       ID = "best-metric"
	RNGPython        ID = "rng-python"
	RNGNumPy         ID = "rng-numpy"
	RNGTorch         ID = "rng-torch"
	RNGCUDA          ID = "rng-cuda"
	Metrics          ID = "metrics"
	Config           ID = "config"
	Version          ID = "version"
	Unknown          ID = "unknown"
)

// IDs returns all components in the order in which they are shown.
func IDs() []ID {
	return []ID{Model, Optimizer, Scheduler, Scaler, EMA, Epoch, Step, GradAccumulation, Sampler, BestMetric,
		RNGPython, RNGNumPy, RNGTorch, RNGCUDA, Metrics, Config, Version, Unknown}
}

// Anatomy is what a file is made of.
type Anatomy struct {
	// Layout is "lightning", "deepspeed", "composer", "trainer", "optimizer-only", "weights-only" or "dictionary".
	Layout string
	// Of holds the component of each entry.
	Of []ID
}

// Has reports whether any value, containers aside, belongs to a component.
func (a *Anatomy) Has(f *checkpoint.File, id ID) bool {
	for i, of := range a.Of {
		if of == id && !f.Entries[i].Structure {
			return true
		}
	}
	return false
}

// Classify finds the component of every entry of a file.
func Classify(f *checkpoint.File) *Anatomy {
	a := &Anatomy{Layout: layout(f), Of: make([]ID, len(f.Entries))}
	generators := map[string]ID{}
	for _, g := range f.RNG {
		switch g.Generator {
		case "python-random":
			generators[g.Name] = RNGPython
		case "numpy-mt19937":
			generators[g.Name] = RNGNumPy
		}
	}
	for i := range f.Entries {
		a.Of[i] = a.classify(&f.Entries[i], generators)
	}
	return a
}

// layout recognises files by the keys of their root.
func layout(f *checkpoint.File) string {
	root := map[string]bool{}
	for i := range f.Entries {
		if p := Path(f.Entries[i].Name); len(p) > 0 {
			root[p[0]] = true
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
	switch {
	case has("pytorch-lightning_version"):
		return "lightning"
	case has("ds_version") || has("ds_config"):
		return "deepspeed"
	case has("state", "param_groups"):
		return "optimizer-only"
	case has("scale", "growth_factor", "_growth_tracker"):
		return "scaler-only"
	case has("last_epoch", "_step_count"):
		return "scheduler-only"
	case has("state", "rng") || has("composer_env_dict"):
		return "composer"
	case has("global_step", "log_history"):
		return "trainer"
	}
	for key := range root {
		if _, ok := byKey(key); ok {
			return "dictionary"
		}
	}
	for i := range f.Entries {
		if e := &f.Entries[i]; e.Kind == checkpoint.KindTensor {
			return "weights-only"
		}
	}
	return "dictionary"
}

// Path splits an entry's name into keys and indices.
func Path(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '[' || r == ']' || r == '"' })
}

func (a *Anatomy) classify(e *checkpoint.Entry, generators map[string]ID) ID {
	for name, id := range generators {
		if e.Name == name || strings.HasPrefix(e.Name, name+"[") || name == "" {
			return id
		}
	}
	path := Path(e.Name)
	if id, ok := torchGenerator(e, path); ok {
		return id
	}
	switch a.Layout {
	case "optimizer-only":
		return Optimizer
	case "scaler-only":
		return Scaler
	case "scheduler-only":
		return Scheduler
	case "weights-only":
		if e.Kind == checkpoint.KindTensor || e.Structure {
			return Model
		}
	}
	// Some layouts wrap everything once more.
	for depth, key := range path {
		if depth > 2 {
			break
		}
		if id, ok := byKey(key); ok {
			return id
		}
		if !transparent(key) {
			break
		}
	}
	if len(path) == 0 && e.Structure {
		return Unknown
	}
	if e.Kind == checkpoint.KindTensor && len(path) > 1 && slices.Contains([]string{"encoder", "decoder", "generator", "discriminator", "backbone", "head"}, path[0]) {
		return Model
	}
	return Unknown
}

// transparent keys say nothing about what is below them.
func transparent(key string) bool {
	switch key {
	case "state", "checkpoint", "ckpt", "trainer", "train_state", "training_state", "rng", "rng_state", "rng_states", "random_state",
		"random_states", "callbacks", "loops", "fit_loop", "app", "progress", "meta", "extra":
		return true
	}
	return false
}

// torchGenerator recognises generator states by what they are: the CPU generator's is 5056 bytes (at::CPUGeneratorImpl:
// a Mersenne Twister with two cached normals), that of CUDA 16 bytes (Philox seed and offset), both as uint8.
func torchGenerator(e *checkpoint.Entry, path []string) (ID, bool) {
	t := e.Tensor()
	if t == nil || t.DType != checkpoint.Uint8 || len(t.Shape) != 1 {
		return "", false
	}
	switch t.Shape[0] {
	case 5056:
		return RNGTorch, true
	case 16:
		for _, key := range path {
			if k := strings.ToLower(key); strings.Contains(k, "cuda") || strings.Contains(k, "rng") || strings.Contains(k, "random") {
				return RNGCUDA, true
			}
		}
	}
	return "", false
}

// byKey knows the keys under which trainings store their parts.
func byKey(key string) (ID, bool) {
	k := strings.ToLower(key)
	switch k {
	case "model", "state_dict", "model_state_dict", "model_state", "module", "net", "network", "weights", "params", "parameters",
		"model_weights", "_modules", "net_state_dict", "layers", "_layer_checkpoint_dependencies":
		return Model, true
	case "optimizer", "optimizers", "optim", "opt", "optimizer_state_dict", "optimizer_state", "optimizer_states", "opt_state",
		"optim_state_dict", "optimizer_state_dicts":
		return Optimizer, true
	case "scheduler", "schedulers", "lr_scheduler", "lr_schedulers", "scheduler_state_dict", "lr_scheduler_state_dict",
		"scheduler_state", "lr_sched":
		return Scheduler, true
	case "scaler", "grad_scaler", "amp", "scaler_state_dict", "amp_scaler", "mixedprecision", "native_amp_scaling_state", "loss_scaler":
		return Scaler, true
	case "epoch", "epochs", "current_epoch", "last_epoch", "start_epoch", "epoch_idx", "next_epoch":
		return Epoch, true
	case "step", "steps", "global_step", "global_steps", "iteration", "iter", "iterations", "num_steps", "it", "timestamp", "batch":
		return Step, true
	case "accumulation_step", "accum_step", "grad_accum", "gradient_accumulation_steps", "micro_step", "micro_steps", "grad_accum_step":
		return GradAccumulation, true
	case "ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema", "ema_weights", "swa", "averaged_model", "shadow_params":
		return EMA, true
	case "sampler", "sampler_state", "train_sampler", "dataloader", "dataloader_state", "train_dataloader", "data_loader", "dataset_state",
		"batch_idx", "batches_seen", "samples_seen", "data_position", "dataset_position":
		return Sampler, true
	case "best", "best_metric", "best_loss", "best_acc", "best_acc1", "best_score", "best_val_loss", "best_model_score", "best_epoch":
		return BestMetric, true
	case "python_rng", "rng_python", "random_state_python", "py_rng", "python_rng_state", "python_random_state":
		return RNGPython, true
	case "numpy_rng", "rng_numpy", "np_rng", "np_random_state", "numpy_random_state", "numpy_random_seed", "numpy_rng_state":
		return RNGNumPy, true
	case "torch_rng", "rng_torch", "torch_rng_state", "cpu_rng_state", "torch_manual_seed":
		return RNGTorch, true
	case "cuda_rng", "rng_cuda", "cuda_rng_state", "cuda_rng_states", "torch_cuda_manual_seed", "cuda_rng_state_all", "torch_cuda_rng":
		return RNGCUDA, true
	case "config", "cfg", "args", "hparams", "hyper_parameters", "hyperparameters", "options", "settings", "model_args", "ds_config",
		"hparams_name", "datamodule_hyper_parameters", "model_config":
		return Config, true
	case "pytorch-lightning_version", "version", "torch_version", "ds_version", "library_version", "composer_env_dict", "git_sha", "git_hash",
		"transformers_version", "framework_version":
		return Version, true
	case "metrics", "losses", "loss", "history", "log_history", "train_loss", "val_loss", "accuracy", "acc", "train_losses", "val_losses",
		"results", "lr", "scores":
		return Metrics, true
	}
	switch {
	case strings.HasPrefix(k, "best_"):
		return BestMetric, true
	case strings.HasPrefix(k, "ema_") || strings.HasSuffix(k, "_ema"):
		return EMA, true
	case strings.Contains(k, "optimizer") || strings.HasPrefix(k, "optim_"):
		return Optimizer, true
	case strings.Contains(k, "scheduler"):
		return Scheduler, true
	case strings.HasSuffix(k, "_state_dict") || strings.HasPrefix(k, "model_"):
		return Model, true
	case strings.HasSuffix(k, "_loss") || strings.HasSuffix(k, "_acc") || strings.HasSuffix(k, "_accuracy"):
		return Metrics, true
	}
	return "", false
}
