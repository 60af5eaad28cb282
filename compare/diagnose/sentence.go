package diagnose

import (
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/seed"
)

// list names sources in a sentence.
func list(ids []seed.ID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "nothing"
	}
	return enumerate(names)
}

// enumerate writes one or more things as a sentence does.
func enumerate(things []string) string {
	last := len(things) - 1
	if last == 0 {
		return things[0]
	}
	return strings.Join(things[:last], ", ") + " and " + things[last]
}
