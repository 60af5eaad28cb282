package diagnose

import (
	"math/rand"
	"strconv"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// A race of few results is the hardest to tell from a source that pinning controls: pinned runs agree by luck, and runs as shipped
// do not. Here nothing that is seen to vary reaches the result, so whatever is proven is accused wrongly.
func TestARaceOfFewResultsSeldomConvicts(t *testing.T) {
	const audits, most = 200, 0.1
	for name, events := range map[string]func(valueOf) []probe.Event{
		"nothing seen": nil,
		"clock": func(v valueOf) []probe.Event {
			return []probe.Event{reads(probe.KindClock, seed.WallClock, 5, v("x"))}
		},
		"numpy": func(v valueOf) []probe.Event { return []probe.Event{draws(seed.NumpyLegacy, 7, v("x"))} },
	} {
		t.Run(name, func(t *testing.T) {
			diverged, wrong := 0, 0
			for audit := range audits {
				for _, results := range []int{2, 3} {
					for _, favourite := range []float64{0, 0.5} { // how often the first result comes about beside its share
						r := rand.New(rand.NewSource(int64(audit)))
						luck := make([]int, 100)
						for i := range luck {
							if r.Float64() >= favourite {
								luck[i] = r.Intn(results)
							}
						}
						w := world{t: t, luck: luck, reaches: []seed.ID{"race"}, events: events}
						a := w.investigate(record.Settings{})
						if a.Verdict == record.Diverged {
							diverged++
						}
						if strings.Contains(convicted(a), "proven") {
							wrong++
						}
					}
				}
			}
			if share := float64(wrong) / float64(diverged); share > most {
				t.Errorf("%d of %d audits prove something, at most %.0f %% may", wrong, diverged, 100*most)
			} else {
				t.Logf("%d of %d audits prove something", wrong, diverged)
			}
		})
	}
}

// An order of few words, in a program whose library starts threads, comes to the pinned order in a run with nothing but the threads
// pinned now and then. That run clears the hash seed, and the threads are left as the only suspect.
func TestAnOrderOfFewWordsSeldomConvictsAnother(t *testing.T) {
	const audits = 200
	most := map[int]float64{2: 0.07, 6: 0.02, 24: 0.02} // of those that diverged
	library := startsThread(2)
	library.Lib = "jax"
	walked := "words = {'a', 'b', 'c', 'd'}\nparameters = {}\nfor word in words:\n    parameters[word] = initial()\n"
	numbered := "number = {}\n\nnumber = {word: i for i, word in enumerate({word for word in ROWS})}\n"
	for _, program := range []struct {
		thread probe.Event
		source string
	}{{library, walked}, {startsThread(2), walked}, {startsThread(2), numbered}} {
		thread := program.thread
		for _, orders := range []int{2, 6, 24} {
			diverged, others, runs := 0, 0, 0
			for audit := range audits {
				r := rand.New(rand.NewSource(int64(audit)))
				luck := make([]int, 100)
				for i := range luck {
					luck[i] = r.Intn(orders)
				}
				w := world{t: t, luck: luck, pinnedTo: "0", reaches: []seed.ID{seed.PythonHash},
					source: program.source,
					events: func(valueOf) []probe.Event { return []probe.Event{thread} },
					zoomed: func(v valueOf) []probe.Event { return []probe.Event{executes(3, "word", v(seed.PythonHash))} }}
				a := w.investigate(record.Settings{})
				if a.Verdict == record.Diverged {
					diverged++
				}
				for _, c := range a.Causes {
					if c.Source != seed.PythonHash {
						others++
					}
				}
				runs += w.run
			}
			if share := float64(others) / float64(diverged); share > most[orders] {
				t.Errorf("library %q, %d orders: %d of %d audits convict another source, at most %.0f %% may", thread.Lib, orders, others, diverged, 100*most[orders])
			}
			t.Logf("library %q, %d orders: %d of %d audits convict another source, %.1f runs", thread.Lib, orders, others, diverged, float64(runs)/audits)
		}
	}
}

// A race of few results, which mostly come about in one way, stands beside an order of words that reaches nothing.
func TestAnOrderThatReachesNothingSeldomConvicts(t *testing.T) {
	const audits, most = 200, 0.1
	for _, orders := range []int{2, 24} {
		for _, favourite := range []float64{0, 0.5, 0.8} {
			diverged, wrong, runs := 0, 0, 0
			for audit := range audits {
				r := rand.New(rand.NewSource(int64(audit)))
				luck := make([]int, 100)
				for i := range luck {
					if r.Float64() >= favourite {
						luck[i] = r.Intn(2)
					}
				}
				w := world{t: t, luck: luck, reaches: []seed.ID{"race"},
					source: "for word in {'a', 'b', 'c', 'd'}:\n    print(word)\n",
					events: func(valueOf) []probe.Event { return []probe.Event{startsThread(2)} },
					zoomed: func(v valueOf) []probe.Event {
						word := "pinned"
						if v(seed.PythonHash) != "pinned" {
							if order := r.Intn(orders); order > 0 {
								word = strconv.Itoa(order)
							}
						}
						return []probe.Event{executes(1, "word", word)}
					}}
				a := w.investigate(record.Settings{})
				if a.Verdict == record.Diverged {
					diverged++
					runs += w.run
				}
				if strings.Contains(convicted(a), "proven") {
					wrong++
				}
			}
			if share := float64(wrong) / float64(diverged); share > most {
				t.Errorf("%d orders, favourite %v: %d of %d audits prove something, at most %.0f %% may", orders, favourite, wrong, diverged, 100*most)
			}
			t.Logf("%d orders, favourite %v: %d of %d audits prove something, %.1f runs", orders, favourite, wrong, diverged, float64(runs)/float64(diverged))
		}
	}
}
