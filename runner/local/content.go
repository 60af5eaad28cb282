package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	checkpoints "github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/metrics"
	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/runner/workspace"
)

const (
	// maxLeaves bounds the named parts that are kept of one artifact.
	maxLeaves = 20_000
	// maxText is the longest text of a leaf.
	maxText = 200
)

// written is a file that a run wrote, while it is read.
type written struct {
	*os.File
	artifact *record.Artifact
	// pids are the numbers of the run's processes, which count in no text.
	pids []int64
}

// readArtifact returns also the paths of the other files in which values of this one lie.
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
	w := written{f, &artifact, pids}
	beside, err := w.readContent(ctx)
	if err != nil {
		return artifact, nil, nil, err
	}
	series, err := w.metrics()
	return artifact, series, beside, err
}

// readContent adds what a checkpoint reader makes of the file. That a file is of no known format, or damaged, is a
// fact about the run and no failure of ours.
func (w written) readContent(ctx context.Context) (beside []string, err error) {
	if metrics.IsNotebook(w.artifact.Path) {
		if done, err := w.addNotebook(); done || err != nil {
			return nil, err
		}
	}
	file, err := checkpoints.OpenReader(ctx, w.File, w.artifact.Size, w.artifact.Path)
	if errors.Is(err, checkpoint.ErrUnknownFormat) {
		return nil, w.maskText()
	}
	if err == nil {
		defer file.Close()
		beside = file.Beside
		err = w.addContent(ctx, file)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		w.artifact.Unread = err.Error()
	}
	return beside, nil
}

func (w written) addContent(ctx context.Context, file *checkpoint.File) error {
	artifact := w.artifact
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
			masked, isText, err := metrics.MaskedDigest(io.NewSectionReader(entry.Data, 0, entry.Data.Size()), w.pids...)
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
func (w written) addNotebook() (done bool, err error) {
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	digest, err := metrics.NotebookDigest(w)
	if errors.Is(err, metrics.ErrNoNotebook) {
		return false, nil
	}
	w.artifact.Format, w.artifact.Content = "notebook", digest
	return err == nil, err
}

// maskText gives a text file the digest of its text without what is expected to differ, such as times.
func (w written) maskText() error {
	artifact := w.artifact
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		return err
	}
	digest, isText, err := metrics.MaskedDigest(w, w.pids...)
	if err != nil {
		return err
	}
	if isText {
		artifact.Format, artifact.Content = "text", digest
		return nil
	}
	var head [32]byte
	n, err := w.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if artifact.Format = volatile.Sniff(head[:n]); artifact.Format == "" {
		artifact.Format, artifact.Content = packedDigest(w.File, artifact.Size)
	}
	if artifact.Format == "" {
		if artifact.Content = volatile.Fingerprint(w, artifact.Path, artifact.Size); artifact.Content != "" {
			artifact.Format = volatile.FingerprintFormat
		}
	}
	return nil
}

// metrics reads those that a log holds. In a saved model, such as one that XGBoost writes as JSON, numbers are its parameters.
func (w written) metrics() ([]record.Series, error) {
	if !slices.Contains([]string{"", "text", "json", "notebook"}, w.artifact.Format) {
		return nil, nil
	}
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return metrics.ReadFile(w.artifact.Path, w, w.artifact.Size)
}

func clip(text string) string {
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText-1]) + "…"
	}
	return text
}
