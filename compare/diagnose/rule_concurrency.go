package diagnose

import (
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// concurrency is present wherever the user's code started threads or processes, or took results as they came.
func concurrency() rule {
	return rule{source: seed.Concurrency, random: true, suspect: func(e *evidence) *suspicion {
		isUnordered := func(s *trace.Seen) bool { return s.Kind == probe.KindTask && s.First.DetailBool("unordered") }
		order := e.changed(func(c trace.Change) bool { return isUnordered(c.Seen) && !c.Missing && c.Values[0] != c.Values[1] })
		unordered := e.seen(isUnordered)
		started := e.seen(func(s *trace.Seen) bool { return s.Kind == probe.KindTask && !asksProgram(s) })
		switch {
		case order != nil:
			return &suspicion{source: seed.Concurrency, strength: entered, site: order.Seen,
				story: fmt.Sprintf("%s takes results in the order in which they are completed (%s): number %s comes next in one run, and number %s in the other.",
					at(order.Seen), order.API, orNothing(order.Values[0]), orNothing(order.Values[1]))}
		case unordered != nil && len(unordered.Values) > 1:
			// Which came when was seen, and was alike.
			return &suspicion{source: seed.Concurrency, strength: present, site: unordered,
				story: fmt.Sprintf("%s takes results in the order in which they are completed (%s).", at(unordered), unordered.API)}
		case unordered != nil:
			return &suspicion{source: seed.Concurrency, strength: entered, site: unordered,
				story: fmt.Sprintf("%s takes results in the order in which they are completed (%s), which is another in every run.", at(unordered), unordered.API)}
		case started != nil && started.First.DetailBool("timer"):
			return &suspicion{source: seed.Concurrency, strength: present, site: started,
				story: fmt.Sprintf("%s starts a timer, which goes off after a time: how far the training has come by then is another in every run.", at(started)),
				fix:   "End the training, and whatever else changes its course, after a number of steps or epochs; leave to timers what only logs or saves."}
		case started != nil:
			return &suspicion{source: seed.Concurrency, strength: present, site: started,
				story: fmt.Sprintf("%s starts work that runs at the same time (%s), and the result depends on which part comes first.", at(started), started.API)}
		}
		return nil
	}}
}

// asksProgram reports whether a library started another program, as those do that ask for a version or for the machine: it waits for
// the answer. What a user's own line starts may go on beside it.
func asksProgram(s *trace.Seen) bool { return s.Lib != "" && s.API == "subprocess.Popen" }
