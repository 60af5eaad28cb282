package component

import (
	"bytes"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// file makes entries: a name with a shape is a uint8 tensor, one without a number.
func file(t *testing.T, names map[string][]int64) *checkpoint.File {
	t.Helper()
	f := &checkpoint.File{}
	for name, shape := range names {
		e := checkpoint.Entry{Name: name, Kind: checkpoint.KindNumber, Type: "int", Data: checkpoint.Text("1")}
		if shape != nil {
			n, err := checkpoint.Elements(shape)
			if err != nil {
				t.Fatal(err)
			}
			tensor, err := checkpoint.NewTensor(checkpoint.Uint8, 8, shape, bytes.NewReader(make([]byte, n)))
			if err != nil {
				t.Fatal(err)
			}
			e = checkpoint.TensorEntry(e.Name, tensor)
		}
		f.Entries = append(f.Entries, e)
	}
	return f
}

func TestClassify(t *testing.T) {
	one := []int64{1}
	for layout, parts := range map[string]map[string]struct {
		shape []int64
		want  ID
	}{
		"lightning": {
			"pytorch-lightning_version": {nil, Version}, "state_dict.fc.weight": {one, Model}, "optimizer_states[0].state[0].exp_avg": {one, Optimizer},
			"lr_schedulers[0].last_epoch": {nil, Scheduler}, "global_step": {nil, Step}, "epoch": {nil, Epoch}, "hyper_parameters.lr": {nil, Config},
			"MixedPrecision.scale": {nil, Scaler},
		},
		"deepspeed": {
			"module.fc.weight": {one, Model}, "ds_version": {nil, Version}, "global_steps": {nil, Step}, "lr_scheduler.last": {nil, Scheduler},
			"optimizer.x": {one, Optimizer}, "optimizer.grad_scaler.scale": {one, Scaler}, "ds_config.zero": {nil, Config}, "skipped_steps": {nil, Metrics},
		},
		"composer": {
			"state.model.fc.weight": {one, Model}, "state.optimizers.SGD.state.fc": {one, Optimizer}, "state.timestamp.Timestamp.batch": {nil, Step},
			"rng[0].torch": {[]int64{5056}, RNGTorch}, "rng[0].cuda": {[]int64{16}, RNGCUDA},
		},
		"weights-only":   {"fc.weight": {one, Model}, "layer1[0].bias": {one, Model}},
		"optimizer-only": {"state[0].exp_avg": {one, Optimizer}, "param_groups[0].lr": {nil, Optimizer}},
		"trainer":        {"global_step": {nil, Step}, "epoch": {nil, Epoch}, "log_history[0].loss": {nil, Metrics}, "best_metric": {nil, BestMetric}},
		"dictionary": {
			"model.fc.weight": {one, Model}, "model_ema.fc.weight": {one, EMA}, "rng.torch": {[]int64{5056}, RNGTorch}, "best_acc": {nil, BestMetric},
			"sampler.position": {nil, Sampler}, "val_loss": {nil, Metrics}, "versions.torch": {nil, Version}, "something": {nil, Unknown}, "iteration": {nil, Step},
			// Sixteen bytes without a name that speaks of random numbers are just a small tensor.
			"model.mask": {[]int64{16}, Model},
		},
	} {
		t.Run(layout, func(t *testing.T) {
			names := map[string][]int64{}
			for name, part := range parts {
				names[name] = part.shape
			}
			f := file(t, names)
			a := Classify(f)
			if a.Layout != layout {
				t.Errorf("layout %s", a.Layout)
			}
			for i := range f.Entries {
				if name := f.Entries[i].Name; a.Of[i] != parts[name].want {
					t.Errorf("%s is %s, want %s", name, a.Of[i], parts[name].want)
				}
			}
		})
	}
}

// TestLayersNamedLikeParts of a training are the model's.
func TestLayersNamedLikeParts(t *testing.T) {
	one := []int64{1}
	for _, format := range []string{"safetensors", "torch-zip"} {
		f := file(t, map[string][]int64{"ema_proj.weight": one, "sampler.weight": one, "scheduler_embed.weight": one, "fc.weight": one,
			"optimizer_head.weight": one, "amp_layer.weight": one})
		f.Format = format
		a := Classify(f)
		for i := range f.Entries {
			if a.Of[i] != Model {
				t.Errorf("%s of %s is %s", f.Entries[i].Name, format, a.Of[i])
			}
		}
	}
}

// TestOptimizersOfALayer have its name, and the members of an optimizer.
func TestOptimizersOfALayer(t *testing.T) {
	f := file(t, map[string][]int64{"optimizer_head.state.0.exp_avg": {1}, "optimizer_head.state.0.step": {1}, "optimizer_head.param_groups.0.lr": nil})
	f.Format = "torch-dcp"
	a := Classify(f)
	for i := range f.Entries {
		if a.Of[i] != Optimizer {
			t.Errorf("%s is %s", f.Entries[i].Name, a.Of[i])
		}
	}
}

func TestTheNumbersOfAVersion(t *testing.T) {
	f := file(t, map[string][]int64{"version": {3}, "learner.gradient_booster.weights": {9}})
	f.Format = "xgboost"
	a := Classify(f)
	for i := range f.Entries {
		want := Model
		if f.Entries[i].Name == "version" {
			want = Version
		}
		if a.Of[i] != want {
			t.Errorf("%s is %s", f.Entries[i].Name, a.Of[i])
		}
	}
}

// TestWhatLiesBesideWeights in a format that joins keys is not a weight for that, such as a key of JAX.
func TestWhatLiesBesideWeights(t *testing.T) {
	f := file(t, map[string][]int64{"params.dense.kernel": {1}, "params.dense.table": {1}, "rng": {2}, "step": nil})
	f.Format = "orbax"
	want := map[string]ID{"params.dense.kernel": Model, "params.dense.table": Model, "rng": Unknown, "step": Step}
	a := Classify(f)
	for i := range f.Entries {
		if name := f.Entries[i].Name; a.Of[i] != want[name] {
			t.Errorf("%s is %s", name, a.Of[i])
		}
	}
}

// TestScalesOfHDF5ArePartsOfTheirDatasets: what ties a dataset to those that label its dimensions says nothing of the training.
func TestScalesOfHDF5ArePartsOfTheirDatasets(t *testing.T) {
	one := []int64{1}
	parts := map[string]struct {
		shape []int64
		want  ID
	}{
		"x": {one, Unknown}, "x@CLASS": {nil, Unknown}, "x@NAME": {nil, Unknown},
		"x@REFERENCE_LIST.dataset[0]": {nil, Unknown}, "x@REFERENCE_LIST.dimension": {one, Unknown},
		"model.w@DIMENSION_LIST[0][0]": {nil, Model}, "model.w": {one, Model}, "sampler.position": {nil, Sampler},
	}
	names := map[string][]int64{}
	for name, part := range parts {
		names[name] = part.shape
	}
	f := file(t, names)
	f.Format = "hdf5"
	a := Classify(f)
	for i := range f.Entries {
		if name := f.Entries[i].Name; a.Of[i] != parts[name].want {
			t.Errorf("%s is %s, want %s", name, a.Of[i], parts[name].want)
		}
	}
}
