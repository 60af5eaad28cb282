package ziparchive

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// stamp is the date (upper half) and the time of a record as MS-DOS wrote them, which sort as they follow each other.
type stamp uint32

// epoch is the first of January 1980, which stands for no time at all.
const epoch stamp = 1<<21 | 1<<16

func (s stamp) String() string {
	return fmt.Sprintf("%d-%02d-%02d %02d:%02d:%02d", 1980+s>>25, s>>21&15, s>>16&31, s>>11&31, s>>5&63, s&31*2)
}

// Facts are the times of the records and their compressions, where there are any.
func (a *Archive) Facts() (facts []checkpoint.Fact) {
	if a.last > epoch {
		text := a.first.String()
		if a.first != a.last {
			text += " to " + a.last.String()
		}
		facts = append(facts, checkpoint.Fact{Key: "times of records", Value: text})
	}
	methods := map[string]bool{}
	for i := range a.Records {
		if rec := &a.Records[i]; !rec.Stored() {
			methods[methodNames[rec.method]] = true
		}
	}
	if len(methods) > 0 {
		facts = append(facts, checkpoint.Fact{Key: "compression", Value: strings.Join(slices.Sorted(maps.Keys(methods)), ", ")})
	}
	return facts
}

var methodNames = map[uint16]string{methodDeflate: "deflate", methodBzip2: "bzip2", methodLZMA: "lzma"}
