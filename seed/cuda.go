package seed

func torchCUDA() Source {
	return Source{
		ID:    TorchCUDA,
		Title: "PyTorch's CUDA generators",
		Doc: "Each GPU has a default generator of its own, used by dropout and torch.rand on that device. " +
			"torch.manual_seed seeds all of them; torch.cuda.manual_seed only the current one.",
		Observed:  "A CUDA generator's state differs between runs at a boundary, or was never seeded.",
		Streams:   []string{"seed", "new", "draw", "stream"},
		Checklist: "torch.manual_seed(SEED) is called before anything is drawn on a GPU, and the devices in use are the same.",
		Fix:       "Call torch.manual_seed(SEED), which seeds every device, or torch.cuda.manual_seed_all(SEED); fix CUDA_VISIBLE_DEVICES.",
		NeedsGPU:  true,
		Pin: Control{
			Doc:   "seeds the generator of every device when CUDA is initialised",
			Probe: true,
			Seed:  derived(TorchCUDA),
		},
		Vary: Control{Doc: "an unseeded stream already differs in every run"},
	}
}

func cudnnBenchmark() Source {
	return Source{
		ID:    CudnnBenchmark,
		Title: "cuDNN autotuning",
		Doc: "With torch.backends.cudnn.benchmark = True cuDNN times several algorithms for each new shape and keeps the fastest. " +
			"Timing noise picks another one in another run, with other rounding, and cudnn.deterministic only narrows what it picks from.",
		Observed:  "The flag is on when a convolution runs.",
		Streams:   []string{"fact", "grad", "params"},
		Checklist: "torch.backends.cudnn.benchmark is False.",
		Fix:       "Set torch.backends.cudnn.benchmark = False once, at the start (in Lightning: Trainer(benchmark=False)).",
		NeedsGPU:  true,
		Pin:       Control{Doc: "keeps torch.backends.cudnn.benchmark off", Probe: true},
		Vary:      Control{Doc: "what autotuning picks cannot be chosen"},
	}
}

func cudnnDeterministic() Source {
	return Source{
		ID:    CudnnDeterministic,
		Title: "cuDNN algorithms without a fixed result",
		Doc: "Some cuDNN algorithms for the gradients of convolutions add with atomics, so equal inputs give results that differ in the last bits. " +
			"torch.backends.cudnn.deterministic = True leaves them out.",
		Observed:  "The flag is off when a convolution runs; the gradient of a convolution differs while its inputs are equal.",
		Streams:   []string{"fact", "grad", "params"},
		Checklist: "torch.backends.cudnn.deterministic is True.",
		Fix:       "Set torch.backends.cudnn.deterministic = True (torch.use_deterministic_algorithms(True) covers convolutions as well).",
		NeedsGPU:  true,
		Pin:       Control{Doc: "keeps torch.backends.cudnn.deterministic on", Probe: true},
		Vary:      Control{Doc: "the order of atomic additions cannot be chosen"},
	}
}

func cublasWorkspace() Source {
	return Source{
		ID:    CublasWorkspace,
		Title: "cuBLAS workspaces",
		Doc: "From CUDA 10.2 on, cuBLAS may give different results when several streams share its workspace. " +
			"A fixed workspace, chosen with CUBLAS_WORKSPACE_CONFIG before CUDA starts, settles it. PyTorch releases from late 2025 on keep a workspace " +
			"for each handle and stream, and no longer ask for the variable; setting it does no harm there.",
		Observed:  "CUDA is in use and CUBLAS_WORKSPACE_CONFIG is unset or has another value than those documented.",
		Streams:   []string{"fact"},
		Checklist: "CUBLAS_WORKSPACE_CONFIG is :4096:8 or :16:8 before the process starts.",
		Fix:       "Run `export CUBLAS_WORKSPACE_CONFIG=:4096:8` before python starts (or :16:8, slower and 24 MiB smaller).",
		NeedsGPU:  true,
		Pin: Control{
			Doc: "sets CUBLAS_WORKSPACE_CONFIG",
			// The two values that cuBLAS documents under "Results reproducibility".
			Env: []Variable{choice("CUBLAS_WORKSPACE_CONFIG", ":4096:8", ":16:8")},
		},
		Vary: Control{Doc: "only the documented values have a known meaning"},
	}
}

func matmulPrecision() Source {
	return Source{
		ID:    MatmulPrecision,
		Title: "TF32 and reduced-precision sums",
		Doc: "On Ampere and newer GPUs float32 products may be computed in TF32, with 10 bits of mantissa, and float16 and bfloat16 products may be summed in reduced precision. " +
			"Runs on one machine agree; another GPU, another PyTorch release (the default changed in 1.12) or one more flag does not.",
		Observed:  "The precision flags differ between the records compared, or allow reduced precision.",
		Streams:   []string{"fact"},
		Checklist: "The precision of matrix products is set explicitly and recorded.",
		Fix: "Call torch.set_float32_matmul_precision('highest') and set torch.backends.cudnn.allow_tf32 = False, " +
			"torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False and allow_bf16_reduced_precision_reduction = False; or record the choice with the results.",
		NeedsGPU: true,
		Pin: Control{
			Doc:   "computes float32 products in float32 and sums in full precision",
			Env:   []Variable{fixed("NVIDIA_TF32_OVERRIDE", "0"), fixed("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "0")},
			Probe: true,
		},
		Vary: Control{Doc: "a change of precision always changes results, and would say nothing about the program"},
	}
}
