package component

import (
	"regexp"
	"sync"
)

// scale is an attribute by which HDF5 ties a dataset to those that label its dimensions.
var scale = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`@(?:CLASS|NAME|REFERENCE_LIST|DIMENSION_LIST|DIMENSION_LABELS)(?:$|[.\[])`)
})

// withoutScale cuts such an attribute off a name, which leaves the dataset's.
func withoutScale(name string) string {
	if at := scale().FindStringIndex(name); at != nil {
		return name[:at[0]]
	}
	return name
}
