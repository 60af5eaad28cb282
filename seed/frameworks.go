package seed

import (
	"slices"
	"strings"
)

func jaxKey() Source {
	return Source{
		ID:    JaxKey,
		Title: "JAX keys",
		Doc: "JAX has no global stream: every number comes from a key, so two runs differ only where a key does, made from a clock, entropy or an unseeded stream. " +
			"How a key becomes numbers depends on the implementation: jax_threefry_partitionable became the default in 0.5.0, and the same key then gives other numbers.",
		Observed:  "jax.random.key or PRNGKey was called with a value that differs between runs.",
		Streams:   []string{"seed"},
		Checklist: "Every key derives from one configured seed by split or fold_in, and none is used twice.",
		Fix:       "Make one key = jax.random.key(SEED), and derive all others with jax.random.split or fold_in; set jax_threefry_partitionable explicitly where several JAX versions are in use.",
		Pin: Control{
			Doc: "fixes how JAX turns a key into numbers; the keys themselves are the program's",
			Env: []Variable{
				choice("JAX_THREEFRY_PARTITIONABLE", "true", "1", "yes", "on", "false", "0", "no", "off"),
				choice("JAX_DEFAULT_PRNG_IMPL", "threefry2x32", "rbg", "unsafe_rbg"),
			},
		},
		Vary: Control{Doc: "another key is another experiment"},
	}
}

func tensorflowSeed() Source {
	return Source{
		ID:        TensorflowSeed,
		Title:     "TensorFlow's and Keras's seeds",
		Doc:       "Without tf.random.set_seed, TensorFlow's operations and Keras's initialisers start from random seeds; Keras also draws from random and NumPy.",
		Observed:  "An operation drew, or a tf.random.Generator was made, without a seed; or a seed's value differs between runs.",
		Streams:   []string{"seed", "new"},
		Checklist: "keras.utils.set_random_seed(SEED) is called before the model and the data pipeline are built.",
		Fix:       "Call keras.utils.set_random_seed(SEED) first (it seeds random, NumPy and TensorFlow), and pass seed= to shuffle and to random layers.",
		Pin: Control{
			Doc:   "gives every operation without a seed, and every generator made without one, the next of a fixed series of seeds",
			Probe: true,
			Seed:  derived(TensorflowSeed),
		},
		Vary: Control{Doc: "an unseeded stream already differs in every run"},
	}
}

func tensorflowOps() Source {
	return Source{
		ID:    TensorflowOps,
		Title: "TensorFlow and XLA kernels without a fixed result",
		Doc: "GPU kernels that add with atomics, cuDNN's choice of algorithm and XLA's autotuning differ between runs of TensorFlow and JAX programs. " +
			"tf.data pipelines with parallel, non-deterministic maps change the order of samples.",
		Observed:  "Inputs and seeds are equal, and gradients or weights are not; deterministic kernels make runs agree.",
		Streams:   []string{"fact"},
		Checklist: "tf.config.experimental.enable_op_determinism() is called, or XLA_FLAGS asks for deterministic kernels.",
		Fix: "Call tf.config.experimental.enable_op_determinism() after keras.utils.set_random_seed(SEED) (TensorFlow 2.8 and newer; before that `export TF_DETERMINISTIC_OPS=1`). " +
			"For JAX on GPUs, run `export XLA_FLAGS=--xla_gpu_deterministic_ops=true`.",
		NeedsGPU: true,
		Pin: Control{
			Doc: "asks TensorFlow (up to 2.7 by environment), cuDNN and XLA for deterministic kernels",
			Env: []Variable{
				choice("TF_DETERMINISTIC_OPS", "1", "true"),
				choice("TF_CUDNN_DETERMINISTIC", "1", "true"),
				xlaFlags(),
			},
		},
		Vary: Control{Doc: "the order of atomic additions cannot be chosen"},
	}
}

// xlaFlags is XLA_FLAGS with deterministic kernels asked for. Of the two flags that do so, the one set here is the older:
// XLA ends the process on a flag that it does not know. A user's own choice of either is kept; false is refused.
func xlaFlags() Variable {
	const flag = "--xla_gpu_deterministic_ops"
	const narrower = "--xla_gpu_exclude_nondeterministic_ops"
	// value is the flag's last setting in the list; a flag without one is true.
	value := func(flags, name string) string {
		found := ""
		for f := range strings.FieldsSeq(flags) {
			if n, v, valued := strings.Cut(f, "="); n == name {
				if found = strings.ToLower(v); !valued {
					found = "true"
				}
			}
		}
		return found
	}
	yes := []string{"true", "1"}
	return Variable{
		Name:  "XLA_FLAGS",
		Value: always(flag + "=true"),
		Accepts: func(users string) bool {
			return slices.Contains(yes, value(users, flag)) ||
				value(users, flag) == "" && slices.Contains(yes, value(users, narrower))
		},
		Accepted: flag + "=true or " + narrower + "=true, beside any other flags",
		Merge: func(users, ours string) (string, bool) {
			if value(users, flag) != "" || value(users, narrower) != "" {
				return "", false
			}
			return strings.TrimSpace(users + " " + ours), true
		},
	}
}

func boostingSeed() Source {
	return Source{
		ID:    BoostingSeed,
		Title: "seeds of boosting libraries",
		Doc: "XGBoost, LightGBM and CatBoost sample rows and columns from engines of their own, which no seed of random, NumPy or PyTorch reaches. " +
			"Their defaults are fixed; a random_state taken from an unseeded stream, a second booster that moves XGBoost's engine, " +
			"LightGBM's timed choice between row-wise and column-wise histograms, and the number of threads are what makes them differ.",
		Observed:  "The fitted model differs while data and parameters are equal, or its seed parameter differs between runs.",
		Streams:   []string{"seed"},
		Checklist: "seed= (XGBoost), seed= with deterministic=True and force_row_wise or force_col_wise (LightGBM), or random_seed= (CatBoost) is set, with a fixed number of threads.",
		Fix:       "Pass seed=SEED and a fixed nthread to XGBoost (not booster='gblinear' with updater='shotgun'); seed=SEED, deterministic=True, force_row_wise=True to LightGBM; random_seed=SEED, thread_count=N to CatBoost.",
		Pin:       Control{Doc: "only the parameters of the program seed these libraries"},
		Vary:      Control{Doc: "only the parameters of the program seed these libraries"},
	}
}
