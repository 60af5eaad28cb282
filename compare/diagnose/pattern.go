package diagnose

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled at its first use: reprocheck starts itself once more for every run, and most runs
// need none.
type pattern func() *regexp.Regexp

func newPattern(expression string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
