package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
)

// conviction is a source that experiments, or the traces alone, show to be a cause.
type conviction struct {
	*suspicion
	proof    record.Proof
	evidence []string
	// agreed are the runs in which the source was pinned, and released is one that differs from the first of them in
	// nothing but that the source was free; nil if none was made.
	agreed   []*observation
	released *observation
	// alone says that nothing but the source was pinned in the agreed runs, so that free it is the command as shipped.
	alone bool
	// varied says that runs differ where the source is varied on purpose, whatever those as shipped do.
	varied bool
	// byText says that the line was placed by its text alone.
	byText bool
	// origin is the local value by which a zoom placed the source, nil where the trace placed it.
	origin *trace.LocalDifference
}

// convict records that a source is proven: in the agreed runs it is pinned, and in the experiment named it was free.
func (c *inquiry) convict(s *suspicion, agreed *agreement, released *observation, free string) {
	var pinned []string
	for _, o := range agreed.runs {
		pinned = append(pinned, o.run.Experiment)
	}
	slices.Sort(pinned)
	lines := []string{
		fmt.Sprintf("with %s pinned, %d runs agree (%s)", list(sources(agreed.pinned)), len(agreed.runs), strings.Join(slices.Compact(pinned), "; ")),
		fmt.Sprintf("with %s left to the command, runs differ (%s)", s.source, free),
	}
	c.causes = append(c.causes, conviction{suspicion: s, proof: record.Proven, evidence: lines,
		agreed: agreed.runs, released: released, alone: len(agreed.pinned) == 1})
}

// addEvidence adds what has been shown of all causes together.
func (c *inquiry) addEvidence(line string) {
	for i := range c.causes {
		c.causes[i].evidence = append(c.causes[i].evidence, line)
	}
}
