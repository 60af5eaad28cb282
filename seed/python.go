package seed

import "strconv"

func pythonHash() Source {
	return Source{
		ID:    PythonHash,
		Title: "string hash randomisation",
		Doc: "Python salts the hash of str and bytes with a random value chosen when the process starts. The order of a set or frozenset of strings, " +
			"and every value of hash() over strings, is therefore another one in each run. It enters a training through vocabularies and label maps " +
			"built from a set, and through seeds, splits or buckets computed with hash(name). Hashes of integers and floats are not salted, " +
			"and a dict keeps the order of insertion.",
		Observed: "The interpreter runs without a fixed PYTHONHASHSEED, and the first difference between runs is an order or a hash value; " +
			"it disappears when only the hash seed is pinned.",
		Streams:   []string{"process", "seed", "batch", "init"},
		Checklist: "No result depends on the iteration order of a set of strings or on hash() of a string.",
		Fix: "Iterate over sorted(the_set) wherever the order reaches the data, the model or the output, and compute buckets and seeds with hashlib or zlib.crc32 " +
			"instead of hash(). As a stopgap, run `export PYTHONHASHSEED=0` before python starts: os.environ['PYTHONHASHSEED'] = '0' inside the program has no effect " +
			"on that program, because the salt is chosen before its first line.",
		Pin: Control{
			Doc: "sets PYTHONHASHSEED to the audit's seed",
			Env: []Variable{seed32("PYTHONHASHSEED")},
		},
		Vary: Control{
			Doc: "sets PYTHONHASHSEED to 1 in the first run, 2 in the second, and so on",
			Env: []Variable{{Name: "PYTHONHASHSEED", Value: func(_ uint64, run int) string { return strconv.Itoa(run + 1) }}},
		},
	}
}

func pythonRandom() Source {
	lightning := seed32("PL_GLOBAL_SEED")
	return Source{
		ID:    PythonRandom,
		Title: "Python's random module",
		Doc: "The global stream of the random module, and every random.Random() made without a seed, start from operating-system entropy. " +
			"random.shuffle, random.choice and random.sample use the global stream; so do many augmentation libraries, whatever is done to NumPy or PyTorch. " +
			"PyTorch Lightning's seed_everything() without an argument takes PL_GLOBAL_SEED, and some versions draw from this stream where that is unset.",
		Observed:  "A draw from the stream before any seed call, or after a seed call whose value differs between runs, or an unseeded random.Random().",
		Streams:   []string{"seed", "new", "draw", "stream"},
		Checklist: "random.seed(SEED) is called before the first draw, and every random.Random has a seed.",
		Fix:       "Call random.seed(SEED) at the top of the program, before datasets and models are built; give every random.Random(...) a seed.",
		Pin: Control{
			Doc:   "seeds the module before the program's first line, and every random.Random() made without a seed; sets PL_GLOBAL_SEED",
			Env:   []Variable{lightning},
			Probe: true,
			Seed:  derived(PythonRandom),
		},
		Vary: Control{Doc: "an unseeded stream already differs in every run"},
	}
}

func objectIdentity() Source {
	return Source{
		ID:    ObjectIdentity,
		Title: "object identity and memory addresses",
		Doc: "id() and the default hash of an object are its address, and the system moves the address space of every process. " +
			"A set of objects (parameters, modules, callbacks), a sort by id(), or an address in a printed repr therefore has another order or value in each run. " +
			"PYTHONHASHSEED alone does not settle it, and neither does a fixed address space alone: what is allocated where also depends on the hash seed.",
		Observed:  "Runs differ although the hash seed is pinned, and agree when the address-space layout is pinned beside it.",
		Streams:   []string{"init", "batch"},
		Checklist: "No set, dict or sort is ordered by id() or by the default hash of an object.",
		Fix:       "Keep objects in a list or a dict instead of a set, and sort by a stable key: sorted(items, key=lambda x: x.name), never key=id.",
		Pin: Control{
			Doc:        "turns address-space layout randomisation off for the whole process tree, with the hash seed pinned beside it",
			Launch:     func(l *Launch, _ uint64, _ int) { l.NoASLR = true },
			Companions: []ID{PythonHash},
		},
		Vary: Control{
			Doc:        "turns address-space layout randomisation off and changes Python's allocator: pymalloc, malloc",
			Launch:     func(l *Launch, _ uint64, _ int) { l.NoASLR = true },
			Env:        []Variable{byRun("PYTHONMALLOC", "pymalloc", "malloc")},
			Words:      func(run int) string { return "fixed layout, " + cycle(run, []string{"pymalloc", "malloc"}) },
			Companions: []ID{PythonHash},
		},
	}
}
