package seed

// ID names one source of nondeterminism. The ids are part of the contract with other programs: they never change meaning.
type ID string

// The sources, in the order in which a checklist shows them.
const (
	PythonHash               ID = "python-hash"
	PythonRandom             ID = "python-random"
	NumpyLegacy              ID = "numpy-legacy"
	NumpyGenerator           ID = "numpy-generator"
	TorchCPU                 ID = "torch-cpu"
	TorchCUDA                ID = "torch-cuda"
	CudnnBenchmark           ID = "cudnn-benchmark"
	CudnnDeterministic       ID = "cudnn-deterministic"
	TorchNondeterministicOps ID = "torch-nondeterministic-ops"
	CublasWorkspace          ID = "cublas-workspace"
	MatmulPrecision          ID = "matmul-precision"
	DataloaderWorkers        ID = "dataloader-workers"
	Threads                  ID = "threads"
	Concurrency              ID = "concurrency"
	OSEntropy                ID = "os-entropy"
	WallClock                ID = "wall-clock"
	FileOrder                ID = "file-order"
	ObjectIdentity           ID = "object-identity"
	Host                     ID = "host"
	UninitialisedMemory      ID = "uninitialised-memory"
	Collectives              ID = "collectives"
	ExternalState            ID = "external-state"
	JaxKey                   ID = "jax-key"
	TensorflowSeed           ID = "tensorflow-seed"
	TensorflowOps            ID = "tensorflow-ops"
	BoostingSeed             ID = "boosting-seed"
	Software                 ID = "software"
	Hardware                 ID = "hardware"
)

// Level is what a run does with a source.
type Level string

const (
	// Inherit leaves the source as the user's command ships it.
	Inherit Level = "inherit"
	// Pin gives the source the same value in every run.
	Pin Level = "pin"
	// Vary gives the source a deliberately different, fixed and printed value in every run.
	Vary Level = "vary"
)

// Levels assigns a level to sources; a source that is absent inherits.
type Levels map[ID]Level

// Source documents one origin of nondeterminism and says what each level does about it.
type Source struct {
	ID    ID
	Title string
	// Doc says what the source is and how it usually enters a training.
	Doc string
	// Observed says how a run shows that the source was used, and Streams names the trace streams that show it.
	Observed string
	Streams  []string
	// Checklist is one sentence that a reviewer can tick.
	Checklist string
	// Fix is what to change in the user's code or command, in the imperative.
	Fix string
	// NeedsGPU says that only a machine with a GPU can observe or control the source.
	NeedsGPU bool
	// Pin and Vary say what those levels do; a zero Control cannot be set (Possible is false).
	Pin  Control
	Vary Control
}

// Control is what one level does about one source; the zero Control does nothing.
type Control struct {
	// Doc describes the control in words, for help texts and reports; where nothing can be done it says why.
	Doc string
	// Env lists the variables set before the process starts.
	Env []Variable
	// Launch sets what the launcher controls for the whole process tree; nil where it does nothing.
	// It receives the audit's seed and the number of the run within its experiment (0-based); pinning ignores the run.
	Launch func(l *Launch, seed uint64, run int)
	// Tree is Launch for what the probe does inside Python: the launcher does it in every other program, and in Python
	// only when the caller asks for it (see [WholeTree]).
	Tree func(l *Launch, seed uint64, run int)
	// Probe says that the probe enforces this level inside Python processes.
	Probe bool
	// Seed is the seed that the probe is told, 0 for none; nil where the level needs none.
	Seed func(seed uint64, run int) uint64
	// Value names what the run gets, for the probe and for reports; nil where the level alone says it.
	Value func(run int) string
	// Words says in reports what a run got, where listing every variable would be too much; nil lists them.
	Words func(run int) string
	// Workspace says that the runner's workspace enforces this level.
	Workspace bool
	// Companions are pinned beside the source at this level, because it has no effect, or no clear one, without them.
	Companions []ID
}

// Possible reports whether the level can be set at all.
func (c Control) Possible() bool {
	return len(c.Env) > 0 || c.Launch != nil || c.Tree != nil || c.Probe || c.Workspace
}

// Variable is one environment variable of a control.
type Variable struct {
	Name string
	// Value is what the variable is set to; it receives the audit's seed and the 0-based number of the run.
	Value func(seed uint64, run int) string
	// Accepts reports whether a value that the user has already set serves as well; nil accepts only Value's result.
	// Only pinning asks: varying replaces the user's value.
	Accepts func(value string) bool
	// Accepted describes the accepted values in an error message; empty where Value's result is the only one.
	Accepted string
	// Fallback names the variable that libraries read where this one is unset: a value the user has given to that
	// one is left to work.
	Fallback string
	// Merge adds ours to a list-valued variable such as XLA_FLAGS, and reports whether the user's list allows it;
	// nil accepts or refuses the user's value as a whole.
	Merge func(users, ours string) (merged string, ok bool)
}

// Launch is what the launcher does to the whole process tree of one run.
type Launch struct {
	// Entropy answers getrandom and /dev/urandom with a stream derived from EntropySeed.
	Entropy     bool   `json:"entropy,omitempty"`
	EntropySeed uint64 `json:"entropy_seed,omitempty"`
	// DirOrder is "", "sorted", "reversed" or "shuffled" (by DirSeed).
	DirOrder string `json:"dir_order,omitempty"`
	DirSeed  uint64 `json:"dir_seed,omitempty"`
	// SparePython leaves entropy and listings of Python interpreters to the probe.
	SparePython bool `json:"spare_python,omitempty"`
	// Clock gives every program but Python, where the probe does, a clock that begins at a fixed instant and advances with each
	// reading.
	Clock bool `json:"clock,omitempty"`
	// NoASLR gives every process the same address-space layout.
	NoASLR bool `json:"no_aslr,omitempty"`
	// CPUs restricts the tree to that many processors; 0 leaves the affinity alone.
	CPUs int `json:"cpus,omitempty"`
	// FixedPIDs starts the tree at the same pid in every run where a pid namespace is possible.
	FixedPIDs bool `json:"fixed_pids,omitempty"`
	// Hostname renames the machine for the tree; empty leaves it.
	Hostname string `json:"hostname,omitempty"`
	// Cover lists directories outside the project that get a private writable layer, discarded after the run.
	Cover []string `json:"cover,omitempty"`
}
