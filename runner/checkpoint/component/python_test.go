package component_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/fixtures"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// TestCheckpointsOfPyTorch reads the keys under which trainings save their parts, and says of each key of the root what
// is in it.
func TestCheckpointsOfPyTorch(t *testing.T) {
	python := fixtures.Python(t)
	if !fixtures.HasModule(t, python, "torch") {
		t.Skip("no PyTorch")
	}
	dir := t.TempDir()
	cmd := exec.Command(python, "-B", "-W", "ignore", filepath.Join("testdata", "write.py"), dir)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	type parts map[string][]component.ID
	one := func(id component.ID) []component.ID { return []component.ID{id} }
	for name, want := range map[string]parts{
		"imagenet": {"epoch": one(component.Epoch), "arch": one(component.Config), "state_dict": one(component.Model),
			"best_acc1": one(component.BestMetric), "optimizer": one(component.Optimizer), "scheduler": one(component.Scheduler)},
		"tutorial": {"epoch": one(component.Epoch), "model_state_dict": one(component.Model),
			"optimizer_state_dict": one(component.Optimizer), "loss": one(component.Metrics)},
		"torchvision": {"model": one(component.Model), "optimizer": one(component.Optimizer), "lr_scheduler": one(component.Scheduler),
			"epoch": one(component.Epoch), "args": one(component.Config), "scaler": one(component.Scaler), "model_ema": one(component.EMA)},
		"iterations": {"model": one(component.Model), "optimizer": one(component.Optimizer), "model_args": one(component.Config),
			"iter_num": one(component.Step), "best_val_loss": one(component.BestMetric)},
		"gan": {"G": one(component.Model), "D": one(component.Model), "optG": one(component.Optimizer),
			"g_optimizer": one(component.Optimizer), "epoch": one(component.Epoch)},
		"whole-objects": {"epoch": one(component.Epoch), "model": one(component.Model), "optimizer": one(component.Optimizer), "scheduler": one(component.Scheduler)},
		"tuple":         {"0": one(component.Model), "1": one(component.Optimizer), "2": one(component.Unknown)},
		"nested": {"state": {component.Model, component.Optimizer, component.Step},
			"meta": {component.Version, component.Step}},
		"generators": {"model": one(component.Model), "one": one(component.RNGPython), "two": one(component.RNGNumPy), "three": one(component.RNGTorch),
			"four": one(component.RNGNumPy), "five": one(component.RNGNumPy), "six": one(component.RNGPython), "seven": one(component.RNGNumPy),
			"eight": one(component.RNGCUDA), "rng_states": {component.RNGPython, component.RNGNumPy, component.RNGTorch}},
		"named-only": {"model": one(component.Model), "optimizer": one(component.Config), "scheduler": one(component.Unknown),
			"ema": one(component.Unknown), "scaler": one(component.Unknown), "epoch": one(component.Epoch)},
		"awkward-names": {"model": one(component.Model), "epoch": one(component.Epoch)},
		"awkward-weights": {"step_embedding": one(component.Model), "scheduler": one(component.Model), "epoch": one(component.Model),
			"optimizer": one(component.Model), "loss": one(component.Model)},
		"by-content": {"thing": one(component.Model), "given": one(component.Config)},
		"within":     {"state_dict": {component.Model, component.EMA}, "train_iterator": {component.Epoch, component.Sampler}},
		"estimators": {"clf": {component.Model, component.Version}, "scaler": {component.Model, component.Version}, "columns": one(component.Unknown)},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "estimators" && !fixtures.HasModule(t, python, "sklearn") {
				t.Skip("no scikit-learn")
			}
			f, err := all.Open(context.Background(), filepath.Join(dir, name+".pt"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got := parts{}
			seen := map[string]map[component.ID]bool{}
			for i, id := range component.Classify(f).Of {
				e := &f.Entries[i]
				path := component.Path(e.Name)
				if e.Structure || len(path) == 0 {
					continue
				}
				root := path[0]
				if seen[root] == nil {
					seen[root] = map[component.ID]bool{}
				}
				if !seen[root][id] {
					seen[root][id] = true
					got[root] = append(got[root], id)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
