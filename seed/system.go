package seed

import "fmt"

func osEntropy() Source {
	return Source{
		ID:    OSEntropy,
		Title: "operating-system entropy",
		Doc: "os.urandom, secrets, random.SystemRandom and uuid.uuid4 read the operating system's random numbers, and no seed reaches them. " +
			"They enter a training as a seed chosen when none was configured, as a uuid that is hashed or sorted, or through a native library that reads /dev/urandom.",
		Observed:  "A user's line read entropy, and a seed, a split or a draw was made from it.",
		Streams:   []string{"entropy", "seed"},
		Checklist: "No seed, split or order is made from os.urandom, secrets, SystemRandom or uuid4.",
		Fix:       "Derive the value from the configured seed: random.Random(SEED).getrandbits(64) instead of secrets or os.urandom, uuid.uuid5(namespace, name) instead of uuid4(); print a seed that was chosen at random and accept it as an argument.",
		Pin: Control{
			Doc:   "answers Python's reads of entropy from a fixed stream, and getrandom and /dev/urandom in every other program",
			Probe: true,
			Seed:  derived(OSEntropy),
			Tree:  func(l *Launch, seed uint64, _ int) { l.Entropy, l.EntropySeed = true, Derive(OSEntropy, seed) },
		},
		Vary: Control{Doc: "entropy already differs in every run"},
	}
}

func wallClock() Source {
	return Source{
		ID:    WallClock,
		Title: "the clock",
		Doc: "time.time(), datetime.now() or a performance counter becomes a seed, names a split, or ends the training when a time budget is spent. " +
			"A budget gives another number of steps on a busier or faster machine.",
		Observed:  "A user's line read the clock and a seed was made from it, or runs stop after different numbers of steps.",
		Streams:   []string{"clock", "seed"},
		Checklist: "No seed, split or stopping rule depends on the time.",
		Fix:       "Replace seed = int(time.time()) by a constant or an argument, and time budgets by a number of steps.",
		Pin: Control{
			Doc:   "gives the lines of the program, or every program of the process tree, a clock that begins at the same instant in every run and advances with each reading",
			Probe: true,
			Seed:  derived(WallClock),
			Value: func(int) string { return "a clock that begins at a fixed instant" },
			Tree:  func(l *Launch, _ uint64, _ int) { l.Clock = true },
		},
		Vary: Control{Doc: "the clock already differs in every run"},
	}
}

func fileOrder() Source {
	return Source{
		ID:    FileOrder,
		Title: "order of directory listings",
		Doc: "os.listdir, os.scandir, os.walk, glob and Path.iterdir give names in the order of the file system. Two runs on one disk always agree; " +
			"a copy of the data on another disk, file system or machine does not, and changes the train/validation split.",
		Observed:  "An unsorted listing reached a user's line; results change when listings are reversed or shuffled.",
		Streams:   []string{"list", "batch"},
		Checklist: "Every directory listing is sorted before it is used.",
		Fix:       "Sort the listing: sorted(os.listdir(path)), sorted(glob.glob(pattern)), sorted(Path(path).iterdir()); in os.walk, call dirs.sort() and files.sort().",
		Pin: Control{
			Doc:   "sorts directory listings in every program",
			Probe: true,
			Value: func(int) string { return "sorted" },
			Tree:  func(l *Launch, _ uint64, _ int) { l.DirOrder = "sorted" },
		},
		Vary: Control{
			Doc:   "gives directory listings sorted, reversed, then shuffled by the number of the run",
			Probe: true,
			Value: listingOrder,
			Seed:  func(_ uint64, run int) uint64 { return shuffleSeed(run) },
			Tree: func(l *Launch, _ uint64, run int) {
				l.DirOrder, l.DirSeed = listingOrder(run), shuffleSeed(run)
			},
		},
	}
}

func listingOrder(run int) string {
	switch run {
	case 0:
		return "sorted"
	case 1:
		return "reversed"
	}
	return "shuffled"
}

// shuffleSeed is the run's own number where its listings are shuffled.
func shuffleSeed(run int) uint64 {
	if listingOrder(run) != "shuffled" {
		return 0
	}
	return uint64(run)
}

// place is what a reviewer's machine may call itself and its user, and where it stands.
type place struct{ hostname, user, zone, locale string }

// places are the values of a varied host. Time zones are written out (POSIX TZ), so that no zone file is needed;
// the two locales exist wherever the GNU C library does; names below localhost are never somebody else's (RFC 6761).
func places() []place {
	return []place{
		{"localhost", "alice", "UTC0", "C.UTF-8"},
		{"node-2.localhost", "bob", "JST-9", "C"},
		{"gpu-3.localhost", "carol", "PST8PDT", "C.UTF-8"},
	}
}

func host() Source {
	byPlace := func(name string, field func(place) string) Variable {
		return Variable{Name: name, Value: func(_ uint64, run int) string { return field(cycle(run, places())) }}
	}
	return Source{
		ID:    Host,
		Title: "host, user and environment",
		Doc: "The host name, user, process id, working directory, HOME, locale, time zone or another environment variable reaches a seed, a path that is sorted or hashed, " +
			"or a date that selects data. seed + os.getpid() is the usual form.",
		Observed:  "A user's line read one of them, and a seed or an order was made from it.",
		Streams:   []string{"host", "seed"},
		Checklist: "No result depends on the host name, user, process id, directory, locale or time zone.",
		Fix:       "Take the value from the configuration instead: seed = SEED + rank, not SEED + os.getpid(); store dates in UTC; sort with a plain key, not by locale.",
		Pin: Control{
			Doc: "starts the process tree at the same process id under a fixed host name, and fixes what Python reads of the host; keeps your time zone and language or sets UTC and C.UTF-8",
			// Distributed back ends resolve the host's own name: localhost resolves everywhere.
			Launch: func(l *Launch, _ uint64, _ int) { l.FixedPIDs, l.Hostname = true, "localhost" },
			Env:    []Variable{anything("TZ", "UTC0"), anything("LANG", "C.UTF-8")},
			Probe:  true,
			Seed:   derived(Host),
		},
		Vary: Control{
			Doc:    "changes host name, user name, time zone and locale",
			Launch: func(l *Launch, _ uint64, run int) { l.Hostname = cycle(run, places()).hostname },
			Words: func(run int) string {
				p := cycle(run, places())
				return fmt.Sprintf("%s@%s, %s, %s", p.user, p.hostname, p.zone, p.locale)
			},
			Env: []Variable{
				byPlace("LOGNAME", func(p place) string { return p.user }),
				byPlace("USER", func(p place) string { return p.user }),
				byPlace("TZ", func(p place) string { return p.zone }),
				byPlace("LC_ALL", func(p place) string { return p.locale }),
			},
		},
	}
}

func externalState() Source {
	return Source{
		ID:    ExternalState,
		Title: "state outside the project",
		Doc: "A file left by an earlier run, a cache below HOME, a database, a downloaded data set that has changed, or a service on the network. " +
			"The first run after a cleared cache then differs from the second. Inside the project and HOME every run begins from the same tree.",
		Observed:  "A user's line opened a file outside the workspace that an earlier run wrote or another program changed, or connected to another program.",
		Streams:   []string{"open", "connect"},
		Checklist: "Everything the training reads is in the project, or is named with a version or checksum.",
		Fix:       "Write run state below the output directory, pass paths as arguments, record the SHA-256 of input files, and do not resume from a checkpoint just because it exists.",
		Pin: Control{
			Doc:       "gives the directories outside the project that runs were seen to write a private layer, discarded after each run",
			Workspace: true,
		},
		Vary: Control{
			Doc:       "has a run find in HOME and the temporary directory what the run before it left there; done unasked where a run leaves files there",
			Words:     func(int) string { return "as the run before left it" },
			Workspace: true,
		},
	}
}

func software() Source {
	return Source{
		ID:    Software,
		Title: "software versions",
		Doc: "Python, NumPy, PyTorch, CUDA, the BLAS library and the driver. None promises equal numbers across releases; NumPy's Generator streams, " +
			"sort order of ties and default precisions have all changed between releases.",
		Observed:  "The records compared name different versions.",
		Streams:   []string{"fact"},
		Checklist: "Exact versions of everything are recorded and can be installed again.",
		Fix:       "Lock versions (pip freeze > requirements.txt, conda-lock, or a container image by digest), and publish the lock with the results.",
		Pin:       Control{Doc: "versions are what is installed"},
		Vary:      Control{Doc: "versions are what is installed"},
	}
}

func hardware() Source {
	return Source{
		ID:    Hardware,
		Title: "processor and GPU model",
		Doc: "Libraries choose kernels by the instruction set and the GPU's generation, so the same program rounds differently on another model. " +
			"No library promises equal numbers across models.",
		Observed:  "The records compared name different processors or GPUs.",
		Streams:   []string{"fact"},
		Checklist: "Processor and GPU models are recorded with the results.",
		Fix: "Compare across machines with a tolerance. To narrow the gap on CPUs, run `export MKL_CBWR=COMPATIBLE ATEN_CPU_CAPABILITY=default OPENBLAS_CORETYPE=Haswell` on every machine " +
			"before python starts.",
		Pin:  Control{Doc: "the hardware is what it is"},
		Vary: Control{Doc: "the hardware is what it is"},
	}
}
