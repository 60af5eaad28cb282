package local

import (
	"cmp"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/runner/workspace"
)

// maxArtifacts is how many files are recorded one by one, those whose paths come first. The rest is one more artifact, so that a
// run that writes a million files is still compared as a whole.
const maxArtifacts = 20_000

// collectFiles records what the run wrote.
// Files that hold tensors are copied to the directory keep, unless that is empty.
func collectFiles(ctx context.Context, ws *workspace.Workspace, run *record.Run, keep string) error {
	single, err := recordedSingly(ws)
	if err != nil {
		return err
	}
	var rest surplus
	var spread spread
	printed, pids := len(run.Metrics), run.PIDs()
	for change, err := range ws.Changes() {
		if err != nil {
			return fmt.Errorf("looking for what the run wrote: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case change.Op == workspace.Deleted:
			if len(run.Deleted) < maxArtifacts {
				run.Deleted = append(run.Deleted, name(change.Path))
			}
			continue
		case change.Special != "":
			continue
		}
		artifact, series, beside, err := readArtifact(ctx, change, pids)
		if err != nil {
			return fmt.Errorf("reading %q, which the run wrote: %w", change.Path, err)
		}
		if !single(change.Path) {
			rest.add(change, artifact)
			continue
		}
		if keep != "" && hasTensors(artifact) {
			if artifact.Kept, err = keepCopies(change.OnDisk, beside, filepath.Join(keep, artifact.SHA256)); err != nil {
				return fmt.Errorf("keeping %q for comparing its values: %w", change.Path, err)
			}
		}
		run.Artifacts = append(run.Artifacts, artifact)
		spread.add(change.OnDisk, artifact, beside)
		run.Metrics = append(run.Metrics, series...)
	}
	spread.settle(run.Artifacts)
	slices.Sort(run.Deleted)
	slices.SortFunc(run.Artifacts, func(a, b record.Artifact) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortStableFunc(run.Metrics[printed:], func(a, b record.Series) int { return cmp.Compare(a.Origin, b.Origin) })
	if rest.files > 0 {
		run.Artifacts = append(run.Artifacts, rest.artifact())
	}
	return nil
}

// recordedSingly finds out which of the files are recorded one by one: all of them, or those with the first paths.
func recordedSingly(ws *workspace.Workspace) (func(path string) bool, error) {
	var first paths
	for change, err := range ws.Changes() {
		if err != nil {
			return nil, fmt.Errorf("looking for what the run wrote: %w", err)
		}
		if change.Op == workspace.Deleted || change.Special != "" {
			continue
		}
		heap.Push(&first, change.Path)
		if len(first) > maxArtifacts {
			heap.Pop(&first)
		}
	}
	if len(first) < maxArtifacts {
		return func(string) bool { return true }, nil
	}
	last := first[0]
	return func(path string) bool { return path <= last }, nil
}

// paths is a heap with the last path on top.
type paths []string

func (p paths) Len() int           { return len(p) }
func (p paths) Less(i, j int) bool { return p[i] > p[j] }
func (p paths) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }
func (p *paths) Push(x any)        { *p = append(*p, x.(string)) }
func (p *paths) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

func hasTensors(a record.Artifact) bool {
	return slices.ContainsFunc(a.Leaves, func(l record.Leaf) bool { return l.Kind == checkpoint.KindTensor.String() })
}

// name is a file's name as a record can hold it: JSON holds no bytes that are not UTF-8, and names that differ in such alone
// would become one. They are escaped as in Go and Python strings.
func name(path string) string {
	if utf8.ValidString(path) {
		return path
	}
	var b strings.Builder
	for len(path) > 0 {
		r, size := utf8.DecodeRuneInString(path)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, path[0])
		} else {
			b.WriteString(path[:size])
		}
		path = path[size:]
	}
	return b.String()
}

// surplus sums up the files beyond maxArtifacts, whatever their order.
type surplus struct {
	files, bytes   int64
	bytesSum, same digestSum
}

// digestSum combines digests by exclusive or, which does not depend on the order; paths differ, so no two cancel out.
type digestSum [sha256.Size]byte

func (s *digestSum) add(path, digest string) {
	one := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(path), path, digest))
	for i, b := range one {
		s[i] ^= b
	}
}

func (s *surplus) add(change workspace.Change, artifact record.Artifact) {
	s.files++
	s.bytes += change.Size
	s.bytesSum.add(change.Path, artifact.SHA256)
	s.same.add(change.Path, lasting(artifact))
}

// lasting identifies what of a file does not differ by nature. Which values do is said of one file here, of a pair in package
// compare: what only a pair shows, such as short identifiers, counts.
func lasting(a record.Artifact) string {
	if a.Content == "" || a.Format == "text" || a.More > 0 || hasTensors(a) {
		return cmp.Or(a.Content, a.SHA256)
	}
	sum, masked := sha256.New(), false
	for _, l := range a.Leaves {
		value := l.Digest
		text, why := volatile.Mask(l.Text)
		if l.Masked != "" {
			text, why = l.Masked, "masked"
		}
		switch {
		case volatile.Name(l.Name) != "":
			masked = true
			continue
		case l.Kind == checkpoint.KindNumber.String() && volatile.Moment([]byte(l.Text), l.Name):
			masked, value = true, ""
		case l.Kind == checkpoint.KindString.String() && why != "":
			masked, value = true, text
		}
		fmt.Fprintf(sum, "%d:%s%s\n", len(l.Name), l.Name, value)
	}
	if !masked {
		return a.Content
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (s *surplus) artifact() record.Artifact {
	return record.Artifact{Path: fmt.Sprintf("(%d further files)", s.files), Size: s.bytes, Format: "files", Files: int(s.files),
		SHA256: hex.EncodeToString(s.bytesSum[:]), Content: hex.EncodeToString(s.same[:])}
}
