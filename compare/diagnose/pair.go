package diagnose

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// Recorded is a run that was made earlier, perhaps elsewhere. Trace is nil where none was kept.
type Recorded struct {
	Run   *record.Run
	Trace trace.Source
}

// Compare fills in an audit of two recorded runs. Nothing is run, so causes are named from what the records hold:
// suspected at the most, but for environments that differ, which is plain to see.
func Compare(ctx context.Context, audit *record.Audit, expected, actual Recorded) error {
	c := inquire(ctx, audit)
	c.base.Name = "compared"
	audit.Experiments = []record.Experiment{{Name: c.base.Name, Levels: seed.Levels{}, Runs: []string{expected.Run.ID, actual.Run.ID}}}
	for _, r := range []Recorded{expected, actual} {
		o := &observation{run: r.Run, files: len(r.Run.Artifacts), trace: r.Trace}
		if o.trace == nil {
			o.trace = noTrace{}
		}
		var err error
		if o.summary, err = trace.Summarise(o.trace); err != nil {
			return fmt.Errorf("reading the trace of run %s: %w", r.Run.ID, err)
		}
		c.shipped = append(c.shipped, o)
	}
	c.seen = c.shipped
	pair, err := c.mostDifferent()
	if err != nil {
		return err
	}
	c.conclude(pair)
	if pair.any() {
		c.environments(pair)
		c.suspectOnly(suspects(c.evidence(pair)))
	}
	return c.finish()
}

// environments names versions, settings and machines that are not the same in the two records.
func (c *inquiry) environments(pair *difference) {
	kinds := map[seed.ID][]string{}
	a, b := environment(pair.expected), environment(pair.actual)
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if other := b[name]; other != "" && a[name] != "" && other != a[name] {
			id, of := sourceOfFact[name]
			if !of {
				id = seed.Software
			}
			kinds[id] = append(kinds[id], fmt.Sprintf("%s is %s in one record and %s in the other", name, a[name], other))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(kinds)) {
		c.causes = append(c.causes, conviction{suspicion: &suspicion{source: id, strength: entered}, proof: record.Observed, evidence: kinds[id]})
	}
}

// environment is what a run was made in, by name: the probe's facts, and the machine.
func environment(o *observation) map[string]string {
	facts := maps.Clone(o.summary.Facts["main"])
	if facts == nil {
		facts = map[string]string{}
	}
	// The hash seed is a source of randomness, and another in every run.
	delete(facts, "hash_seed")
	facts["cpu"], facts["architecture"], facts["operating system"] = o.run.Machine.CPU, o.run.Machine.Arch, o.run.Machine.OS
	return facts
}

// sourceOfFact are the sources that the probe's facts belong to; the others are versions.
var sourceOfFact = map[string]seed.ID{
	"cpu":                 seed.Hardware,
	"architecture":        seed.Hardware,
	"torch.device":        seed.Hardware,
	"torch.num_threads":   seed.Threads,
	"torch.deterministic": seed.TorchNondeterministicOps,
	"cudnn.benchmark":     seed.CudnnBenchmark,
	"cudnn.deterministic": seed.CudnnDeterministic,
	"cublas.workspace":    seed.CublasWorkspace,
	"matmul.precision":    seed.MatmulPrecision,
}

// noTrace is the trace of a run that left none.
type noTrace struct{}

func (noTrace) Processes() []string               { return nil }
func (noTrace) Open(string) (trace.Events, error) { return nil, fmt.Errorf("no trace was kept") }
