package lint

import "strings"

// family is a group of libraries whose trainings save and resume with the same functions.
type family string

const (
	pyTorch     family = "PyTorch"
	tensorFlow  family = "TensorFlow"
	keras       family = "Keras"
	jax         family = "JAX"
	boosting    family = "gradient boosting"
	scikitLearn family = "scikit-learn"
)

// familyOf returns whose files have a format, "" where any library writes it.
func familyOf(format string) family {
	switch format {
	case "tensorbundle":
		return tensorFlow
	case "keras", "hdf5":
		return keras
	case "msgpack", "orbax":
		return jax
	case "xgboost", "lightgbm":
		return boosting
	}
	if strings.HasPrefix(format, "torch-") {
		return pyTorch
	}
	return ""
}

// wording says of a rule what is true of one family's files; what is empty is as the rule says, in the words of PyTorch.
type wording struct{ without, fix string }

// elsewhere are wordings for every family but PyTorch.
var elsewhere = map[string]wording{
	"CK001": {fix: "save the model's weights"},
	"CK002": {fix: "save the optimizer's state"},
	"CK003": {"momentum and second moments are lost, as if the optimizer were new", "save the optimizer's state after the first step"},
	"CK004": {fix: "save what the schedule counts by"},
	"CK005": {"under float16 the loss scale starts at its first value again: the first steps overflow and are skipped, so the steps are other ones",
		"save the loss scale when training has a dynamic one"},
	"CK006": {without: "the epoch counter starts at 0: schedules by epoch repeat, and so does the order of the data"},
	"CK008": {fix: "save only right after the weights were updated, or save the position and the gradients"},
	"CK009": {fix: "save at the end of an epoch, or the number of batches seen"},
	"CK010": {fix: "save the averaged weights when they are kept"},
	"CK018": {fix: "save the versions of the framework and of CUDA and cuDNN"},
}

// wordings are those of single families, which go before.
var wordings = map[family]map[string]wording{
	tensorFlow: {
		"CK001": {fix: "save tf.train.Checkpoint(model=model)"},
		"CK002": {fix: "save tf.train.Checkpoint(model=model, optimizer=optimizer)"},
		"CK003": {fix: "save the optimizer after its first step, which makes its variables"},
		"CK006": {fix: "save the number of the next epoch as a tf.Variable of the tf.train.Checkpoint"},
		"CK007": {fix: "save a tf.Variable that counts the steps with the tf.train.Checkpoint"},
		"CK009": {fix: "save at the end of an epoch, or the iterator of the tf.data.Dataset with the tf.train.Checkpoint"},
		"CK018": {fix: "save tf.__version__ and the versions of CUDA and cuDNN"},
	},
	keras: {
		"CK001": {fix: "save the model with model.save(\"NAME.keras\")"},
		"CK002": {fix: "save the compiled model with model.save(\"NAME.keras\")"},
		"CK003": {fix: "save the compiled model after its first step, which makes the optimizer's variables"},
		"CK006": {fix: "save the number of the next epoch and give it to fit as initial_epoch, or train with keras.callbacks.BackupAndRestore"},
		"CK018": {fix: "save keras.__version__ and the version of its backend"},
	},
	jax: {
		"CK001": {fix: "save the parameters"},
		"CK002": {fix: "save the optimizer's state (opt_state of Optax)"},
		"CK003": {fix: "save opt_state whole, with the moments of every parameter"},
		"CK009": {fix: "save at the end of an epoch, or keep the state of the data's iterator (Grain's get_state())"},
		"CK018": {fix: "save the versions of JAX, jaxlib and what trains with them, and of CUDA and cuDNN"},
	},
	boosting: {
		"CK018": {fix: "save the version of the library"},
	},
	scikitLearn: {
		"CK001": {fix: "save the estimator after fit()"},
		"CK018": {fix: "save sklearn.__version__"},
	},
}

// worded returns what a rule says of the files of a family.
func (r Rule) worded(f family) (without, fix string) {
	without, fix = r.Without, r.Fix
	if f == "" || f == pyTorch {
		return without, fix
	}
	for _, w := range []wording{elsewhere[r.ID], wordings[f][r.ID]} {
		if w.without != "" {
			without = w.without
		}
		if w.fix != "" {
			fix = w.fix
		}
	}
	return without, fix
}
