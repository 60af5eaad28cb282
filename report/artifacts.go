package report

import (
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/record"
)

// What a file has in common in all runs of an experiment, from the digests alone.
const (
	SameBytes   = "bytes"   // one SHA-256
	SameContent = "content" // one canonical content digest, in other bytes
	SameNothing = "nothing" // neither, or some runs did not write it
)

// File compares one artifact over the runs of the first experiment. It states what the digests are and not whether it
// matters: a log that differs in its times alone has nothing in common here, and does not make runs diverge.
type File struct {
	Path string `json:"path"`
	// Runs counts the runs that wrote the file, and Of the runs that ran to their end.
	Runs int    `json:"runs"`
	Of   int    `json:"of"`
	Same string `json:"same"`
}

// files compares the artifacts of complete runs, by path.
func files(runs []*record.Run) []File {
	versions := map[string][]record.Artifact{}
	complete := 0
	for _, r := range runs {
		if r.Truncated != "" {
			continue
		}
		complete++
		for _, a := range r.Artifacts {
			versions[a.Path] = append(versions[a.Path], a)
		}
	}
	out := []File{}
	for path, of := range versions {
		out = append(out, File{Path: path, Runs: len(of), Of: complete, Same: common(of, complete)})
	}
	slices.SortFunc(out, func(x, y File) int { return strings.Compare(x.Path, y.Path) })
	return out
}

// most keeps maxPerRun files in their order: those that differ before those that are the same in every run.
func most(all []File) (kept []File, more int) {
	room := map[string]int{}
	left := maxPerRun
	for _, same := range []string{SameNothing, SameContent, SameBytes} {
		for _, f := range all {
			if f.Same == same && left > 0 {
				room[same]++
				left--
			}
		}
	}
	kept = []File{}
	for _, f := range all {
		if room[f.Same] > 0 {
			room[f.Same]--
			kept = append(kept, f)
		}
	}
	return kept, len(all) - len(kept)
}

func common(versions []record.Artifact, runs int) string {
	first := versions[0]
	bytes, content := true, first.Content != ""
	for _, v := range versions[1:] {
		bytes = bytes && v.SHA256 == first.SHA256 && v.Link == first.Link
		content = content && v.Content == first.Content
	}
	switch {
	case len(versions) < runs:
		return SameNothing
	case bytes:
		return SameBytes
	case content:
		return SameContent
	}
	return SameNothing
}
