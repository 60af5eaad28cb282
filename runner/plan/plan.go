// Package plan turns experiments into ordered steps. It is pure: it starts nothing and reads nothing.
package plan

import (
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/seed"
)

// Experiment is one assignment of a level to every source; a source that is absent inherits.
type Experiment struct {
	Name   string
	Levels seed.Levels
	// WholeTree has the launcher control pinned sources in Python too, beside the probe (see [seed.WholeTree]).
	WholeTree bool
}

// Step is one launch of the command under an experiment.
type Step struct {
	Experiment Experiment
	// Number counts the runs of the experiment from 0.
	Number int
	// Seed is the audit's seed, from which pinned values are derived.
	Seed uint64
	// Zoom asks for a line-level trace of the user's files; nil for none.
	Zoom *Zoom
	// Cover lists directories outside the project whose state every run of the step's experiment is to find unchanged.
	Cover []string
}

// Zoom bounds a line-level trace.
type Zoom struct {
	// UntilStep is the number of completed optimizer steps at which the trace ends.
	UntilStep int64
	// Events is the most line events that one process writes.
	Events int64
}

// RunID names the run of a step: unique within its audit and usable as a file name. An experiment's name that is too
// long for one is cut, and a hash of the whole name keeps it unique.
func (s Step) RunID() string {
	const longest = 80
	name := strings.NewReplacer(":", "-", ",", "+", "#", "-").Replace(s.Experiment.Name)
	if len(name) > longest {
		name = fmt.Sprintf("%s-%08x", name[:longest], crc32.ChecksumIEEE([]byte(name)))
	}
	return fmt.Sprintf("%s-%d", name, s.Number+1)
}

// AsShipped leaves every source to the user's command, but for those that the user asked to pin.
func AsShipped(pin []seed.ID) Experiment {
	if len(pin) == 0 {
		return Experiment{Name: "as-shipped", Levels: seed.Levels{}}
	}
	return Pin(pin)
}

// Pinned pins every source given, which are to be all that can be pinned.
func Pinned(all []seed.ID) Experiment {
	e := Pin(all)
	e.Name, e.WholeTree = "pinned", true
	return e
}

// Pin pins the sources given and leaves the others.
func Pin(ids []seed.ID) Experiment {
	e := Experiment{Name: "pin:" + join(ids), Levels: seed.Levels{}}
	for _, id := range ids {
		e.Levels[id] = seed.Pin
	}
	return e
}

// Release is base with the given sources left to the user's command.
func Release(base Experiment, ids ...seed.ID) Experiment {
	e := Experiment{Name: "release:" + join(ids), Levels: seed.Levels{}, WholeTree: base.WholeTree}
	for id, level := range base.Levels {
		e.Levels[id] = level
	}
	// Named, not left out: a source that is absent is pinned beside another that needs it.
	for _, id := range ids {
		e.Levels[id] = seed.Inherit
	}
	var pinned []seed.ID
	for id, level := range e.Levels {
		if level == seed.Pin {
			pinned = append(pinned, id)
		}
	}
	if len(pinned) > 0 && len(pinned) < len(ids) {
		e.Name = "pin:" + join(pinned)
	}
	return e
}

// Varied varies the sources given on top of base, which may pin others.
func Varied(base Experiment, ids ...seed.ID) Experiment {
	e := Experiment{Name: "varied", Levels: maps.Clone(base.Levels), WholeTree: base.WholeTree}
	for _, id := range ids {
		e.Levels[id] = seed.Vary
	}
	return e
}

// Ordinal returns the experiment under a name of its own when its plain name has been used n times before.
func (e Experiment) Ordinal(n int) Experiment {
	if n > 0 {
		e.Name = fmt.Sprintf("%s#%d", e.Name, n+1)
	}
	return e
}

func join(ids []seed.ID) string {
	sorted := slices.Sorted(slices.Values(ids))
	names := make([]string, len(sorted))
	for i, id := range sorted {
		names[i] = string(id)
	}
	return strings.Join(names, ",")
}
