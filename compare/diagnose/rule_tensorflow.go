package diagnose

import (
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// tensorflowSeed has no state to compare: operations and generators without a seed begin anew in every run.
func tensorflowSeed() rule {
	return rule{source: seed.TensorflowSeed, random: true, suspect: func(e *evidence) *suspicion {
		unseeded := e.seen(func(s *trace.Seen) bool {
			return s.Stream == seed.TensorflowSeed && s.Kind == probe.KindNew && s.File != ""
		})
		if unseeded == nil {
			return nil
		}
		late := e.seen(func(s *trace.Seen) bool {
			return s.Stream == seed.TensorflowSeed && s.Kind == probe.KindSeed && s.Process == unseeded.Process && s.Order > unseeded.Order
		})
		story := fmt.Sprintf("%s draws without a seed (%s), and nothing has called tf.random.set_seed before.", at(unseeded), unseeded.API)
		if late != nil {
			story = fmt.Sprintf("The seed is set too late: %s draws without one (%s) before %s sets it.", at(unseeded), unseeded.API, at(late))
		}
		return &suspicion{source: seed.TensorflowSeed, strength: entered, site: unseeded, story: story}
	}}
}
