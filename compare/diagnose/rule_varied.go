package diagnose

import (
	"fmt"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// The sources below are alike in every run on one machine, so they seldom make plain repeats differ; --vary asks for them.

func uninitialisedMemory() rule {
	return rule{source: seed.UninitialisedMemory, suspect: func(e *evidence) *suspicion {
		if s := siteOf(e.expected, seed.UninitialisedMemory); s != nil {
			return &suspicion{source: seed.UninitialisedMemory, strength: present, site: s,
				story: fmt.Sprintf("%s asks for memory without a value (%s), and the result depends on what was there.", at(s), s.API)}
		}
		if e.code.mentions(constructsTensor) {
			// The class is made in C and cannot be watched, so only the text tells of it. The hash seed and the layout decide what
			// lies in memory: they are released before it.
			return &suspicion{source: seed.UninitialisedMemory, strength: present}
		}
		return nil
	}, words: func(l trace.LocalDifference) string {
		return fmt.Sprintf("%s:%d is where memory that nothing had written first shows: %s", l.File, l.Line, heldDifferently(l))
	}}
}

// constructsTensor matches torch.Tensor and its kin where they are called with a size: two numbers or more, one that is plain to
// see, or an unpacked shape. Given values, they copy them.
var constructsTensor = newPattern(`\b(torch|th)\.(\w*Tensor)\(\s*(\*|\d+\s*[,)]|[\w.]+(\([^()]*\))?\s*,\s*[\w.*])|\bnp\.ndarray\(|\bnumpy\.ndarray\(`)

func threads() rule {
	return rule{source: seed.Threads, suspect: func(e *evidence) *suspicion {
		asked := e.changed(func(c trace.Change) bool { return c.Kind == probe.KindHost && c.Stream == seed.Threads })
		if asked == nil {
			return &suspicion{source: seed.Threads, strength: possibleOnly}
		}
		return &suspicion{source: seed.Threads, strength: possibleOnly, site: asked.Seen,
			story: fmt.Sprintf("%s asks how many processors there are (%s), and divides the work by that.", at(asked.Seen), asked.API)}
	}, words: func(l trace.LocalDifference) string {
		return fmt.Sprintf("%s:%d is where the number of threads first shows: %s", l.File, l.Line, heldDifferently(l))
	}}
}

func fileOrder() rule {
	return rule{source: seed.FileOrder, suspect: func(e *evidence) *suspicion {
		if s := siteOf(e.expected, seed.FileOrder); s != nil {
			return &suspicion{source: seed.FileOrder, strength: possibleOnly, site: s,
				story: fmt.Sprintf("%s lists a directory (%s) and uses the names in the order in which the file system gives them.", at(s), s.API)}
		}
		return nil
	}}
}

// siteOf is where a run first used a source, nil where the trace does not show it.
func siteOf(o *observation, id seed.ID) *trace.Seen {
	for _, s := range o.summary.Sites {
		if s.Stream == id && s.File != "" && !ofPackages(s) && !importing(s) {
			return s
		}
	}
	return nil
}

// importing reports whether a library did something for itself while it was imported.
func importing(s *trace.Seen) bool { return s.First.DetailBool("importing") }

// ofPackages reports whether a listing is of installed packages, such as a library makes while it is imported.
func ofPackages(s *trace.Seen) bool {
	path := s.First.DetailString("path")
	return strings.Contains(path, "site-packages") || strings.Contains(path, "dist-packages")
}
