package component

import (
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// ofKey says what a key promises. Trainings spell their keys in many ways, so its words decide: optG, g_optimizer and
// optimizer_state_dict are all an optimizer's.
func ofKey(key string) (ID, bool) {
	switch key {
	case "timestamp":
		return Step, true
	case "native_amp_scaling_state", "MixedPrecision":
		return Scaler, true
	case "random_state", "rng", "rng_state", "rng_states", "random_states", "cuda", "cpu", "python", "numpy", "torch", "state", "noise_scheduler":
		return 0, false // known by what they hold
	}
	w := wordsOf(key)
	settings := w.one("args", "arg", "config", "cfg", "conf", "configuration", "hparams", "hparam", "hyper", "hyperparameters", "options", "opts",
		"settings", "kwargs", "name", "names", "type", "arch", "fn", "function", "schedule", "schedules", "threshold", "thresholds", "len") ||
		w.one("loss", "losses") && w.one("weight", "weights") || w.one("n") && w.one("steps") ||
		w.one("lr") && w.one("base", "min", "max", "init", "initial", "end", "final", "decay", "lambda")
	done := !w.one("max", "total", "warmup", "per", "every", "interval", "logging", "save", "eval", "log", "stopped", "skipped", "decay")
	switch {
	case w.one("version", "versions") || key == "git_sha" || key == "git_hash" || key == "composer_env_dict":
		return Version, true
	case w.one("checkpoint", "callback", "callbacks", "stopping") || key == "num_input_tokens_seen":
		return 0, false
	case w.one("loss") && w.one("scale") || w.one("bad") && w.one("epochs"):
		return 0, false // a scaler's, which is known by its members, and what waits for an early end
	case settings || w.one("batch") && w.one("size"):
		return Config, true
	case w.one("path", "dirpath"):
		return 0, false // where something lies: Lightning's last_model_path is no setting
	case isAverage(w):
		return EMA, true
	case w.one("rng", "random") || key == "torch_manual_seed":
		switch {
		case w.one("cuda", "gpu"):
			return RNGCUDA, true
		case w.one("numpy", "np"):
			return RNGNumPy, true
		case w.one("python", "py"):
			return RNGPython, true
		case w.one("torch", "cpu"):
			return RNGTorch, true
		}
		return 0, false
	case w.one("scheduler", "schedulers", "sched", "scheds"):
		return Scheduler, true
	case w.one("optimizer", "optimizers", "optimiser", "optim", "optims", "opt"):
		return Optimizer, !isLayer(w)
	case w.one("scaler", "amp"):
		return Scaler, !isLayer(w)
	case w.one("sampler", "samplers", "dataloader", "dataloaders", "loader", "loaders", "dataset", "iterator"),
		w.one("samples", "tokens", "batches") && w.one("seen", "consumed", "processed", "global"),
		key == "batch" || key == "batch_idx" || key == "data_position" || key == "global_samples":
		return Sampler, true
	case w.one("best") && w.one("epoch", "step", "iter", "iteration"):
		return Metrics, true // when the best was, not what
	case w.one("best"):
		return BestMetric, true
	case w.one("accum", "accumulation", "accumulated", "micro"):
		// How many are gathered is a setting, how many have been so far a position.
		if w.one("step", "position", "index", "idx", "count", "counter", "micro", "accumulated") {
			return GradAccumulation, true
		}
		return Config, true
	case w.one("epoch") && done, w.one("epochs") && w.one("trained", "run", "completed", "done"):
		return Epoch, true
	case w.one("step", "steps", "iter", "iters", "iteration", "iterations", "it", "niter", "updates", "timesteps") && done && !(w.one("num") && w.one("train", "training")):
		return Step, true
	case w.one("epoch", "epochs", "step", "steps", "iters", "iterations") && !w.one("stopped", "skipped"):
		return Config, true
	case w.one("stopped", "skipped") || w.one("loss", "losses", "acc", "accuracy", "metric", "metrics", "history", "score", "scores", "results", "f1", "auc", "auroc",
		"bleu", "rouge", "wer", "cer", "psnr", "ssim", "rmse", "mse", "perplexity", "ppl", "lr"), key == "ep_info_buffer" || key == "ep_success_buffer":
		return Metrics, true
	case w.one("model", "models", "net", "nets", "network", "networks", "weights", "params", "parameters", "module", "modules", "layers",
		"generator", "discriminator", "encoder", "decoder", "backbone", "head") || key == "state_dict" || strings.HasSuffix(key, "_state_dict"):
		return Model, true
	}
	return 0, false
}

// isAverage tells a copy of a model from a layer that averages something.
func isAverage(w words) bool {
	return w.one("ema", "swa", "polyak", "averaged", "averaging", "shadow") && !isLayer(w)
}

// isLayer tells a layer that has a part of a training in its name. That part itself is known by its members.
func isLayer(w words) bool {
	return w.one("proj", "projection", "head", "embed", "embedding", "attn", "attention", "gate", "layer", "block", "conv", "norm", "mixer", "mlp", "loss")
}

// fits reports whether a value can be what its key promises. A part of the training is no number and no text: those at
// its key, such as "optimizer": "adam", describe it.
func fits(id ID, e *checkpoint.Entry, path []segment, last bool) bool {
	t := e.Tensor()
	single := t == nil && e.Kind == checkpoint.KindNumber && e.Type != "bool" || t != nil && isSingle(t)
	if e.Structure {
		return true
	}
	if last && e.Type == "None" {
		return false
	}
	switch id {
	case Scheduler:
		return (t == nil || !isParameter(path)) && (!last || t != nil || e.Kind == checkpoint.KindBytes || e.Kind == checkpoint.KindObject)
	case Model, Optimizer, Scaler, EMA:
		return !last || t != nil || e.Kind == checkpoint.KindBytes || e.Kind == checkpoint.KindObject
	case Epoch, Step:
		return single && (last || !isIndex(path[len(path)-1].key)) // of a list, they are those of a history
	case GradAccumulation, BestMetric:
		return single || id == GradAccumulation && t != nil
	case Version:
		return t == nil || isSingle(t) || t.Size() <= 32 // three numbers are XGBoost's
	case RNGPython, RNGNumPy, RNGTorch, RNGCUDA:
		return isState(e)
	case Sampler:
		return (t == nil || !isParameter(path)) && (!last || e.Kind != checkpoint.KindString)
	case Metrics:
		return t == nil && (!last || e.Kind == checkpoint.KindNumber && e.Type != "bool" || e.Kind == checkpoint.KindObject) || t != nil && !isParameter(path)
	case Config:
		return t == nil
	}
	return true
}

func isIndex(key string) bool {
	_, err := strconv.Atoi(key)
	return err == nil
}

// isState reports whether a value can be the state of a random number generator, of which the shortest has 16 bytes, and is
// not a seed.
func isState(e *checkpoint.Entry) bool {
	if t := e.Tensor(); t != nil {
		return strings.HasPrefix(e.Type, "uint") && t.Size() >= 16
	}
	return e.Packed || e.Kind == checkpoint.KindBytes || e.Kind == checkpoint.KindObject && e.Type != "None"
}

// describes reports whether a value that is no part of the training says something about one.
func describes(id ID, e *checkpoint.Entry) bool {
	switch id {
	case Model, Optimizer, Scheduler, Scaler, EMA, Metrics:
		return e.Kind == checkpoint.KindNumber || e.Kind == checkpoint.KindString
	}
	return false
}

func isSingle(t *checkpoint.Tensor) bool {
	n, err := checkpoint.Elements(t.Shape)
	return err == nil && n == 1
}
