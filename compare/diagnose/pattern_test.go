package diagnose

import (
	"maps"
	"slices"
	"testing"
)

// A pattern that is not a regular expression would end an audit where it is first used.
func TestPatternsCompile(t *testing.T) {
	patterns := []pattern{callsID, ordersByAddress, sortsByAddress, callsHash, passesUnnamed, ordersByHash, constructsTensor, cellName, leadingBlank,
		usesAddress, takesOne, takesAll, byAddress, allByAddress, readsDate, startsWatch, onlyShows, namesRun, seedsFromNothing, sorts, unordered, comprehends, walksMade, namesMade, callsSeed}
	patterns = slices.AppendSeq(patterns, maps.Values(drawn))
	patterns = slices.AppendSeq(patterns, maps.Values(frameworks))
	for _, p := range patterns {
		p()
	}
}
