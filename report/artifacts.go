package report

import (
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare"
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

// tally compares the artifacts of complete runs, by path.
type tally struct {
	complete int
	files    map[string]*versions
}

// versions are what the runs made of one file.
type versions struct {
	runs                   int
	first                  int    // the first run that wrote it
	sha256, link, content  string // that run's
	sameBytes, sameContent bool
}

func (t *tally) add(r *record.Run) {
	if r.Truncated != "" {
		return
	}
	if t.files == nil {
		t.files = map[string]*versions{}
	}
	for _, a := range r.Artifacts {
		v := t.files[a.Path]
		if v == nil {
			v = &versions{first: t.complete, sha256: a.SHA256, link: a.Link, content: a.Content, sameBytes: true, sameContent: a.Content != ""}
			t.files[a.Path] = v
		}
		v.runs++
		v.sameBytes = v.sameBytes && a.SHA256 == v.sha256 && a.Link == v.link && (a.Content == v.content || a.Of != "")
		v.sameContent = v.sameContent && a.Content == v.content
	}
	t.complete++
}

// rename has what one run alone wrote count as the first run's file that it was compared with, under that one's name.
func (t *tally) rename() {
	lone := make([][]record.Artifact, t.complete)
	for path, v := range t.files {
		if v.runs == 1 && t.complete > 1 {
			lone[v.first] = append(lone[v.first], record.Artifact{Path: path, SHA256: v.sha256, Link: v.link, Content: v.content})
		}
	}
	for n, files := range lone {
		slices.SortFunc(files, func(a, b record.Artifact) int { return strings.Compare(a.Path, b.Path) })
		if n == 0 {
			continue
		}
		for theirs, name := range compare.Names(lone[0], files) {
			v, other := t.files[name], t.files[theirs]
			v.runs++
			v.sameBytes = v.sameBytes && v.sha256 == other.sha256
			v.sameContent = v.sameContent && v.content == other.content
			delete(t.files, theirs)
		}
	}
}

func (t *tally) list() []File {
	t.rename()
	out := make([]File, 0, len(t.files))
	for path, v := range t.files {
		out = append(out, File{Path: path, Runs: v.runs, Of: t.complete, Same: v.common(t.complete)})
	}
	slices.SortFunc(out, func(x, y File) int { return strings.Compare(x.Path, y.Path) })
	return out
}

func (v *versions) common(runs int) string {
	switch {
	case v.runs < runs:
		return SameNothing
	case v.sameBytes:
		return SameBytes
	case v.sameContent:
		return SameContent
	}
	return SameNothing
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
