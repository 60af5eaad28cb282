package seed

import "strconv"

func uninitialisedMemory() Source {
	return Source{
		ID:    UninitialisedMemory,
		Title: "memory read before it is written",
		Doc: "torch.empty and numpy.empty return whatever the memory held. Code that reads it before writing, an off-by-one in a fill, or a parameter " +
			"made with torch.empty and never initialised then trains on leftovers. Fresh pages from the system are zero, so runs often agree by luck on one machine and not on the next.",
		Observed:  "Runs agree as shipped, and differ when malloc fills memory with another byte.",
		Streams:   []string{"empty", "init", "loss"},
		Checklist: "Nothing made with torch.empty or numpy.empty is read before every element is written.",
		Fix:       "Use torch.zeros or numpy.zeros, or initialise at once: torch.nn.init.normal_(parameter), array.fill(0).",
		Pin: Control{
			Doc:   "makes malloc fill memory with one byte (MALLOC_PERTURB_, GNU C library only), and small arrays of numpy.empty too",
			Env:   []Variable{perturb(85)},
			Probe: true,
		},
		Vary: Control{
			Doc:   "makes malloc fill memory with another byte in each run (MALLOC_PERTURB_ 85, 170, 51, 204; GNU C library only), and small arrays of numpy.empty too",
			Env:   []Variable{perturb(85, 170, 51, 204)},
			Probe: true,
		},
	}
}

// perturb is MALLOC_PERTURB_: the GNU C library fills a freed block with the byte and a fresh one with its complement
// (mallopt(3), M_PERTURB).
func perturb(bytes ...int) Variable {
	values := make([]string, len(bytes))
	for i, b := range bytes {
		values[i] = strconv.Itoa(b)
	}
	v := byRun("MALLOC_PERTURB_", values...)
	v.Accepts = func(value string) bool { n, err := strconv.ParseUint(value, 10, 8); return err == nil && n > 0 }
	v.Accepted = "1 to 255"
	return v
}
