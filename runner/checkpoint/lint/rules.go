// Package lint says whether a checkpoint is enough to resume a training exactly, and whether it is damaged.
package lint

import "github.com/reprocheck/reprocheck/runner/checkpoint/component"

// Rule is one thing that is looked for, with its documentation.
type Rule struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Component is set for rules about a part of the training.
	Component component.ID `json:"component,omitempty"`
	// Without says what goes wrong, and Hides how long that usually stays unnoticed.
	Without string `json:"without"`
	Hides   string `json:"hides,omitempty"`
	// Fix says what to save, or to do.
	Fix string `json:"fix"`
}

// Rules returns all rules in the order in which they are reported.
func Rules() []Rule {
	return []Rule{
		{"CK001", "model weights", component.Model,
			"there is nothing to resume or to predict with",
			"not at all: loading fails",
			"save model.state_dict()"},
		{"CK002", "optimizer", component.Optimizer,
			"the optimizer starts again: Adam's bias correction restarts with large steps, and the learning rate is the constructor's",
			"a spike of the loss within some hundred steps, often taken for noise",
			"save optimizer.state_dict()"},
		{"CK003", "optimizer moments", 0,
			"param_groups alone keep hyperparameters; momentum and second moments are lost, as if the optimizer were new",
			"a spike of the loss within some hundred steps, often taken for noise",
			"save optimizer.state_dict() after the first step, with its \"state\""},
		{"CK004", "learning-rate scheduler", component.Scheduler,
			"the schedule starts again: warm-up is repeated, or the rate stays where the optimizer left it and never decays",
			"until the learning rate is plotted, often for the whole training",
			"save scheduler.state_dict()"},
		{"CK005", "gradient scaler", component.Scaler,
			"under float16 the loss scale starts at 65536 again: the first steps overflow and are skipped, so the steps are other ones",
			"some steps, and then in every later value",
			"save scaler.state_dict() when training uses torch.amp.GradScaler"},
		{"CK006", "epoch", component.Epoch,
			"the epoch counter starts at 0: schedules by epoch and DistributedSampler.set_epoch repeat, and so does the order of the data",
			"the whole training: repeated data look like good progress",
			"save the number of the next epoch"},
		{"CK007", "global step", component.Step,
			"whatever counts steps restarts: logging, evaluation, warm-up, schedules by step",
			"until curves of two parts are laid over each other",
			"save the number of optimizer steps made"},
		{"CK008", "gradient-accumulation position", component.GradAccumulation,
			"saved between two optimizer steps, the gradients gathered so far are lost and the next step averages too few batches",
			"for good: one step differs, and all that follow",
			"save only right after optimizer.step(), or save the position and the gradients"},
		{"CK009", "sampler or loader position", component.Sampler,
			"saved within an epoch, resuming starts the epoch again: some samples are seen twice, others never",
			"for good, unless sample ids are logged",
			"save at the end of an epoch, or keep the loader's state (torchdata's StatefulDataLoader) or the batches seen"},
		{"CK010", "averaged weights (EMA)", component.EMA,
			"the average restarts from the current weights; what is evaluated and published is another model",
			"until the next evaluation",
			"save the averaged model's state_dict() when one is kept"},
		{"CK011", "best metric so far", component.BestMetric,
			"the first evaluation after resuming counts as the best and overwrites the best checkpoint; early stopping starts again",
			"until the best checkpoint is used",
			"save the best value and the patience counter"},
		{"CK012", "random state of Python", component.RNGPython,
			"shuffles and augmentations drawn from random repeat from the seed, or differ in each run",
			"for good: no error, other data",
			"save random.getstate()"},
		{"CK013", "random state of NumPy", component.RNGNumPy,
			"shuffles and augmentations drawn from numpy.random repeat from the seed, or differ in each run",
			"for good: no error, other data",
			"save numpy.random.get_state() and the state of every default_rng() in use"},
		{"CK014", "random state of torch (CPU)", component.RNGTorch,
			"the order of a shuffling DataLoader, dropout on the CPU and new layers are drawn from another point of the stream",
			"for good: no error, other data",
			"save torch.get_rng_state()"},
		{"CK015", "random state of torch (CUDA)", component.RNGCUDA,
			"dropout and noise on the GPU are drawn from another point of the stream",
			"for good: the loss differs slightly from the first step on",
			"save torch.cuda.get_rng_state_all()"},
		{"CK016", "random state of every rank", 0,
			"all ranks resume with the state of rank 0: their augmentations and dropout are equal, and the effective batch is smaller",
			"for good: it shows as a slightly worse result",
			"let every rank save its own random states"},
		{"CK017", "configuration", component.Config,
			"what the training was run with is remembered elsewhere or not at all",
			"until somebody has to run it again",
			"save the configuration beside the weights"},
		{"CK018", "framework version", component.Version,
			"another version of the framework may resume with other defaults or kernels, and nothing says so",
			"until versions are compared",
			"save torch.__version__ and the versions of CUDA and cuDNN"},
		{"CK019", "random keys of JAX", component.RNGJAX,
			"a key that was split as the training went begins at the seed again: dropout, noise and shuffles are those of the first steps once more",
			"for good: no error, other numbers",
			"save the key, as jax.random.key_data(key) where it is a typed one, or derive each from the step: jax.random.fold_in(key, step)"},
		{"CK101", "readable file", 0,
			"the file is cut short or damaged", "", "restore it from a copy; write to a temporary name and rename"},
		{"CK102", "checksums", 0,
			"stored data do not have the checksum that was written with them", "", "restore the file from a copy; check the disk"},
		{"CK103", "finite weights", 0,
			"NaN or infinity in a weight or a moment: every later loss is NaN", "",
			"go back to an earlier checkpoint, and look at the gradients before it (torch.autograd.set_detect_anomaly)"},
		{"CK104", "moments fit their parameters", 0,
			"an optimizer state whose shapes are not those of the model's parameters belongs to another model or another order of parameters", "",
			"save model and optimizer together, and build them in the same order"},
		{"CK105", "names without a wrapper's prefix", 0,
			"names begin with the prefix of a wrapper (module., _orig_mod.): load_state_dict fails in an unwrapped model, and loads nothing with strict=False",
			"with strict=False: the model is random, and that shows in the first evaluation",
			"save model.module.state_dict(), or strip the prefix"},
		{"CK106", "no dead storage", 0,
			"the file stores data that no tensor shows", "", "clone() views before saving them"},
		{"CK107", "no code", 0,
			"loading the file in Python could run code of its author's choice", "",
			"do not load it; ask for safetensors, or load with weights_only=True"},
	}
}

// Explain returns the rule of an id.
func Explain(id string) (Rule, bool) {
	for _, r := range Rules() {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}
