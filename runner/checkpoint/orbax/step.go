package orbax

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/jsonfile"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

// maxStep bounds what is read of what is said about a step.
const maxStep = 4 << 20

// StepReader reads what Orbax says of a step beside its checkpoints: metrics and what the user added. The times of saving are no
// content.
type StepReader struct{}

// Format returns "orbax-step".
func (StepReader) Format() string { return "orbax-step" }

// Sniff knows the file by its name and by the keys that it always has.
func (StepReader) Sniff(head []byte, name string, _ int64) bool {
	return name == StepMetadataName && bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{"))
}

// Open reads the whole file.
func (StepReader) Open(_ context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	d, err := parseStep(r, size)
	if err != nil {
		return nil, err
	}
	f := &checkpoint.File{Format: "orbax-step", Facts: times(d)}
	d.Items = slices.DeleteFunc(d.Items, func(x pickle.Pair) bool { return isTime(x.Key) })
	return f, pyobject.Entries(f, d, pyobject.Source{File: r, FileSize: size})
}

func parseStep(r io.ReaderAt, size int64) (*pickle.Dict, error) {
	if size > maxStep {
		return nil, checkpoint.Limit("%s of more than %d MiB", StepMetadataName, maxStep>>20)
	}
	text := make([]byte, size)
	if err := checkpoint.ReadFull(r, text, 0); err != nil {
		return nil, err
	}
	v, err := jsonfile.Parse(text)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, checkpoint.Damaged("%s is no object", StepMetadataName)
	}
	return d, nil
}

const timeKey = "_timestamp_nsecs"

func isTime(key pickle.Value) bool {
	text, ok := key.(string)
	return ok && strings.HasSuffix(text, timeKey)
}

// times are those of the beginning and the end of saving.
func times(d *pickle.Dict) (facts []checkpoint.Fact) {
	for _, x := range d.Items {
		if n, ok := x.Value.(int64); ok && isTime(x.Key) {
			key := strings.TrimSuffix(x.Key.(string), timeKey) + " time"
			facts = append(facts, checkpoint.Fact{Key: checkpoint.Clip(key, 40), Value: time.Unix(0, n).UTC().Format(time.RFC3339Nano)})
		}
	}
	return facts
}

// timesBeside are those in the file beside a checkpoint, none where it has none or an unreadable one.
func timesBeside(dir string) []checkpoint.Fact {
	path := filepath.Join(dir, StepMetadataName)
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	r, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer r.Close()
	d, err := parseStep(r, info.Size())
	if err != nil {
		return nil
	}
	return times(d)
}
