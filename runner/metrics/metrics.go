// Package metrics reads the numbers that a training prints and writes, as series that keep their step and the text as printed.
//
// Standard output is read by Collector, a writer through which a stream of any length passes in flat memory. Each line is read by the
// first format that knows it (format.go lists them): the user's own patterns, JSON objects and Python dictionaries, and
// numbers with words in front of them. Files that a run wrote are read by ReadFile.
//
// Every number on a line is taken, whatever it is called: a number that differs between two runs is worth knowing, and
// package volatile sorts out those that differ by nature. Such series are kept with the reason in record.Series.Volatile.
package metrics

import (
	"fmt"
	"io"
	"regexp"

	"github.com/reprocheck/reprocheck/runner/record"
)

// Options bound and extend what is read.
type Options struct {
	// Regex are the user's own patterns, tried first; see Criterion.MetricRegex of package record.
	Regex []*regexp.Regexp
	// MaxPoints is the number of points kept of one series, 40,000 where it is 0. All series together keep at most twice as many.
	MaxPoints int
}

// Read reads the standard output of a run to its end. The series are in the order in which they first appeared.
func Read(stdout io.Reader, o Options) ([]record.Series, error) {
	c := NewCollector("stdout", o)
	if _, err := io.Copy(c, stdout); err != nil {
		return nil, fmt.Errorf("reading the output for metrics: %w", err)
	}
	return c.Series(), nil
}
