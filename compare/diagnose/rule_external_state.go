package diagnose

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// externalState is suspected when the user's code opened a file outside the workspace that a run of this audit wrote: the next run
// then starts from another state. Failing that, when what it read there is another program's.
func externalState() rule {
	return rule{source: seed.ExternalState, random: true, suspect: func(e *evidence) *suspicion {
		written := slices.Concat(e.expected.run.Outside, e.actual.run.Outside)
		var wrote *trace.Seen
		var cover []string
		for _, s := range e.expected.summary.Sites {
			path := s.First.DetailString("path")
			if s.Kind != probe.KindOpen || path == "" {
				continue
			}
			writes := strings.ContainsAny(s.Values[0], "wax+") || slices.Contains(written, path)
			if !writes && !openedFor(e.expected.summary, path, "wax+") {
				continue
			}
			if !slices.Contains(written, path) && !openedFor(e.actual.summary, path, "rwax+") {
				continue // with a name of its own in each run, it is found by no other
			}
			if wrote == nil || likelier(e.expected.summary, written, path, wrote.First.DetailString("path")) {
				wrote = s
			}
			if dir := filepath.Dir(path); !slices.Contains(cover, dir) {
				cover = append(cover, dir)
			}
		}
		if wrote == nil {
			return cmp.Or(writtenUnseen(e, written), e.inputElsewhere(), e.connected())
		}
		slices.Sort(cover)
		return &suspicion{source: seed.ExternalState, strength: present, site: wrote, cover: cover,
			story: fmt.Sprintf("%s opens %s, outside the project, which the training itself writes: each run finds what the run before it left.", at(wrote), wrote.First.DetailString("path"))}
	}}
}

// likelier reports whether the path a carries state from run to run rather than the path b: what is written outside of the runs'
// own layers, a cache in HOME is not, and what is read as well, a log is not.
func likelier(sum *trace.Summary, written []string, a, b string) bool {
	if shared := slices.Contains(written, a); shared != slices.Contains(written, b) {
		return shared
	}
	return openedFor(sum, a, "r+") && !openedFor(sum, b, "r+")
}

// writtenUnseen suspects files outside the workspace that a command without Python wrote: which line did cannot be seen.
func writtenUnseen(e *evidence, written []string) *suspicion {
	if len(e.expected.run.Processes) > 0 || len(written) == 0 {
		return nil
	}
	var cover []string
	for _, path := range written {
		if dir := filepath.Dir(path); !slices.Contains(cover, dir) {
			cover = append(cover, dir)
		}
	}
	slices.Sort(cover)
	return &suspicion{source: seed.ExternalState, strength: present, cover: cover,
		story: fmt.Sprintf("The command writes %s, outside the project: each run finds what the run before it left.", some(slices.Compact(written)))}
}

// openedFor reports whether a line opened a file in a mode with one of some letters.
func openedFor(sum *trace.Summary, path, modes string) bool {
	return slices.ContainsFunc(sum.Sites, func(s *trace.Seen) bool {
		return s.Kind == probe.KindOpen && s.First.DetailString("path") == path && strings.ContainsAny(s.Values[0], modes)
	})
}
