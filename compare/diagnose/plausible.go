package diagnose

import (
	"slices"

	"github.com/reprocheck/reprocheck/seed"
)

// anyLanguage are the sources that a command without Python can draw from and that a run of it can pin.
var anyLanguage = []seed.ID{seed.OSEntropy, seed.WallClock, seed.ObjectIdentity, seed.Host, seed.FileOrder, seed.Threads, seed.UninitialisedMemory}

// imported lists the library without which a source cannot be at work.
var imported = map[seed.ID]string{
	seed.NumpyLegacy: "numpy", seed.NumpyGenerator: "numpy",
	seed.TorchCPU: "torch", seed.TorchCUDA: "torch", seed.DataloaderWorkers: "torch", seed.TorchNondeterministicOps: "torch",
	seed.CudnnBenchmark: "torch", seed.CudnnDeterministic: "torch", seed.TensorflowSeed: "tensorflow",
}

// plausible reports whether a source could be at work in the command at all. Pinning one that is not says nothing of it, and
// a variable more in the environment is enough to move what depends on addresses.
func (c *inquiry) plausible(id seed.ID) bool {
	if c.unseen() {
		return slices.Contains(anyLanguage, id)
	}
	return imported[id] == "" || c.imports(imported[id])
}

// imports reports whether a process of the command imported a library that the probe knows.
func (c *inquiry) imports(library string) bool {
	for _, facts := range c.shipped[0].summary.Facts {
		if facts[library] != "" {
			return true
		}
	}
	return false
}
