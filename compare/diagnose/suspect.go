package diagnose

import (
	"cmp"
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
)

// strength orders suspicions by how much the traces say.
type strength int

const (
	// possibleOnly: nothing speaks against the source, nothing for it.
	possibleOnly strength = iota
	// present: the source was read or used, and could have reached the training.
	present
	// entered: the traces show that the source handed different values to the user's code.
	entered
)

// suspicion is what the traces say against one source.
type suspicion struct {
	source   seed.ID
	strength strength
	// site is where the source entered, nil where the traces do not show it and a zoom has to.
	site *trace.Seen
	// instead is the site where the zoom shows none.
	instead *trace.Seen
	// others are further places at which it may have entered.
	others []*trace.Seen
	// story says how, in words that fit the case; empty for the registry's own.
	story string
	// fix replaces the registry's advice where the case calls for another.
	fix string
	// early says that the runs shared a state of the training after the source had entered: that may have undone it, as
	// when drawn weights are overwritten.
	early bool
	// late says that it entered after the runs had parted, and may follow from that.
	late bool
	// likely says that it was guessed to be a cause although nothing is known of it, and that this was enough.
	likely bool
	// overwritten says that what the source had done when the runs last shared a state of the training came to nothing: the
	// line is looked for after that.
	overwritten bool
	// wholeTree says that only the launcher can pin the source here.
	wholeTree bool
	// scripted says that the text of a script that starts Python has words for it.
	scripted bool
	// beyond says that the value came from outside of the processes that the source can be pinned in.
	beyond bool
	// elsewhere says that what entered is another program's doing: no experiment can pin it. input is the file that it changes, ""
	// where it is not a file.
	elsewhere bool
	input     string
	// cover lists the directories whose state external-state pins.
	cover []string
}

// rule is what is known about one source. Rules are consulted in the order of the list below.
type rule struct {
	source  seed.ID
	suspect func(e *evidence) *suspicion
	// words turns the line at which a zoom found the source into a story; nil for the registry's own.
	words func(l trace.LocalDifference) string
	// telltale matches the text of lines that use the source, for when a zoom shows no local value that differs.
	telltale pattern
	// calls match lines that use the source, the surest first: where such a line ran before a value was seen to differ
	// at a line that does not, it is the origin.
	calls []pattern
	// passes matches lines that hand on what they take from the source without giving it a name, so that it first shows where
	// another line, perhaps of another process, has read it.
	passes pattern
	// random says that the source takes another value in every run unless it is controlled, so that one run
	// without control is enough to see its effect.
	random bool
}

func rules() []rule {
	return []rule{
		pythonRandom(), numpyLegacy(), numpyGenerator(), torchCPU(), torchCUDA(), tensorflowSeed(), dataloaderWorkers(),
		externalState(), osEntropy(), wallClock(), host(), concurrency(), cudnnBenchmark(), cudnnDeterministic(), nondeterministicOps(), cublasWorkspace(),
		pythonHash(), objectIdentity(), uninitialisedMemory(), threads(), fileOrder(),
	}
}

func ruleOf(id seed.ID) rule {
	for _, r := range rules() {
		if r.source == id {
			return r
		}
	}
	return rule{source: id}
}

// suspects asks every rule and returns the suspicions, the strongest and earliest first.
func suspects(e *evidence) []*suspicion {
	var found []*suspicion
	for _, r := range rules() {
		if s := r.suspect(e); s != nil {
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b *suspicion) int {
		return cmp.Or(-cmp.Compare(a.strength, b.strength), cmp.Compare(a.order(), b.order()))
	})
	return found
}

// order is the suspicion's place in the main process's trace; what entered elsewhere comes after.
func (s *suspicion) order() int64 {
	if s.site == nil || s.site.Process != "main" {
		return 1 << 62
	}
	return s.site.Order
}

func sources(list []*suspicion) []seed.ID {
	ids := make([]seed.ID, len(list))
	for i, s := range list {
		ids[i] = s.source
	}
	return ids
}
