package diagnose

import (
	"regexp"
	"slices"
	"sync"
)

// pattern is a regular expression that is compiled at its first use: reprocheck starts itself once more for every run, and most runs
// need none.
type pattern func() *regexp.Regexp

func newPattern(expression string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// matchesAny reports whether a line matches one of several patterns.
func matchesAny(line string, patterns ...pattern) bool {
	return slices.ContainsFunc(patterns, func(p pattern) bool { return p().MatchString(line) })
}
