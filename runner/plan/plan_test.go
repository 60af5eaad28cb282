package plan_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/seed"
)

const (
	hash   = seed.ID("python-hash")
	random = seed.ID("python-random")
	numpy  = seed.ID("numpy-legacy")
)

// TestExperiments holds the names of the contract, and what each experiment assigns.
func TestExperiments(t *testing.T) {
	pinned := plan.Pinned([]seed.ID{hash, random, numpy})
	pair := plan.Pin([]seed.ID{random, hash})
	for _, c := range []struct {
		is   plan.Experiment
		want plan.Experiment
	}{
		{plan.AsShipped(nil), plan.Experiment{Name: "as-shipped", Levels: seed.Levels{}}},
		{plan.AsShipped([]seed.ID{hash}), plan.Experiment{Name: "pin:python-hash", Levels: seed.Levels{hash: seed.Pin}}},
		{pair, plan.Experiment{Name: "pin:python-hash,python-random", Levels: seed.Levels{hash: seed.Pin, random: seed.Pin}}},
		{pinned, plan.Experiment{Name: "pinned", WholeTree: true, Levels: seed.Levels{hash: seed.Pin, random: seed.Pin, numpy: seed.Pin}}},
		{plan.Release(pinned, numpy), plan.Experiment{Name: "release:numpy-legacy", WholeTree: true,
			Levels: seed.Levels{hash: seed.Pin, random: seed.Pin, numpy: seed.Inherit}}},
		// Where fewer sources stay pinned than are released, the shorter name is used.
		{plan.Release(pinned, hash, numpy), plan.Experiment{Name: "pin:python-random", WholeTree: true,
			Levels: seed.Levels{hash: seed.Inherit, random: seed.Pin, numpy: seed.Inherit}}},
		{plan.Release(pair, hash, random), plan.Experiment{Name: "release:python-hash,python-random",
			Levels: seed.Levels{hash: seed.Inherit, random: seed.Inherit}}},
		{plan.Varied(plan.AsShipped([]seed.ID{random}), hash), plan.Experiment{Name: "varied",
			Levels: seed.Levels{random: seed.Pin, hash: seed.Vary}}},
		{pair.Ordinal(0), pair},
		{pair.Ordinal(1), plan.Experiment{Name: "pin:python-hash,python-random#2", Levels: pair.Levels}},
	} {
		if diff := cmp.Diff(c.want, c.is); diff != "" {
			t.Errorf("%s (-want +is):\n%s", c.want.Name, diff)
		}
	}
}

// TestDerivedExperimentsAreTheirOwn changes what was derived and looks at what it was derived from.
func TestDerivedExperimentsAreTheirOwn(t *testing.T) {
	base := plan.Pin([]seed.ID{hash})
	for _, derived := range []plan.Experiment{plan.Release(base, hash), plan.Varied(base, random)} {
		derived.Levels[numpy] = seed.Pin
	}
	if diff := cmp.Diff(seed.Levels{hash: seed.Pin}, base.Levels); diff != "" {
		t.Error(diff)
	}
}

// TestRunID wants ids that are unique, short, and safe as the name of a directory.
func TestRunID(t *testing.T) {
	var all []seed.ID
	for _, s := range seed.All() {
		all = append(all, s.ID)
	}
	var experiments []plan.Experiment
	for i := range all {
		// Names of nearly all sources are long, and those of two experiments begin alike.
		rest := append(append([]seed.ID{}, all[:i]...), all[i+1:]...)
		for n := range 2 {
			experiments = append(experiments, plan.Pin(rest).Ordinal(n), plan.Pin(all[i:i+1]).Ordinal(n),
				plan.Release(plan.Pinned(all), all[i]).Ordinal(n))
		}
	}
	safe := regexp.MustCompile(`^[a-z][a-z0-9+-]*$`)
	seen := map[string]string{}
	for _, e := range experiments {
		for number := range 2 {
			id := plan.Step{Experiment: e, Number: number}.RunID()
			if !safe.MatchString(id) || len(id) > 100 {
				t.Errorf("%s gives %q", e.Name, id)
			}
			if other, taken := seen[id]; taken {
				t.Errorf("%s and %s are both called %q", e.Name, other, id)
			}
			seen[id] = e.Name
		}
	}
	if id := (plan.Step{Experiment: plan.AsShipped(nil), Number: 2}).RunID(); id != "as-shipped-3" {
		t.Errorf("the third run as shipped is called %q", id)
	}
}
