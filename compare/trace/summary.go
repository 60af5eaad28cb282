package trace

import (
	"cmp"
	"slices"

	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// Site is a place at which a source of randomness was seen: one kind of event, on one stream, at one line.
type Site struct {
	Process string
	Thread  string
	Kind    probe.Kind
	Stream  seed.ID
	File    string
	Line    int
	Func    string
	Lib     string
	API     string
	// Purpose says what a draw was for, where the probe knows ("shuffle", "worker-base-seed").
	Purpose string
}

// Seen is what happened at a site over one run.
type Seen struct {
	Site
	// Count is the number of events, Order and Step the place of the first of them.
	Count int64
	Order int64
	Step  int64
	// Values are the compared values of the first events, Places where those events stand in the trace, and First the first
	// event itself.
	Values []string
	Places []Place
	First  probe.Event
	// all is a running hash of every value, those beyond Values included.
	all uint64
	// Origins are the origins that the probe found for seed values ("clock", "entropy", ...).
	Origins []string
}

// Place is where an event stands: its number in its process's trace, and the step of the training.
type Place struct {
	Order int64
	Step  int64
}

// Summary is everything about one run's trace that depends on the number of places in the code only.
type Summary struct {
	Sites []*Seen // in order of process, then of first appearance
	// Facts holds the last value of each fact, for each process.
	Facts map[string]map[string]string
	// Arguments is how each process was started, as far as it knows.
	Arguments map[string][]string
	// Overwritten lists for each process the lines ("train.py:7") that drew into parameters and of whose numbers none was left when
	// an optimizer took them.
	Overwritten map[string][]string
	// Omitted counts events at sites beyond the number kept.
	Omitted int64
	// Ended lists the processes that ended in the ordinary way, and Failed has the class of the exception that ended a process.
	Ended  []string
	Failed map[string]string
}

const (
	maxSites  = 20_000
	maxValues = 64
)

// sourceKinds are the events that show a source of randomness; the others show the process or the training.
var sourceKinds = []probe.Kind{probe.KindSeed, probe.KindNew, probe.KindDraw, probe.KindStream, probe.KindEntropy, probe.KindClock,
	probe.KindHost, probe.KindList, probe.KindOpen, probe.KindConnect, probe.KindName, probe.KindTask, probe.KindEmpty, probe.KindOp, probe.KindWorker}

// Summarise reads a run's whole trace once.
func Summarise(s Source) (*Summary, error) {
	sum := &Summary{Facts: map[string]map[string]string{}, Arguments: map[string][]string{}, Failed: map[string]string{}, Overwritten: map[string][]string{}}
	for _, process := range s.Processes() {
		sites := map[Site]*Seen{}
		err := each(s, process, func(order int64, e probe.Event) {
			switch {
			case e.Kind == probe.KindFact:
				if sum.Facts[process] == nil {
					sum.Facts[process] = map[string]string{}
				}
				if name := e.DetailString("name"); len(sum.Facts[process]) < maxValues*4 {
					sum.Facts[process][name] = e.Value
				}
			case e.Kind == probe.KindProcess:
				if sum.Facts[process] == nil {
					sum.Facts[process] = map[string]string{}
				}
				sum.Facts[process]["hash_seed"] = e.DetailString("hash_seed")
				sum.Arguments[process] = e.DetailStrings("argv")
				sum.Facts[process]["python"] = e.DetailString("python")
			case e.Kind == probe.KindExit:
				sum.Ended = append(sum.Ended, process)
				if class := e.DetailString("error"); class != "" {
					sum.Failed[process] = class
				}
			case e.Kind == probe.KindInit:
				if len(sum.Overwritten[process]) < maxValues {
					sum.Overwritten[process] = append(sum.Overwritten[process], e.DetailStrings("overwritten")...)
				}
			case slices.Contains(sourceKinds, e.Kind):
				sum.add(sites, process, order, e)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return sum, nil
}

func (sum *Summary) add(sites map[Site]*Seen, process string, order int64, e probe.Event) {
	site := Site{Process: process, Thread: e.Thread, Kind: e.Kind, Stream: e.Stream, File: e.File, Line: int(e.Line),
		Func: e.Func, Lib: e.Lib, API: e.DetailString("api"), Purpose: e.DetailString("purpose")}
	seen := sites[site]
	if seen == nil {
		if len(sum.Sites) >= maxSites {
			sum.Omitted++
			return
		}
		seen = &Seen{Site: site, Order: order, Step: e.Step, First: e}
		sites[site] = seen
		sum.Sites = append(sum.Sites, seen)
	}
	seen.Count++
	seen.all = hashOn(seen.all, e.Value)
	if len(seen.Values) < maxValues {
		seen.Values = append(seen.Values, e.Value)
		seen.Places = append(seen.Places, Place{order, e.Step})
	}
	if origin := e.DetailString("origin"); origin != "" && !slices.Contains(seen.Origins, origin) {
		seen.Origins = append(seen.Origins, origin)
	}
}

// Seeding is a seed call, by which a stream begins anew.
type Seeding struct {
	// Seen is the line that made the call, with the place of this call.
	*Seen
	// Value is what it was given, as a text: "None" for nothing, "state:" and a digest for a state that is put back.
	Value string
}

// LastSeeding is the last seed call on a stream in a process before a place in its trace, nil where there was none.
func (sum *Summary) LastSeeding(stream seed.ID, process string, before int64) *Seeding {
	var last *Seeding
	for _, s := range sum.Sites {
		if s.Kind != probe.KindSeed || s.Stream != stream || s.Process != process {
			continue
		}
		for i, place := range s.Places {
			if place.Order < before && (last == nil || place.Order > last.Order) {
				last = &Seeding{Seen: s.from(i), Value: s.Values[i]}
			}
		}
	}
	return last
}

// Change is a site at which two runs saw different things.
type Change struct {
	// Seen is the site in the expected run, or in the actual one where only that has it, with the place of the first event
	// that differs: a stream that is seeded and reseeded later is drawn from alike at first.
	*Seen
	// Index is the first event at the site that differs, Values what the two runs saw there ("" where nothing). Beyond the
	// values that are kept only the fact is known.
	Index  int
	Values [2]string
	// Orders are the places of that event in the traces of the two runs.
	Orders [2]int64
	// Missing says that only one of the runs came by this site.
	Missing bool
}

// Alike reports whether two runs saw the same things at a site, or both did not come by it.
func Alike(a, b *Summary, site Site) bool {
	find := func(sum *Summary) (all uint64, count int64) {
		if i := slices.IndexFunc(sum.Sites, func(s *Seen) bool { return s.Site == site }); i >= 0 {
			return sum.Sites[i].all, sum.Sites[i].Count
		}
		return 0, 0
	}
	allA, countA := find(a)
	allB, countB := find(b)
	return allA == allB && countA == countB
}

// from is the site as it is from its event i on, or from its last where there is no such event.
func (s *Seen) from(i int) *Seen {
	later := *s
	place := s.Places[min(i, len(s.Places)-1)]
	later.Order, later.Step = place.Order, place.Step
	return &later
}

// Changes lists the sites at which two runs differ, in order of process, then of the first event that differs.
func Changes(expected, actual *Summary) []Change {
	theirs := map[Site]*Seen{}
	for _, s := range actual.Sites {
		theirs[s.Site] = s
	}
	var changes []Change
	for _, s := range expected.Sites {
		other := theirs[s.Site]
		delete(theirs, s.Site)
		if other == nil {
			changes = append(changes, Change{Seen: s, Values: [2]string{s.Values[0], ""}, Orders: [2]int64{s.Order, s.Order}, Missing: true})
			continue
		}
		if s.all == other.all && s.Count == other.Count {
			continue
		}
		change := Change{Index: maxValues}
		for i := range max(len(s.Values), len(other.Values)) {
			if a, b := at(s.Values, i), at(other.Values, i); a != b {
				change.Index, change.Values = i, [2]string{a, b}
				break
			}
		}
		change.Seen = s.from(change.Index)
		change.Orders = [2]int64{change.Seen.Order, other.from(change.Index).Order}
		changes = append(changes, change)
	}
	for _, s := range actual.Sites {
		if theirs[s.Site] != nil {
			changes = append(changes, Change{Seen: s, Values: [2]string{"", s.Values[0]}, Orders: [2]int64{s.Order, s.Order}, Missing: true})
		}
	}
	place := map[string]int{}
	for _, c := range changes {
		if _, known := place[c.Process]; !known {
			place[c.Process] = len(place)
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(place[a.Process], place[b.Process]), cmp.Compare(a.Order, b.Order))
	})
	return changes
}

// hashOn continues a 64-bit FNV-1a hash with one more value and its end.
func hashOn(h uint64, value string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	if h == 0 {
		h = offset
	}
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * prime
	}
	return (h ^ 0xff) * prime
}

func at(values []string, i int) string {
	if i < len(values) {
		return values[i]
	}
	return ""
}
