package local

import (
	"cmp"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	checkpoints "github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/metrics"
	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/runner/workspace"
)

const (
	// maxArtifacts is how many files are recorded one by one, those whose paths come first. The rest is one more
	// artifact, so that a run that writes a million files is still compared as a whole.
	maxArtifacts = 20_000
	// maxLeaves bounds the named parts that are kept of one artifact.
	maxLeaves = 20_000
	// maxText is the longest text of a leaf.
	maxText = 200
)

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
		case !single(change.Path):
			if err := rest.add(ctx, change, pids); err != nil {
				return err
			}
			continue
		}
		artifact, series, beside, err := readArtifact(ctx, change, pids)
		if err != nil {
			return fmt.Errorf("reading %q, which the run wrote: %w", change.Path, err)
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

// readArtifact returns also the paths of the other files in which values of this one lie. The numbers of the run's processes count in
// no text.
func readArtifact(ctx context.Context, change workspace.Change, pids []int64) (record.Artifact, []record.Series, []string, error) {
	artifact := record.Artifact{Path: name(change.Path), Size: change.Size, Link: name(change.Link)}
	if change.Link != "" {
		sum := sha256.Sum256([]byte(change.Link))
		artifact.SHA256, artifact.Format = hex.EncodeToString(sum[:]), "symlink"
		return artifact, nil, nil, nil
	}
	f, err := os.Open(change.OnDisk)
	if err != nil {
		return artifact, nil, nil, err
	}
	defer f.Close()
	sum := sha256.New()
	// A buffer no larger than the file, as a run may write a million small ones; and the reader alone, as a file would bring its own.
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{f}, make([]byte, min(change.Size+1, 64<<10))); err != nil {
		return artifact, nil, nil, err
	}
	artifact.SHA256 = hex.EncodeToString(sum.Sum(nil))
	beside, err := readContent(ctx, f, &artifact, pids)
	if err != nil {
		return artifact, nil, nil, err
	}
	if !mayLog(artifact.Format) {
		return artifact, nil, beside, nil
	}
	series, err := metricsOf(f, artifact)
	return artifact, series, beside, err
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

// readContent adds what a checkpoint reader makes of the file. That a file is of no known format, or damaged, is a
// fact about the run and no failure of ours.
func readContent(ctx context.Context, f *os.File, artifact *record.Artifact, pids []int64) (beside []string, err error) {
	if metrics.IsNotebook(artifact.Path) {
		if done, err := addNotebook(f, artifact); done || err != nil {
			return nil, err
		}
	}
	file, err := checkpoints.OpenReader(ctx, f, artifact.Size, artifact.Path)
	if errors.Is(err, checkpoint.ErrUnknownFormat) {
		return nil, maskText(f, artifact, pids)
	}
	if err == nil {
		defer file.Close()
		beside = file.Beside
		err = addContent(ctx, file, artifact, pids)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		artifact.Unread = err.Error()
	}
	return beside, nil
}

func addContent(ctx context.Context, file *checkpoint.File, artifact *record.Artifact, pids []int64) error {
	artifact.Format = file.Format
	digests, err := checkpoint.Digest(ctx, file)
	if err != nil {
		return err
	}
	artifact.Content = digests.Content
	rest := sha256.New()
	for i, entry := range file.Entries {
		if entry.Structure {
			continue
		}
		if len(artifact.Leaves) >= maxLeaves {
			artifact.More++
			fmt.Fprintf(rest, "%d:%s%s", len(entry.Name), entry.Name, digests.Entries[i])
			continue
		}
		leaf := record.Leaf{Name: entry.Name, Kind: entry.Kind.String(), Digest: digests.Entries[i].String()}
		if t := entry.Tensor(); t != nil {
			leaf.DType, leaf.Shape = string(t.DType), t.Shape
		} else {
			leaf.Text = clip(entry.Text)
		}
		if entry.Kind == checkpoint.KindString && (entry.Data.Size() > maxText || strings.Contains(entry.Text, "\n")) {
			masked, isText, err := metrics.MaskedDigest(io.NewSectionReader(entry.Data, 0, entry.Data.Size()), pids...)
			if err != nil {
				return err
			}
			if leaf.Masked = leaf.Digest; isText {
				leaf.Masked = masked
			}
		}
		artifact.Leaves = append(artifact.Leaves, leaf)
	}
	if artifact.More > 0 {
		artifact.Rest = hex.EncodeToString(rest.Sum(nil))
	}
	return nil
}

// addNotebook gives a notebook the digest of its cells and of what they gave, without what is expected to differ. done is false where
// the file is none.
func addNotebook(f *os.File, artifact *record.Artifact) (done bool, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	digest, err := metrics.NotebookDigest(f)
	if errors.Is(err, metrics.ErrNoNotebook) {
		return false, nil
	}
	artifact.Format, artifact.Content = "notebook", digest
	return err == nil, err
}

// maskText gives a text file the digest of its text without what is expected to differ, such as times.
func maskText(f *os.File, artifact *record.Artifact, pids []int64) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	digest, isText, err := metrics.MaskedDigest(f, pids...)
	if err != nil {
		return err
	}
	if isText {
		artifact.Format, artifact.Content = "text", digest
		return nil
	}
	var head [32]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if artifact.Format = volatile.Sniff(head[:n]); artifact.Format == "" {
		artifact.Format, artifact.Content = packedDigest(f, artifact.Size)
	}
	if artifact.Format == "" {
		if artifact.Content = volatile.Fingerprint(f, artifact.Path, artifact.Size); artifact.Content != "" {
			artifact.Format = volatile.FingerprintFormat
		}
	}
	return nil
}

// mayLog reports whether a file of a format may hold metrics: in a saved model, such as one that XGBoost writes as JSON, numbers are
// its parameters.
func mayLog(format string) bool {
	return slices.Contains([]string{"", "text", "json", "notebook"}, format)
}

func metricsOf(f *os.File, artifact record.Artifact) ([]record.Series, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return metrics.ReadFile(artifact.Path, f, artifact.Size)
}

func clip(text string) string {
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText-1]) + "…"
	}
	return text
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

func (s *surplus) add(ctx context.Context, change workspace.Change, pids []int64) error {
	artifact, _, _, err := readArtifact(ctx, change, pids)
	if err != nil {
		return fmt.Errorf("reading %q, which the run wrote: %w", change.Path, err)
	}
	s.files++
	s.bytes += change.Size
	s.bytesSum.add(change.Path, artifact.SHA256)
	s.same.add(change.Path, lasting(artifact))
	return nil
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
