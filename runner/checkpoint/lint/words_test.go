package lint

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFixesAreInTheWordsOfTheFilesFramework looks at files of other frameworks than PyTorch, which is where its names help nobody.
func TestFixesAreInTheWordsOfTheFilesFramework(t *testing.T) {
	seeds := filepath.Join("..", "all", "testdata", "seeds")
	for path, want := range map[string]string{
		filepath.Join("..", "tensorbundle", "testdata", "model.index"): "tf.train.Checkpoint(model=model, optimizer=optimizer)",
		filepath.Join(seeds, "k.keras"):                                "initial_epoch",
		filepath.Join(seeds, "f.msgpack"):                              "opt_state of Optax",
		filepath.Join(seeds, "l.txt"):                                  "version of the library",
		filepath.Join(seeds, "state.pt"):                               "state_dict()",
	} {
		var said []string
		for _, p := range check(t, path).Parts {
			if p.Rule != "CK014" && p.Rule != "CK015" { // are about PyTorch
				said = append(said, p.Why, p.Without, p.Fix)
			}
		}
		contains := func(word string) bool {
			return slices.ContainsFunc(said, func(text string) bool { return strings.Contains(text, word) })
		}
		if !contains(want) {
			t.Errorf("%s: no word of %s", path, want)
		}
		for _, word := range []string{"state_dict", "param_groups", "torch", "DistributedSampler", "GradScaler", "optimizer.step()"} {
			if filepath.Ext(path) != ".pt" && contains(word) {
				t.Errorf("%s: %s", path, word)
			}
		}
	}
}

// TestBoostingNeedsNoOptimizer holds that nothing is said to be missing that such a training does not have.
func TestBoostingNeedsNoOptimizer(t *testing.T) {
	for _, name := range []string{"b.ubj", "b.xgb.json", "l.txt"} {
		d := check(t, filepath.Join("..", "all", "testdata", "seeds", name))
		if d.Resume != "cannot tell" || !slices.Contains(d.GoodFor, "continuing the training") || len(d.NotFor) > 0 {
			t.Errorf("%s: resume %q, good for %q, not for %q", name, d.Resume, d.GoodFor, d.NotFor)
		}
		for _, rule := range with(d, Missing) {
			if rule != "CK017" && rule != "CK018" {
				t.Errorf("%s: %s is missing", name, rule)
			}
		}
	}
}

// TestKeysOfJAXAreLookedForInItsFiles, and nowhere else.
func TestKeysOfJAXAreLookedForInItsFiles(t *testing.T) {
	seeds := filepath.Join("..", "all", "testdata", "seeds")
	for name, want := range map[string]Status{"f.msgpack": CannotTell, "state.pt": "", "k.keras": ""} {
		var got Status
		for _, p := range check(t, filepath.Join(seeds, name)).Parts {
			if p.Rule == "CK019" {
				got = p.Status
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
