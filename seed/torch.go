package seed

func torchCPU() Source {
	return Source{
		ID:    TorchCPU,
		Title: "PyTorch's CPU generators",
		Doc: "Parameter initialisation, dropout, torch.rand, random_split and the shuffling of a DataLoader draw from the default CPU generator, " +
			"which starts from a random seed (a torch.Generator() of your own starts from a fixed one, until .seed() is called on it). A DataLoader draws from it at the start of every epoch, even without shuffling. " +
			"A seed call that comes after the model is built leaves the initial parameters random.",
		Observed:  "A draw before torch.manual_seed, or after a seed call whose value differs between runs; initial parameters that differ.",
		Streams:   []string{"seed", "new", "draw", "stream", "init"},
		Checklist: "torch.manual_seed(SEED) is called before the model and the data loaders are built.",
		Fix:       "Call torch.manual_seed(SEED) before the model is built, and pass generator=torch.Generator().manual_seed(SEED) to DataLoader and random_split.",
		Pin: Control{
			Doc:   "calls torch.manual_seed when PyTorch is imported, and makes torch.seed() give a fixed value",
			Probe: true,
			Seed:  derived(TorchCPU),
		},
		Vary: Control{Doc: "an unseeded stream already differs in every run"},
	}
}

func dataloaderWorkers() Source {
	return Source{
		ID:    DataloaderWorkers,
		Title: "seeding of DataLoader workers",
		Doc: "Each DataLoader worker seeds PyTorch, random and NumPy from a base seed drawn from the main process's PyTorch generator, or from the loader's own. " +
			"Without torch.manual_seed the augmentations of the workers differ in every run although random and NumPy were seeded. " +
			"Before PyTorch 1.9 NumPy was not reseeded: forked workers shared one stream, and repeated each other's augmentations in every epoch. " +
			"The number of workers decides which worker draws for which sample.",
		Observed:  "A worker starts with another base seed, or two workers start with the same stream.",
		Streams:   []string{"worker", "draw", "batch"},
		Checklist: "The DataLoader has a seeded generator, workers seed what the dataset draws from, and no two workers share a stream.",
		Fix: "Pass generator=torch.Generator().manual_seed(SEED) to the DataLoader, and a worker_init_fn that calls random.seed and numpy.random.seed " +
			"with torch.initial_seed() % 2**32; keep num_workers fixed, or derive each sample's randomness from (SEED, epoch, index).",
		Pin: Control{
			Doc:   "fixes the base seed of every DataLoader without a generator of its own, and with it what each worker draws; sets PL_SEED_WORKERS",
			Env:   []Variable{choice("PL_SEED_WORKERS", "1", "0")},
			Probe: true,
			Seed:  derived(DataloaderWorkers),
		},
		Vary: Control{Doc: "an unseeded base seed already differs in every run"},
	}
}

func torchNondeterministicOps() Source {
	return Source{
		ID:    TorchNondeterministicOps,
		Title: "operators without a fixed result",
		Doc: "Some kernels add floating-point numbers in the order in which threads arrive: on GPUs those that use atomics (scatter_add, index_add, " +
			"the gradients of embedding, interpolation, pooling and CTC loss); on CPUs the gradient of indexing with repeated indices, once it is large enough to use threads. " +
			"The differences begin in the last bit, and training amplifies them. FlashAttention, Transformer Engine, Mamba and TorchInductor have switches of their own.",
		Observed:  "Batches, parameters and random streams are equal, gradients are not, and an operator of the published list was called; deterministic algorithms make runs agree.",
		Streams:   []string{"op", "grad", "params"},
		Checklist: "torch.use_deterministic_algorithms(True) is on, and nothing warns or raises.",
		Fix: "Call torch.use_deterministic_algorithms(True) at the start. Where an operator has no deterministic kernel, replace it: " +
			"one_hot(idx) @ weight or index_select for weight[idx], and sums over sorted segments for scatter_add.",
		Pin: Control{
			Doc: "calls torch.use_deterministic_algorithms(True, warn_only=True) without filling uninitialised memory, lets attention heed it as if it made errors, computes on the CPU what has no deterministic kernel on a GPU (with PyTorch releases that allow it), and sets the switches of TorchInductor, FlashAttention, Transformer Engine, Mamba and causal_conv1d",
			Env: []Variable{
				// Sources of the names and values: torch/_inductor/config.py; transformers/trainer_utils.py (enable_full_determinism);
				// Megatron-LM, docs/user-guide/deterministic-training.md.
				fixed("TORCHINDUCTOR_DETERMINISTIC", "1"),
				fixed("FLASH_ATTENTION_DETERMINISTIC", "1"),
				fixed("NVTE_ALLOW_NONDETERMINISTIC_ALGO", "0"),
				fixed("MAMBA_DETERMINISTIC", "1"),
				fixed("CAUSAL_CONV1D_DETERMINISTIC", "1"),
			},
			Probe: true,
		},
		Vary: Control{Doc: "the order of arrival cannot be chosen"},
	}
}
