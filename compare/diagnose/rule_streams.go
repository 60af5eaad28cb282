package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

func pythonRandom() rule {
	return rule{source: seed.PythonRandom, random: true, suspect: func(e *evidence) *suspicion {
		if s := streamSuspect(e, seed.PythonRandom); s != nil && s.strength == entered {
			return s
		}
		return cmp.Or(e.seededFromName(), streamSuspect(e, seed.PythonRandom))
	}}
}

// seededFromName suspects a seed of unknown origin that comes after a temporary file's name: the standard library makes those up
// with a random.Random() of its own. The text of the seed need not show the name: programs hash it first.
func (e *evidence) seededFromName() *suspicion {
	seeding := e.seedOfUnknownOrigin()
	if seeding == nil {
		return nil
	}
	name := e.changed(func(c trace.Change) bool {
		return c.Kind == probe.KindName && !c.Missing && c.Process == seeding.Process && c.Order <= seeding.Order
	})
	if name == nil {
		return nil
	}
	return &suspicion{source: seed.PythonRandom, strength: entered, site: name.Seen,
		story: fmt.Sprintf("%s makes a temporary name (%s), which the standard library draws from a random.Random() of its own, seeded anew in every process; %s seeds %s with another value in each run: %s in one, %s in the other.",
			at(name.Seen), name.API, at(seeding.Seen), seeding.Stream, seeding.Values[0], seeding.Values[1]),
		fix: "Seed with a number that is written down, and make names of files and runs from that, not the other way round."}
}

func numpyLegacy() rule {
	return rule{source: seed.NumpyLegacy, random: true, suspect: func(e *evidence) *suspicion { return streamSuspect(e, seed.NumpyLegacy) }}
}

func numpyGenerator() rule {
	return rule{source: seed.NumpyGenerator, random: true, suspect: func(e *evidence) *suspicion { return streamSuspect(e, seed.NumpyGenerator) }}
}

func torchCPU() rule {
	return torchStream(seed.TorchCPU, func(e *evidence) *suspicion {
		s := streamSuspect(e, seed.TorchCPU)
		if seeding := e.seedOrigin(string(seed.TorchCPU)); seeding != nil && !inWorker(seeding.Seen) && (s == nil || s.order() > seeding.Order) {
			return &suspicion{source: seed.TorchCPU, strength: entered, site: seeding.Seen,
				story: fmt.Sprintf("%s seeds %s with torch.initial_seed(), which is new in every run where nothing has seeded torch: %s in one run, %s in the other.",
					at(seeding.Seen), seeding.Stream, seeding.Values[0], seeding.Values[1])}
		}
		if s == nil && (!e.makesGeneratorOnGPU() || e.code.mentions(makesGenerator)) {
			return e.seededFromNothing(seed.TorchCPU)
		}
		return s
	})
}

func torchCUDA() rule {
	return torchStream(seed.TorchCUDA, func(e *evidence) *suspicion {
		if s := streamSuspect(e, seed.TorchCUDA); s != nil || !e.makesGeneratorOnGPU() {
			return s
		}
		return e.seededFromNothing(seed.TorchCUDA)
	})
}

func torchStream(source seed.ID, suspect func(*evidence) *suspicion) rule {
	words := func(l trace.LocalDifference) string {
		return fmt.Sprintf("%s:%d is where what was drawn first shows: %s", l.File, l.Line, heldDifferently(l))
	}
	return rule{source: source, random: true, calls: []pattern{seedsFromNothing}, telltale: seedsFromNothing, words: words, suspect: suspect}
}

var (
	seedsFromNothing    = newPattern(`\.seed\(\)`)
	callsSeed           = newPattern(`([\w.]*)\.seed\(\)`)
	makesGenerator      = newPattern(`\bGenerator\(\s*(\)|(device\s*=\s*)?["']cpu)`)
	makesGeneratorOnGPU = newPattern(`\bGenerator\(\s*(device\s*=\s*)?([^)"'\s]|["']cuda)`)
)

// makesGeneratorOnGPU reports whether a generator of the program's own is on a GPU, as far as its text tells.
func (e *evidence) makesGeneratorOnGPU() bool {
	return e.expected.usesGPU() && e.code.mentions(makesGeneratorOnGPU)
}

// seedsGenerator reports whether the code seeds a generator of its own from nothing. The functions of that name are watched.
func (t text) seedsGenerator() bool {
	watched := []string{"torch", "random", "np.random", "numpy.random", "torch.random", "torch.cuda"}
	return slices.ContainsFunc(callsSeed().FindAllSubmatch(t, -1), func(call [][]byte) bool { return !slices.Contains(watched, string(call[1])) })
}

// seededFromNothing suspects torch.Generator.seed, which is written in C and cannot be watched. As only the text tells of it,
// what was seen to enter comes first.
func (e *evidence) seededFromNothing(source seed.ID) *suspicion {
	if e.fact("torch") == "" || !e.code.seedsGenerator() {
		return nil
	}
	return &suspicion{source: source, strength: entered, early: true, fix: "Call manual_seed(SEED) on the generator in the place of seed()."}
}

// streamSuspect suspects a random stream when the runs drew from it in different states, or when a generator was made
// without a seed. A state that follows from a seed call with another explicit value is that value's doing.
func streamSuspect(e *evidence, stream seed.ID) *suspicion {
	on := func(c trace.Change) bool { return c.Stream == stream }
	made := func(s *trace.Seen) bool {
		return s.Stream == stream && s.Kind == probe.KindNew && s.Values[0] == "unseeded" && s.File != "" && (s.Lib == "" || !inWorker(s))
	}
	// Libraries make generators of their own, for the names of temporary files and the like, and most of all while they are
	// imported: one that a user's line makes counts more, and one that was drawn from.
	var unseeded *trace.Seen
	for _, likely := range []func(*trace.Seen) bool{
		func(s *trace.Seen) bool { return s.Lib == "" && !e.unused(s) },
		func(s *trace.Seen) bool { return s.Lib == "" },
		func(s *trace.Seen) bool { return !s.First.DetailBool("importing") },
		func(*trace.Seen) bool { return true },
	} {
		if unseeded == nil {
			unseeded = e.seen(func(s *trace.Seen) bool { return made(s) && likely(s) })
		}
	}
	draws := func(c trace.Change) bool {
		return on(c) && c.Kind == probe.KindDraw && !c.Missing && !strings.HasSuffix(c.Purpose, "worker-base-seed") && c.Purpose != "unused-base-seed" && !inWorker(c.Seen)
	}
	draw := e.latest(func(c trace.Change) bool { return draws(c) && !e.overwritten(c.Seen) })
	if draw == nil {
		draw = e.latest(draws)
	}
	if reset := e.reset(stream, draw); reset != nil {
		return &suspicion{source: stream, strength: entered, site: reset, story: resetStory(stream, reset)}
	}
	if draw != nil {
		if e.reseededFrom(stream, draw.Seen) == nil && !e.seededEqually(stream, draw) {
			if e.sharedAfter(draw.Seen) && !drawsOn(draw.Seen) && e.drawnUnseen(stream, draw.Process) {
				return &suspicion{source: stream, strength: entered, early: true, overwritten: true,
					story: "The stream was never seeded. What was seen to be drawn from it was overwritten; compiled code, or a later draw than those that are written, drew on."}
			}
			return &suspicion{source: stream, strength: entered, early: e.sharedAfter(draw.Seen), site: draw.Seen, story: drawStory(e, stream, draw), fix: fixInChild(stream, draw.Seen)}
		}
	}
	if lone := e.latest(func(c trace.Change) bool { return on(c) && c.Kind == probe.KindDraw && e.drawnUnseeded(c) }); lone != nil {
		return &suspicion{source: stream, strength: entered, early: e.sharedAfter(lone.Seen), site: lone.Seen, story: drawStory(e, stream, lone), fix: fixInChild(stream, lone.Seen)}
	}
	if unseeded != nil {
		strength := entered
		switch {
		case importing(unseeded):
			strength = possibleOnly
		case unseeded.Lib != "", e.unused(unseeded):
			// What was spawned or copied from an unused one may have been drawn from.
			strength = present
		}
		return &suspicion{source: stream, strength: strength, site: unseeded, fix: seedOfGenerator(stream, unseeded),
			story: fmt.Sprintf("%s makes a generator without a seed%s, so it starts from the operating system's entropy.", at(unseeded), through(unseeded))}
	}
	moved := e.changed(func(c trace.Change) bool {
		return on(c) && c.Kind == probe.KindStream && !inWorker(c.Seen) && usedAndUnseeded(c.Seen) && c.First.DetailInt("id") == 0
	})
	if moved != nil && e.reseededFrom(stream, moved.Seen) == nil && !e.seededEqually(stream, moved) {
		return &suspicion{source: stream, strength: entered,
			story: "The stream was used and never seeded; compiled code drew from it, so no single line could be seen doing so."}
	}
	return nil
}

// unused reports whether nobody had drawn from the only generator that a line made, when its process ended. Children of the
// process have generators of their own that began as this one.
func (e *evidence) unused(made *trace.Seen) bool {
	inherited := slices.ContainsFunc(e.expected.run.Processes, func(p record.Process) bool { return strings.HasPrefix(p.Name, made.Process+"/") })
	return !inherited && made.Count == 1 && slices.ContainsFunc(e.expected.summary.Sites, func(s *trace.Seen) bool {
		return s.Kind == probe.KindStream && s.Stream == made.Stream && s.Process == made.Process && s.File == made.File && s.Line == made.Line &&
			s.Count == 1 && s.First.DetailInt("id") > 0 && !s.First.DetailBool("used")
	})
}

// reset is the line that seeded a stream without a value before a draw that differs, or, where no draw was seen to, the last
// to seed it in a process; nil where the stream had been given a value.
func (e *evidence) reset(stream seed.ID, draw *trace.Change) *trace.Seen {
	const end = 1 << 62
	processes, before := e.expected.trace.Processes(), int64(end)
	if draw != nil {
		processes, before = []string{draw.Process}, draw.Order
	}
	for _, process := range processes {
		last := e.expected.summary.LastSeeding(stream, process, before)
		if last != nil && last.Value == "None" && last.File != "" && !inWorker(last.Seen) && e.before(last.Seen) {
			return last.Seen
		}
	}
	return nil
}

// overwritten reports whether a line drew weights of which none was left when an optimizer took them.
func (e *evidence) overwritten(s *trace.Seen) bool {
	return slices.Contains(e.expected.summary.Overwritten[s.Process], fmt.Sprintf("%s:%d", s.File, s.Line))
}

// drawsOn reports whether a line was seen to draw at more than one step of the training.
func drawsOn(s *trace.Seen) bool { return s.Places[len(s.Places)-1].Step > s.Places[0].Step }

// drawnUnseen reports whether a stream, in another state in each run, moved on during the training, and not for a DataLoader
// that draws the seed of its workers at each epoch.
func (e *evidence) drawnUnseen(stream seed.ID, process string) bool {
	forLoader := func(s *trace.Seen) bool {
		return s.Kind == probe.KindDraw && s.Stream == stream && s.Process == process && strings.HasSuffix(s.Purpose, "-base-seed")
	}
	if slices.ContainsFunc(e.expected.summary.Sites, forLoader) {
		return false
	}
	return slices.ContainsFunc(e.changes, func(c trace.Change) bool {
		moved := len(slices.Compact(slices.Clone(c.Seen.Values))) > 1
		return moved && c.Kind == probe.KindStream && c.Stream == stream && c.Process == process && !c.Missing && c.First.DetailInt("id") == 0
	})
}

// drawnUnseeded reports whether a line drew in only one of the runs, in a process in which nothing ever seeded the stream: which
// worker of a pool takes a task is another in every run.
func (e *evidence) drawnUnseeded(c trace.Change) bool {
	if !c.Missing || inWorker(c.Seen) {
		return false
	}
	drew := e.expected
	if c.Values[0] == "" {
		drew = e.actual
	}
	if c.Stream == seed.PythonRandom && c.Process != "main" {
		// A forked process begins with a fresh state as well, so what it was given shows in its own trace, even if it was killed.
		return drew.summary.LastSeeding(c.Stream, c.Process, c.Order) == nil
	}
	return slices.ContainsFunc(drew.summary.Sites, func(s *trace.Seen) bool {
		return s.Kind == probe.KindStream && s.Stream == c.Stream && s.Process == c.Process && usedAndUnseeded(s)
	})
}

// seededEqually reports whether both runs had set the stream to the same value before a change: then the states part
// because something else had already made the runs take different ways.
func (e *evidence) seededEqually(stream seed.ID, c *trace.Change) bool {
	a := e.expected.summary.LastSeeding(stream, c.Process, c.Orders[0])
	b := e.actual.summary.LastSeeding(stream, c.Process, c.Orders[1])
	return a != nil && b != nil && a.Value == b.Value && a.Value != "None"
}

func usedAndUnseeded(s *trace.Seen) bool {
	return s.First.DetailBool("used") && !s.First.DetailBool("seeded")
}

func drawStory(e *evidence, stream seed.ID, draw *trace.Change) string {
	late := e.seen(func(s *trace.Seen) bool {
		return s.Kind == probe.KindSeed && s.Stream == stream && s.Process == draw.Process && s.Order > draw.Order && s.Values[0] != "None" && !strings.HasPrefix(s.Values[0], "state:")
	})
	if late != nil {
		return fmt.Sprintf("The seed is set too late: %s draws from the stream%s before %s seeds it.", at(draw.Seen), through(draw.Seen), at(late))
	}
	if draw.Purpose == "shuffle" {
		return fmt.Sprintf("%s iterates a DataLoader that shuffles with the global stream, which nothing has seeded.", at(draw.Seen))
	}
	return fmt.Sprintf("%s draws from the stream%s, and nothing has seeded it.", at(draw.Seen), through(draw.Seen))
}

// fixInChild is the fix of a draw from random in a child process, which begins it anew; "" where a seed at the top of the program does.
func fixInChild(stream seed.ID, draw *trace.Seen) string {
	of := draw.Process[strings.LastIndexByte(draw.Process, '/')+1:]
	if stream != seed.PythonRandom || !strings.HasPrefix(of, "mp-") && !strings.HasPrefix(of, "fork-") {
		return ""
	}
	return fmt.Sprintf("random.seed(SEED) at the top of the program does not reach %s: random begins anew in every process that Python forks or spawns. "+
		"Have each task draw from a generator of its own, random.Random(SEED + number of the task), whichever process takes it.", at(draw))
}

func resetStory(stream seed.ID, reset *trace.Seen) string {
	if reset.Lib != "" {
		return fmt.Sprintf("The stream is re-seeded by a library: %s, called from %s, seeds it afresh from the operating system's entropy.", reset.Lib, at(reset))
	}
	return fmt.Sprintf("%s seeds the stream without a value, which takes one from the operating system's entropy.", at(reset))
}

// at names a site for a sentence.
func at(s *trace.Seen) string {
	if s.File == "" {
		return "code without a source line"
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// seedOfGenerator is the fix of a generator that was made without a seed, "" where that of its source says all. Where a library makes
// it, the program cannot write a seed there.
func seedOfGenerator(stream seed.ID, made *trace.Seen) string {
	if made.Lib != "" {
		library, _, _ := strings.Cut(made.Lib, ".")
		return fmt.Sprintf("The generator is made within %s: give a seed to what %s calls%s, or a seeded generator where it takes one.", library, at(made), seedsOf[library])
	}
	switch stream {
	case seed.NumpyLegacy:
		return fmt.Sprintf("Write numpy.random.RandomState(SEED) at %s; numpy.random.seed does not reach it. Tasks that make one each take SEED + number of the task.", at(made))
	case seed.PythonRandom:
		return fmt.Sprintf("Write random.Random(SEED) at %s; random.seed does not reach it. Tasks that make one each take SEED + number of the task.", at(made))
	}
	return ""
}

// seedsOf says where libraries take a seed, by their documentation.
var seedsOf = map[string]string{
	"gymnasium":         " (env.reset(seed=SEED), the first time, and env.action_space.seed(SEED))",
	"sklearn":           " (random_state=SEED)",
	"stable_baselines3": " (seed=SEED for the model and for make_vec_env, and reset(seed=SEED) on each environment made otherwise, such as one for evaluation)",
	"scipy":             " (rng=SEED, random_state=SEED in older releases)",
}

// through names the library that stood between the user's line and the event.
func through(s *trace.Seen) string {
	if s.Lib == "" {
		return ""
	}
	return " (through " + s.Lib + ")"
}
