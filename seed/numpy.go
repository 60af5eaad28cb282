package seed

func numpyLegacy() Source {
	return Source{
		ID:    NumpyLegacy,
		Title: "NumPy's global random state",
		Doc: "numpy.random.rand, shuffle, permutation, choice and the like draw from one global RandomState that starts from operating-system entropy; " +
			"so does every numpy.random.RandomState() without a seed. scikit-learn uses the global state wherever random_state is None, " +
			"which makes train_test_split and most estimators depend on it.",
		Observed:  "A draw from the global state before numpy.random.seed, or after a seed call whose value differs between runs, or an unseeded RandomState().",
		Streams:   []string{"seed", "new", "draw", "stream"},
		Checklist: "numpy.random.seed(SEED) is called before the first draw; every RandomState and every random_state= has a value.",
		Fix: "Call numpy.random.seed(SEED) before data is split or shuffled, and pass random_state=SEED to train_test_split, KFold and estimators; " +
			"in new code use rng = numpy.random.default_rng(SEED) and pass rng on.",
		Pin: Control{
			Doc:   "seeds the global state when NumPy is imported, and every RandomState() made without a seed",
			Probe: true,
			Seed:  derived(NumpyLegacy),
		},
		Vary: Control{Doc: "an unseeded stream already differs in every run"},
	}
}

func numpyGenerator() Source {
	return Source{
		ID:    NumpyGenerator,
		Title: "NumPy generators without a seed",
		Doc: "numpy.random.default_rng(), SeedSequence() and bit generators made without a seed take operating-system entropy. " +
			"numpy.random.seed does not reach them. They often sit in a library, or at the top of a module, where no seed function of the program sees them.",
		Observed:  "default_rng(), SeedSequence() or a bit generator was constructed without a seed, and drawn from.",
		Streams:   []string{"new", "draw", "stream"},
		Checklist: "Every default_rng, SeedSequence and bit generator is given a seed.",
		Fix:       "Write numpy.random.default_rng(SEED) instead of default_rng(), and give independent parts numpy.random.SeedSequence(SEED).spawn(n); numpy.random.seed does not help here.",
		Pin: Control{
			Doc:   "gives every generator made without a seed one of a fixed series of seeds",
			Probe: true,
			Seed:  derived(NumpyGenerator),
		},
		Vary: Control{Doc: "an unseeded generator already differs in every run"},
	}
}
