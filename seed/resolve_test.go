package seed_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/seed"
)

func pin(ids ...seed.ID) seed.Levels  { return at(seed.Pin, ids) }
func vary(ids ...seed.ID) seed.Levels { return at(seed.Vary, ids) }

func at(level seed.Level, ids []seed.ID) seed.Levels {
	levels := seed.Levels{}
	for _, id := range ids {
		levels[id] = level
	}
	return levels
}

// TestPinnedEnvironment walks the rule: unset is filled, good is kept.
func TestPinnedEnvironment(t *testing.T) {
	tests := map[string]struct {
		levels seed.Levels
		seed   uint64
		users  map[string]string
		env    map[string]string
		kept   []string
	}{
		"nothing asked for": {levels: nil, users: map[string]string{"OMP_NUM_THREADS": "nonsense"}},
		"inherit is nothing": {
			levels: at(seed.Inherit, []seed.ID{seed.PythonHash, seed.Hardware}),
			users:  map[string]string{"PYTHONHASHSEED": "random"},
		},
		"hash seed filled": {levels: pin(seed.PythonHash), seed: 7, env: map[string]string{"PYTHONHASHSEED": "7"}},
		"hash seed reduced to 32 bits": {
			levels: pin(seed.PythonHash), seed: 1<<32 + 5, env: map[string]string{"PYTHONHASHSEED": "5"},
		},
		"hash seed kept": {
			levels: pin(seed.PythonHash), seed: 7,
			users: map[string]string{"PYTHONHASHSEED": "4294967295"},
			kept:  []string{"PYTHONHASHSEED=4294967295"},
		},
		"empty is unset": {
			levels: pin(seed.PythonHash), seed: 7,
			users: map[string]string{"PYTHONHASHSEED": ""},
			env:   map[string]string{"PYTHONHASHSEED": "7"},
		},
		"workspace filled": {levels: pin(seed.CublasWorkspace), env: map[string]string{"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}},
		"workspace kept": {
			levels: pin(seed.CublasWorkspace),
			users:  map[string]string{"CUBLAS_WORKSPACE_CONFIG": ":16:8"},
			kept:   []string{"CUBLAS_WORKSPACE_CONFIG=:16:8"},
		},
		"threads filled": {
			levels: pin(seed.Threads),
			env: map[string]string{
				"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMEXPR_NUM_THREADS": "1",
				"VECLIB_MAXIMUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1",
				"OMP_DYNAMIC": "FALSE", "MKL_DYNAMIC": "FALSE", "MKL_CBWR": "AUTO",
			},
		},
		// MKL, OpenBLAS and NumExpr read OMP_NUM_THREADS where their own is unset: filling theirs would change the user's count.
		"thread counts kept": {
			levels: pin(seed.Threads),
			users: map[string]string{
				"OMP_NUM_THREADS": "4,2", "OPENBLAS_NUM_THREADS": "2", "OMP_DYNAMIC": "false", "MKL_CBWR": "branch=AVX2,STRICT",
			},
			env: map[string]string{
				"VECLIB_MAXIMUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "MKL_DYNAMIC": "FALSE",
			},
			kept: []string{"MKL_CBWR=branch=AVX2,STRICT", "OMP_DYNAMIC=false", "OMP_NUM_THREADS=4,2", "OPENBLAS_NUM_THREADS=2"},
		},
		"XLA flags merged": {
			levels: pin(seed.TensorflowOps),
			users:  map[string]string{"XLA_FLAGS": "--xla_dump_to=/tmp/a"},
			env: map[string]string{
				"TF_DETERMINISTIC_OPS": "1", "TF_CUDNN_DETERMINISTIC": "1",
				"XLA_FLAGS": "--xla_dump_to=/tmp/a --xla_gpu_deterministic_ops=true",
			},
		},
		"XLA flags kept": {
			levels: pin(seed.TensorflowOps),
			users: map[string]string{
				"XLA_FLAGS":            "--xla_gpu_exclude_nondeterministic_ops --xla_dump_to=/tmp/a",
				"TF_DETERMINISTIC_OPS": "true",
			},
			env:  map[string]string{"TF_CUDNN_DETERMINISTIC": "1"},
			kept: []string{"TF_DETERMINISTIC_OPS=true", "XLA_FLAGS=--xla_gpu_exclude_nondeterministic_ops --xla_dump_to=/tmp/a"},
		},
		"collectives": {
			levels: pin(seed.Collectives),
			users:  map[string]string{"NCCL_ALGO": "^NVLS"},
			env:    map[string]string{"HOROVOD_FUSION_THRESHOLD": "0"},
			kept:   []string{"NCCL_ALGO=^NVLS"},
		},
		"deterministic kernels": {
			levels: pin(seed.TorchNondeterministicOps),
			env: map[string]string{
				"TORCHINDUCTOR_DETERMINISTIC": "1", "FLASH_ATTENTION_DETERMINISTIC": "1", "NVTE_ALLOW_NONDETERMINISTIC_ALGO": "0",
				"MAMBA_DETERMINISTIC": "1", "CAUSAL_CONV1D_DETERMINISTIC": "1",
			},
		},
		"Lightning": {
			levels: pin(seed.PythonRandom, seed.DataloaderWorkers), seed: 3,
			users: map[string]string{"PL_SEED_WORKERS": "0"},
			env:   map[string]string{"PL_GLOBAL_SEED": "3"},
			kept:  []string{"PL_SEED_WORKERS=0"},
		},
		"any fixed time zone is good": {
			levels: pin(seed.Host),
			users:  map[string]string{"TZ": "Europe/Paris"},
			env:    map[string]string{"LANG": "C.UTF-8"},
			kept:   []string{"TZ=Europe/Paris"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			users := maps.Clone(test.users)
			got, err := seed.Resolve(test.levels, test.seed, 0, users)
			if err != nil {
				t.Fatal(err)
			}
			if test.env == nil {
				test.env = map[string]string{}
			}
			if diff := cmp.Diff(test.env, got.Env); diff != "" {
				t.Errorf("Env (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.kept, got.Kept); diff != "" {
				t.Errorf("Kept (-want +got):\n%s", diff)
			}
			if !maps.Equal(users, test.users) {
				t.Errorf("the user's environment was changed: %v", users)
			}
		})
	}
}

func TestRefusedValues(t *testing.T) {
	tests := map[string]struct {
		id    seed.ID
		name  string
		value string
		// says must be in the message: what to use instead.
		says string
	}{
		"random hash seed":     {seed.PythonHash, "PYTHONHASHSEED", "random", "0 to 4294967295"},
		"hash seed too large":  {seed.PythonHash, "PYTHONHASHSEED", "4294967296", "0 to 4294967295"},
		"workspace":            {seed.CublasWorkspace, "CUBLAS_WORKSPACE_CONFIG", ":0:0", ":4096:8, :16:8"},
		"no threads":           {seed.Threads, "OMP_NUM_THREADS", "0", "a positive number"},
		"threads not a number": {seed.Threads, "MKL_NUM_THREADS", "4,many", "a positive number"},
		"dynamic teams":        {seed.Threads, "OMP_DYNAMIC", "TRUE", "FALSE"},
		"MKL branch":           {seed.Threads, "MKL_CBWR", "OFF", "COMPATIBLE"},
		"tree":                 {seed.Collectives, "NCCL_ALGO", "Tree", "Ring"},
		"XLA says false": {
			seed.TensorflowOps, "XLA_FLAGS", "--xla_gpu_exclude_nondeterministic_ops=true --xla_gpu_deterministic_ops=false",
			"--xla_gpu_deterministic_ops=true",
		},
		"transformer engine": {seed.TorchNondeterministicOps, "NVTE_ALLOW_NONDETERMINISTIC_ALGO", "1", "0"},
		"TF32 forced":        {seed.MatmulPrecision, "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1", "0"},
		"malloc unperturbed": {seed.UninitialisedMemory, "MALLOC_PERTURB_", "0", "1 to 255"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			users := map[string]string{test.name: test.value}
			got, err := seed.Resolve(pin(test.id), 0, 0, users)
			var refused *seed.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("error = %v, settings %v", err, got)
			}
			if refused.Source != test.id || refused.Name != test.name || refused.Value != test.value || !strings.Contains(refused.Error(), test.says) {
				t.Errorf("refused with %v, want %q in it", refused, test.says)
			}
			if _, err := seed.Resolve(nil, 0, 0, users); err != nil {
				t.Errorf("refused although nothing is pinned: %v", err)
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		_, err := seed.Resolve(pin(seed.PythonHash, seed.Threads), 0, 0,
			map[string]string{"PYTHONHASHSEED": "x", "OMP_NUM_THREADS": "0", "MKL_CBWR": "OFF"})
		for _, name := range []string{"PYTHONHASHSEED", "OMP_NUM_THREADS", "MKL_CBWR"} {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s is missing from: %v", name, err)
			}
		}
	})
}

func TestLenient(t *testing.T) {
	users := map[string]string{"OMP_DYNAMIC": "TRUE", "OMP_NUM_THREADS": "4"}
	got, err := seed.Resolve(pin(seed.Threads, seed.PythonHash), 0, 0, users, seed.Lenient)
	if err != nil {
		t.Fatal(err)
	}
	// Nothing of the refused source is left: half of its variables would be neither pinned nor the user's own.
	want := seed.Settings{
		Levels: seed.Levels{seed.Threads: seed.Inherit, seed.PythonHash: seed.Pin},
		Env:    map[string]string{"PYTHONHASHSEED": "0"},
		Probe:  map[seed.ID]seed.ProbeLevel{},
		Values: map[seed.ID]string{seed.PythonHash: "PYTHONHASHSEED=0"},
		Refused: []*seed.RefusedError{
			{Source: seed.Threads, Name: "OMP_DYNAMIC", Value: "TRUE", Accepted: "FALSE"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadLevels(t *testing.T) {
	var unknown *seed.UnknownError
	if _, err := seed.Resolve(pin("thread"), 0, 0, nil); !errors.As(err, &unknown) || unknown.Nearest != seed.Threads {
		t.Errorf("unknown id: %v", err)
	}
	if _, err := seed.Resolve(seed.Levels{seed.Threads: "pinned"}, 0, 0, nil); err == nil || !strings.Contains(err.Error(), `"pinned"`) {
		t.Errorf("unknown level: %v", err)
	}
	var impossible *seed.ImpossibleError
	if _, err := seed.Resolve(vary(seed.TorchCPU), 0, 0, nil); !errors.As(err, &impossible) || impossible.Level != seed.Vary {
		t.Errorf("impossible level: %v", err)
	}
	if _, err := seed.Resolve(nil, 0, -1, nil); err == nil {
		t.Error("a negative run was accepted")
	}
}

// TestVariedValues pins the values themselves: they are printed, and runs on other days and machines must use the same.
func TestVariedValues(t *testing.T) {
	tests := map[seed.ID][]string{
		seed.PythonHash:          {"PYTHONHASHSEED=1", "PYTHONHASHSEED=2", "PYTHONHASHSEED=3", "PYTHONHASHSEED=4"},
		seed.FileOrder:           {"sorted", "reversed", "shuffled, seed 2", "shuffled, seed 3"},
		seed.UninitialisedMemory: {"MALLOC_PERTURB_=85", "MALLOC_PERTURB_=170", "MALLOC_PERTURB_=51", "MALLOC_PERTURB_=204"},
		seed.Concurrency:         {"all processors, delays in order 1", "1 processor, delays in order 2", "2 processors, delays in order 3", "all processors, delays in order 4"},
		seed.Threads:             {"1 thread", "2 threads", "4 threads", "1 thread"},
		seed.ObjectIdentity:      {"fixed layout, pymalloc", "fixed layout, malloc", "fixed layout, pymalloc", "fixed layout, malloc"},
		seed.Host: {
			"alice@localhost, UTC0, C.UTF-8", "bob@node-2.localhost, JST-9, C", "carol@gpu-3.localhost, PST8PDT, C.UTF-8",
			"alice@localhost, UTC0, C.UTF-8",
		},
	}
	// Where the words are short, the variables behind them count as well: those of the second run.
	variables := map[seed.ID]map[string]string{
		seed.ObjectIdentity: {"PYTHONMALLOC": "malloc"},
		seed.Host:           {"LOGNAME": "bob", "USER": "bob", "TZ": "JST-9", "LC_ALL": "C"},
	}
	for id, want := range tests {
		var got []string
		for run := range want {
			// Varying replaces what the user has set, even to a value that pinning would refuse.
			users := map[string]string{"TZ": "X", "MALLOC_PERTURB_": "0", "PYTHONMALLOC": "debug"}
			if id == seed.PythonHash {
				users["PYTHONHASHSEED"] = "random"
			}
			s, err := seed.Resolve(vary(id), 9, run, users)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s.Values[id])
			for name, value := range variables[id] {
				if run == 1 && s.Env[name] != value {
					t.Errorf("%s sets %s to %q, want %q", id, name, s.Env[name], value)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
	for run, want := range []string{"1", "2", "4", "1"} {
		s, err := seed.Resolve(vary(seed.Threads), 0, run, map[string]string{"OMP_NUM_THREADS": "3"})
		if err != nil {
			t.Fatal(err)
		}
		env := map[string]string{
			"OMP_NUM_THREADS": want, "MKL_NUM_THREADS": want, "OPENBLAS_NUM_THREADS": want, "NUMEXPR_NUM_THREADS": want,
			"VECLIB_MAXIMUM_THREADS": want, "TF_NUM_INTRAOP_THREADS": want, "TF_NUM_INTEROP_THREADS": want,
			"OMP_DYNAMIC": "FALSE", "MKL_DYNAMIC": "FALSE",
		}
		if diff := cmp.Diff(env, s.Env); diff != "" {
			t.Errorf("threads, run %d (-want +got):\n%s", run, diff)
		}
	}
}

func TestLauncher(t *testing.T) {
	tests := map[string]struct {
		levels  seed.Levels
		run     int
		options []seed.Option
		want    seed.Launch
	}{
		"addresses":                   {levels: pin(seed.ObjectIdentity), want: seed.Launch{NoASLR: true}},
		"host":                        {levels: pin(seed.Host), want: seed.Launch{FixedPIDs: true, Hostname: "localhost"}},
		"processors":                  {levels: vary(seed.Concurrency), run: 1, want: seed.Launch{CPUs: 1}},
		"all but Python":              {levels: pin(seed.OSEntropy, seed.FileOrder, seed.WallClock), want: seed.Launch{Entropy: true, EntropySeed: seed.Derive(seed.OSEntropy, 7), DirOrder: "sorted", Clock: true, SparePython: true}},
		"listings of the whole tree":  {levels: pin(seed.FileOrder), options: []seed.Option{seed.WholeTree}, want: seed.Launch{DirOrder: "sorted"}},
		"shuffled for the whole tree": {levels: vary(seed.FileOrder), run: 3, options: []seed.Option{seed.WholeTree}, want: seed.Launch{DirOrder: "shuffled", DirSeed: 3}},
		"entropy of the whole tree": {
			levels: pin(seed.OSEntropy), options: []seed.Option{seed.WholeTree},
			want: seed.Launch{Entropy: true, EntropySeed: seed.Derive(seed.OSEntropy, 7)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := seed.Resolve(test.levels, 7, test.run, nil, test.options...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.Launch); diff != "" {
				t.Errorf("Launch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProbeLevels(t *testing.T) {
	levels := pin(seed.NumpyLegacy, seed.CudnnBenchmark, seed.PythonHash)
	levels[seed.FileOrder] = seed.Vary
	got, err := seed.Resolve(levels, 7, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := json.Marshal(got.Probe)
	if err != nil {
		t.Fatal(err)
	}
	// python-hash is the environment's alone; docs/probe-protocol.md defines the form.
	want := `{"cudnn-benchmark":{"level":"pin"},"file-order":{"level":"vary","value":"reversed"},"numpy-legacy":{"level":"pin","seed":813911792}}`
	if string(wire) != want {
		t.Errorf("told the probe\n%s, want\n%s", wire, want)
	}
	again, err := seed.Resolve(levels, 7, 2, nil)
	if err != nil || again.Probe[seed.NumpyLegacy] != got.Probe[seed.NumpyLegacy] {
		t.Errorf("another run pins NumPy to %v, want %v (error %v)", again.Probe[seed.NumpyLegacy], got.Probe[seed.NumpyLegacy], err)
	}
}

// TestDerive compares with Python: int.from_bytes(hashlib.sha256(f"reprocheck/seed/1 {id} {seed}".encode()).digest()[:4], "big").
func TestDerive(t *testing.T) {
	for _, test := range []struct {
		id         seed.ID
		seed, want uint64
	}{
		{seed.NumpyLegacy, 7, 813911792},
		{seed.TorchCPU, 0, 220233491},
		{seed.PythonRandom, 1<<64 - 1, 1007005576},
	} {
		if got := seed.Derive(test.id, test.seed); got != test.want {
			t.Errorf("Derive(%s, %d) = %d, want %d", test.id, test.seed, got, test.want)
		}
	}
}

func TestCompanions(t *testing.T) {
	tests := map[string]struct {
		levels seed.Levels
		want   seed.Levels
	}{
		"pinned beside": {
			pin(seed.ObjectIdentity),
			seed.Levels{seed.ObjectIdentity: seed.Pin, seed.PythonHash: seed.Pin},
		},
		"pinned beside what varies": {
			vary(seed.Concurrency),
			seed.Levels{seed.Concurrency: seed.Vary, seed.Threads: seed.Pin},
		},
		"a level of its own stays": {
			seed.Levels{seed.ObjectIdentity: seed.Pin, seed.PythonHash: seed.Vary},
			seed.Levels{seed.ObjectIdentity: seed.Pin, seed.PythonHash: seed.Vary},
		},
		"released by name": {
			seed.Levels{seed.ObjectIdentity: seed.Pin, seed.PythonHash: seed.Inherit},
			seed.Levels{seed.ObjectIdentity: seed.Pin, seed.PythonHash: seed.Inherit},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			given := maps.Clone(test.levels)
			got, err := seed.Resolve(test.levels, 5, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.Levels); diff != "" {
				t.Errorf("Levels (-want +got):\n%s", diff)
			}
			if !maps.Equal(given, test.levels) {
				t.Error("the caller's levels were changed")
			}
			if _, set := got.Env["PYTHONHASHSEED"]; set == (test.want[seed.PythonHash] != seed.Pin && test.want[seed.PythonHash] != seed.Vary) {
				t.Errorf("PYTHONHASHSEED is set: %v, at level %q", set, test.want[seed.PythonHash])
			}
		})
	}
	got, err := seed.Resolve(pin(seed.ObjectIdentity), 5, 0, nil)
	if want := "PYTHONHASHSEED=5, needed beside object-identity"; err != nil || got.Values[seed.PythonHash] != want {
		t.Errorf("the companion is told as %q, want %q (error %v)", got.Values[seed.PythonHash], want, err)
	}
}

// TestEverythingIsTold holds that a report can name what each source was set to.
func TestEverythingIsTold(t *testing.T) {
	for level, ids := range map[seed.Level][]seed.ID{seed.Pin: seed.Pinnable(), seed.Vary: seed.Varying()} {
		got, err := seed.Resolve(at(level, ids), 0, 0, nil, seed.WholeTree)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if got.Values[id] == "" {
				t.Errorf("%s %s: no words for it", level, id)
			}
		}
	}
}
