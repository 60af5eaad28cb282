package seed

import (
	"fmt"
	"strings"
)

// All returns every source, in the order in which a checklist shows them.
func All() []Source {
	return []Source{
		pythonHash(),
		pythonRandom(),
		numpyLegacy(),
		numpyGenerator(),
		torchCPU(),
		torchCUDA(),
		cudnnBenchmark(),
		cudnnDeterministic(),
		torchNondeterministicOps(),
		cublasWorkspace(),
		matmulPrecision(),
		dataloaderWorkers(),
		threads(),
		concurrency(),
		osEntropy(),
		wallClock(),
		fileOrder(),
		objectIdentity(),
		host(),
		uninitialisedMemory(),
		collectives(),
		externalState(),
		jaxKey(),
		tensorflowSeed(),
		tensorflowOps(),
		boostingSeed(),
		software(),
		hardware(),
	}
}

// Lookup returns the source with the given id.
func Lookup(id ID) (Source, bool) {
	for _, s := range All() {
		if s.ID == id {
			return s, true
		}
	}
	return Source{}, false
}

// Pinnable returns the sources that can be pinned, in the order of [All].
func Pinnable() []ID { return settable(Pin) }

// Varying returns the sources that can be varied, in the order of [All].
func Varying() []ID { return settable(Vary) }

func settable(level Level) []ID {
	var ids []ID
	for _, s := range All() {
		if s.Control(level).Possible() {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// Control returns what a level does about the source; inheriting does nothing.
func (s Source) Control(level Level) Control {
	switch level {
	case Pin:
		return s.Pin
	case Vary:
		return s.Vary
	}
	return Control{}
}

// UnknownError says that a name is not the id of a source.
type UnknownError struct {
	Name string
	// Nearest is the id that was probably meant, empty where none is near.
	Nearest ID
}

func (e *UnknownError) Error() string {
	hint := ""
	if e.Nearest != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", e.Nearest)
	}
	return fmt.Sprintf("unknown source %q%s; the sources are %s", e.Name, hint, strings.Join(names(), ", "))
}

// ImpossibleError says that a source cannot be set to a level.
type ImpossibleError struct {
	ID    ID
	Level Level
	// Why is the registry's reason.
	Why string
}

func (e *ImpossibleError) Error() string {
	verb := map[Level]string{Pin: "pinned", Vary: "varied"}[e.Level]
	return fmt.Sprintf("source %q cannot be %s: %s", e.ID, verb, e.Why)
}

// Parse reads a comma-separated list of source ids, or "all", as given to --pin (level Pin) and --vary (level Vary),
// into the order of [All] and without repetitions; "all" means every source that the level is possible for.
// It fails with an [UnknownError] on a name that is not an id, and with an [ImpossibleError] on a source that
// the level is not possible for.
func Parse(list string, level Level) ([]ID, error) {
	wanted := map[ID]bool{}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "all" {
			for _, id := range settable(level) {
				wanted[id] = true
			}
			continue
		}
		if name == "" {
			continue
		}
		source, known := Lookup(ID(name))
		if !known {
			return nil, &UnknownError{Name: name, Nearest: ID(Nearest(name, names()))}
		}
		if c := source.Control(level); !c.Possible() && level != Inherit {
			return nil, &ImpossibleError{ID: source.ID, Level: level, Why: c.Doc}
		}
		wanted[source.ID] = true
	}
	var ids []ID
	for _, s := range All() {
		if wanted[s.ID] {
			ids = append(ids, s.ID)
		}
	}
	return ids, nil
}

func names() []string {
	var names []string
	for _, s := range All() {
		names = append(names, string(s.ID))
	}
	return names
}
