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
		unordered := e.seen(func(s *trace.Seen) bool { return s.Kind == probe.KindTask && s.First.DetailBool("unordered") })
		started := e.seen(func(s *trace.Seen) bool { return s.Kind == probe.KindTask })
		switch {
		case unordered != nil:
			return &suspicion{source: seed.Concurrency, strength: entered, site: unordered,
				story: fmt.Sprintf("%s takes results in the order in which they are completed (%s), which is another in every run.", at(unordered), unordered.API)}
		case started != nil:
			return &suspicion{source: seed.Concurrency, strength: present, site: started,
				story: fmt.Sprintf("%s starts work that runs at the same time (%s), and the result depends on which part comes first.", at(started), started.API)}
		}
		return nil
	}}
}
