package diagnose

import (
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// dataloaderWorkers suspects the seeding of workers when a worker drew in different states, or seeded itself from
// nothing. Where the main process's own use of its stream differs too, the experiments decide which of them it is.
func dataloaderWorkers() rule {
	global := []seed.ID{seed.PythonRandom, seed.NumpyLegacy, seed.TorchCPU}
	return rule{source: seed.DataloaderWorkers, random: true, suspect: func(e *evidence) *suspicion {
		reset := e.seen(func(s *trace.Seen) bool {
			return inWorker(s) && s.Kind == probe.KindSeed && s.Values[0] == "None" && slices.Contains(global, s.Stream)
		})
		if reset != nil {
			return &suspicion{source: seed.DataloaderWorkers, strength: entered, site: reset,
				story: fmt.Sprintf("%s seeds the workers without a value, so each takes one from the operating system's entropy.", at(reset)),
				fix:   "In worker_init_fn, derive the seed from torch.initial_seed() (torch seeds each worker with base_seed + worker_id) instead of seeding without a value."}
		}
		draw := e.changed(func(c trace.Change) bool {
			return inWorker(c.Seen) && c.Kind == probe.KindDraw && !c.Missing && slices.Contains(global, c.Stream)
		})
		if draw == nil {
			return nil
		}
		if reseeded := e.reseededFrom(draw.Stream, draw.Seen); reseeded != nil && !slices.Contains(reseeded.Origins, string(seed.TorchCPU)) {
			return nil // what made that seed is the source; torch.initial_seed() passes the base seed on
		}
		strength := entered
		if s := streamSuspect(e, seed.TorchCPU); s != nil && s.strength == entered && !s.early {
			// The base seed is drawn from the stream that parted in the main process: pinning that is enough, unless the
			// experiment says otherwise.
			strength = present
		}
		s := &suspicion{source: seed.DataloaderWorkers, strength: strength, site: draw.Seen,
			story: fmt.Sprintf("%s draws from %s inside a DataLoader worker. Workers are seeded from a base seed that the loader draws from torch's stream, which was not the same in both runs.", at(draw.Seen), draw.Stream)}
		if base := e.unseededBase(); base != nil {
			s.story = fmt.Sprintf("%s draws from %s inside a DataLoader worker. Workers are seeded from a base seed that the loader draws, at %s, from torch's stream, which nothing has seeded.", at(draw.Seen), draw.Stream, at(base))
			s.fix = fmt.Sprintf("Call torch.manual_seed(SEED) before %s iterates the DataLoader, or pass the DataLoader generator=torch.Generator().manual_seed(SEED); ", at(base)) +
				"in worker_init_fn, seed random and NumPy with torch.initial_seed() % 2**32, which follows from it. Keep num_workers fixed."
		}
		return s
	}}
}

// unseededBase is the line for which a loader drew the seed of its workers from torch's stream, where nothing had seeded that.
func (e *evidence) unseededBase() *trace.Seen {
	base := e.changed(func(c trace.Change) bool {
		return c.Kind == probe.KindDraw && c.Stream == seed.TorchCPU && c.Purpose == "worker-base-seed" && !c.Missing && !inWorker(c.Seen) &&
			e.expected.summary.LastSeeding(seed.TorchCPU, c.Process, c.Order) == nil
	})
	if base == nil {
		return nil
	}
	return base.Seen
}
