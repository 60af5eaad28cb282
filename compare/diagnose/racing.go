package diagnose

import (
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// raw reports whether the user's own lines started threads or processes of their own, which nothing but luck brings into one
// order.
func (e *evidence) raw() bool {
	return e.seen(func(s *trace.Seen) bool {
		return s.Kind == probe.KindTask && s.Lib == "" && slices.Contains(unpooled, s.API)
	}) != nil
}

// unpooled are the calls that start work which no pin of concurrency puts in order.
var unpooled = []string{"threading.Thread.start", "multiprocessing.Process.start", "subprocess.Popen"}

// racing reports whether work went on at the same time, so that runs can agree by luck.
func (e *evidence) racing() bool {
	return e.seen(func(s *trace.Seen) bool {
		return s.Kind == probe.KindTask || s.Kind == probe.KindOp && e.parallelKernels()
	}) != nil
}
