package seed

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func threads() Source {
	return Source{
		ID:    Threads,
		Title: "thread count and parallel reductions",
		Doc: "A sum that is split over threads is rounded differently for each number of threads, so one thread and two threads train different weights. " +
			"The default is the number of processors, or what a container or scheduler grants, and so changes with the machine. " +
			"With dynamic scheduling, or threads that add into one place, even equal counts give different results.",
		Observed:  "Runs with the same count agree and runs with different counts do not; or runs differ with several threads and agree with one.",
		Streams:   []string{"fact", "loss", "grad", "params"},
		Checklist: "The number of threads is fixed and recorded, and results do not depend on it more than is acceptable.",
		Fix: "Fix the count before python starts: `export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1`, or call torch.set_num_threads(N) at the start, and report it. " +
			"Where runs with equal counts differ, use one thread, n_jobs=1, or torch.use_deterministic_algorithms(True).",
		Pin: Control{
			Doc: "keeps your thread counts, or sets one thread; turns dynamic teams off, and asks MKL for reproducible code branches",
			// Names and fallbacks: the OpenMP specification; oneMKL, "Reproducibility Conditions". Where their own variable
			// is unset, oneMKL, OpenBLAS and NumExpr read OMP_NUM_THREADS; where MKL_NUM_THREADS is set, PyTorch takes
			// its number of threads from that, so filling it would overrule the user's OMP_NUM_THREADS.
			Env: []Variable{
				threadCount("OMP_NUM_THREADS", ""),
				threadCount("MKL_NUM_THREADS", "OMP_NUM_THREADS"),
				threadCount("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"),
				threadCount("NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS"),
				threadCount("VECLIB_MAXIMUM_THREADS", ""),
				threadCount("TF_NUM_INTRAOP_THREADS", ""),
				threadCount("TF_NUM_INTEROP_THREADS", ""),
				choice("OMP_DYNAMIC", "FALSE"),
				choice("MKL_DYNAMIC", "FALSE"),
				mklBranch(),
			},
		},
		Vary: Control{
			Doc:   "sets the thread counts, and the processors that Python's own lines find, to 1, 2, 4 and begins again: runs that share a count must agree",
			Probe: true,
			Value: func(run int) string { return cycle(run, []string{"1", "2", "4"}) },
			Words: func(run int) string { return cycle(run, []string{"1 thread", "2 threads", "4 threads"}) },
			Env: []Variable{
				byRun("OMP_NUM_THREADS", "1", "2", "4"),
				byRun("MKL_NUM_THREADS", "1", "2", "4"),
				byRun("OPENBLAS_NUM_THREADS", "1", "2", "4"),
				byRun("NUMEXPR_NUM_THREADS", "1", "2", "4"),
				byRun("VECLIB_MAXIMUM_THREADS", "1", "2", "4"),
				byRun("TF_NUM_INTRAOP_THREADS", "1", "2", "4"),
				byRun("TF_NUM_INTEROP_THREADS", "1", "2", "4"),
				// Otherwise MKL, and PyTorch with it, uses no more threads than there are processors.
				fixed("OMP_DYNAMIC", "FALSE"),
				fixed("MKL_DYNAMIC", "FALSE"),
			},
		},
	}
}

func threadCount(name, fallback string) Variable {
	return Variable{
		Name:  name,
		Value: always("1"),
		Accepts: func(value string) bool {
			// OpenMP allows one count for each nesting level, separated by commas.
			for count := range strings.SplitSeq(value, ",") {
				if n, err := strconv.ParseUint(strings.TrimSpace(count), 10, 31); err != nil || n == 0 {
					return false
				}
			}
			return true
		},
		Accepted: "a positive number of threads",
		Fallback: fallback,
	}
}

// mklBranch is MKL_CBWR, oneMKL's conditional numerical reproducibility: [BRANCH=]<branch>[,STRICT].
func mklBranch() Variable {
	branches := []string{"AUTO", "COMPATIBLE", "SSE2", "SSE4_2", "AVX", "AVX2", "AVX512", "AVX512_E1"}
	return Variable{
		Name:  "MKL_CBWR",
		Value: always("AUTO"),
		Accepts: func(value string) bool {
			value = strings.ToUpper(value)
			value = strings.TrimPrefix(value, "BRANCH=")
			value = strings.TrimSuffix(value, ",STRICT")
			return slices.Contains(branches, value)
		},
		Accepted: strings.Join(branches, ", ") + "; each also as BRANCH=..., or followed by ,STRICT",
	}
}

func concurrency() Source {
	return Source{
		ID:    Concurrency,
		Title: "completion order and data races",
		Doc: "as_completed, imap_unordered, queues filled by several threads and asyncio tasks hand results over in the order in which they finish; " +
			"several threads that draw from one random stream share its numbers out differently each time; and threads that update the same weights without a lock (Hogwild) " +
			"lose updates. Which comes first is decided by the scheduler.",
		Observed:  "Threads or processes were started, and the same batches arrive in another order, or the same draws reach other threads; it disappears with one worker.",
		Streams:   []string{"task", "batch", "draw"},
		Checklist: "Results of parallel work are put in a fixed order before they are used, and no two threads draw from one stream or write one tensor.",
		Fix: "Use executor.map or pool.map, which keep the order of the inputs, or sort results by key before using them; give each task its own generator " +
			"seeded from (SEED, task number); update shared weights from one thread.",
		Pin: Control{
			Doc:   "runs the tasks of Python executors and pools one after the other, in the order of submission",
			Probe: true,
		},
		Vary: Control{
			Doc:    "delays the tasks, threads and processes that the program starts in Python, the first the most, and grants the process tree all processors, then one, then two, with thread counts pinned beside it; done unasked where a program starts several",
			Launch: func(l *Launch, _ uint64, run int) { l.CPUs = cycle(run, []int{0, 1, 2}) },
			Probe:  true,
			Value:  func(run int) string { return strconv.Itoa(run) },
			Words: func(run int) string {
				return cycle(run, []string{"all processors", "1 processor", "2 processors"}) + fmt.Sprintf(", delays in order %d", run+1)
			},
			Companions: []ID{Threads},
		},
	}
}

func collectives() Source {
	return Source{
		ID:    Collectives,
		Title: "collective communication",
		Doc: "An all-reduce adds the ranks' gradients in the order of its algorithm. NCCL chooses algorithm, protocol and number of channels from message size and topology, " +
			"Horovod fuses tensors by timing, and another number of ranks is another sum altogether.",
		Observed:  "Gradients are equal before the reduction and differ after it, or the number of ranks differs between the records.",
		Streams:   []string{"fact", "grad"},
		Checklist: "World size, backend and reduction algorithm are fixed and recorded.",
		Fix:       "Run `export NCCL_ALGO=Ring` and `export HOROVOD_FUSION_THRESHOLD=0` on every rank, keep the number of ranks and DDP's bucket_cap_mb fixed, and report them.",
		NeedsGPU:  true,
		Pin: Control{
			Doc: "fixes NCCL's algorithm and turns Horovod's fusion off; the number of ranks is the command's own",
			Env: []Variable{
				// The values that Megatron-LM's deterministic mode accepts.
				choice("NCCL_ALGO", "Ring", "CollnetDirect", "CollnetChain", "^NVLS"),
				fixed("HOROVOD_FUSION_THRESHOLD", "0"),
			},
		},
		Vary: Control{Doc: "not every algorithm exists on every topology"},
	}
}
