// Package metrics reads the numbers that a training prints and writes, as series that keep their step and the text as printed.
//
// Standard output and standard error are read by Collector, a writer through which a stream of any length passes in flat memory. Each line is read by the
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
	"slices"

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
	return readAll(NewCollector("stdout", o), stdout)
}

// ReadErrors reads the standard error of a run to its end: what Python's logging writes unless told otherwise, and what stands
// beside the bars of tqdm. Libraries speak there too, so a number counts where its name says that it is a result, or the user's
// own pattern reads it. A series that printed, from standard output, holds as well is left out.
func ReadErrors(stderr io.Reader, printed []record.Series, o Options) ([]record.Series, error) {
	c := NewCollector("stderr", o)
	c.remarks = &remarks{}
	series, err := readAll(c, stderr)
	return slices.DeleteFunc(series, func(s record.Series) bool {
		return slices.ContainsFunc(printed, func(p record.Series) bool { return p.Name == s.Name && p.Digest == s.Digest })
	}), err
}

func readAll(c *Collector, r io.Reader) ([]record.Series, error) {
	if _, err := io.Copy(c, r); err != nil {
		return nil, fmt.Errorf("reading the output for metrics: %w", err)
	}
	return c.Series(), nil
}
