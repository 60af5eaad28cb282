// Package stablebaselines reads what Stable-Baselines3 saves of an algorithm: a ZIP archive of a JSON document, in which objects are
// pickles in base64, and of a file of PyTorch for each part (stable_baselines3/common/save_util.py, save_to_zip_file).
package stablebaselines

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/jsonfile"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/checkpoint/torchzip"
	"github.com/reprocheck/reprocheck/runner/checkpoint/ziparchive"
)

const (
	dataName    = "data"
	versionName = "_stable_baselines3_version"
	systemName  = "system_info.txt"
	torchSuffix = ".pth"
	serialized  = ":serialized:"
	// maxData bounds the JSON document, and maxFact the texts about the writer.
	maxData, maxFact = 4 << 20, 4 << 10
	// maxEntries bounds what all files of PyTorch together hold, each of which has bounds of its own.
	maxEntries = 20_000
)

// Reader reads archives of Stable-Baselines3.
type Reader struct{}

// Format returns "stable-baselines3".
func (Reader) Format() string { return "stable-baselines3" }

// Sniff accepts ZIP files that begin with the document.
func (Reader) Sniff(head []byte, _ string, _ int64) bool {
	return ziparchive.FirstName(head) == dataName
}

// Open reads the document and the structure of the files of PyTorch. What the document says of an object besides its pickle, such as the
// addresses of its methods, is no content.
func (Reader) Open(ctx context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	a, err := ziparchive.Open(r, size)
	if err != nil {
		return nil, err
	}
	data, ok := a.Lookup(dataName)
	if _, versioned := a.Lookup(versionName); !ok || !versioned {
		return nil, checkpoint.ErrUnknownFormat
	}
	f := &checkpoint.File{Format: "stable-baselines3", Verify: ziparchive.Verify(r, size), Facts: a.Facts()}
	if err := addDocument(f, data); err != nil {
		return nil, fmt.Errorf("%s: %w", dataName, err)
	}
	for i := range a.Records {
		rec := &a.Records[i]
		switch part, isTorch := strings.CutSuffix(rec.Name, torchSuffix); {
		case rec.Name == dataName:
		case rec.Name == versionName, rec.Name == systemName:
			text, err := read(rec, maxFact)
			if err != nil {
				return nil, err
			}
			f.Facts = append(f.Facts, checkpoint.Fact{Key: rec.Name, Value: strings.TrimSpace(string(text))})
		case isTorch && rec.Stored():
			if err := addTorch(ctx, f, rec, part); err != nil {
				return nil, fmt.Errorf("%s: %w", rec.Name, err)
			}
		default:
			f.Entries = append(f.Entries, rec.Entry())
		}
	}
	return f, checkpoint.CheckNames(f.Entries)
}

// addDocument adds what the JSON document holds, objects as their pickles have them.
func addDocument(f *checkpoint.File, rec *ziparchive.Record) error {
	text, err := read(rec, maxData)
	if err != nil {
		return err
	}
	root, err := jsonfile.Parse(text)
	if err != nil {
		return err
	}
	document, ok := root.(*pickle.Dict)
	if !ok {
		return checkpoint.Damaged("no JSON object")
	}
	budget := pickle.DefaultLimits().Memory
	c := pyobject.NewCollector(f, int64(len(text)))
	plain := &pickle.Dict{}
	for _, pair := range document.Items {
		raw := pickled(pair.Value)
		in := bytes.NewReader(raw)
		value, _, err := pickle.Parse(in, 0, in.Size(), pickle.Options{Budget: &budget, Named: c.Named})
		name, named := pyobject.Name([]pickle.Value{dataName, pair.Key})
		if raw == nil || err != nil || !named {
			plain.Items = append(plain.Items, pair)
			continue
		}
		if err := c.Add(name, value, pyobject.Source{File: in, FileSize: in.Size(), Memory: &budget}); err != nil {
			return c.Warn(err)
		}
	}
	if err := c.Add(dataName, plain, pyobject.Source{File: bytes.NewReader(text), FileSize: int64(len(text)), Memory: &budget}); err != nil {
		return err
	}
	return c.Warn(c.Done())
}

// pickled returns the pickle of an object of the document, nil where a value is none.
func pickled(v pickle.Value) []byte {
	object, ok := v.(*pickle.Dict)
	if !ok {
		return nil
	}
	for _, pair := range object.Items {
		if text, isText := pair.Value.(string); isText && pair.Key == serialized {
			if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
				return raw
			}
		}
	}
	return nil
}

// addTorch adds the values of a file of PyTorch under the name of its part.
func addTorch(ctx context.Context, f *checkpoint.File, rec *ziparchive.Record, part string) error {
	inner, err := torchzip.Reader{}.Open(ctx, rec.Data(), rec.Size, rec.Name)
	if err != nil {
		return err
	}
	f.OnClose(inner)
	if len(f.Entries)+len(inner.Entries) > maxEntries {
		return checkpoint.Limit("more than %d values", maxEntries)
	}
	for _, e := range inner.Entries {
		e.Name = keypath.Within(part, e.Name)
		f.Entries = append(f.Entries, e)
	}
	for _, s := range inner.RNG {
		f.RNG = append(f.RNG, checkpoint.RNGState{Name: keypath.Within(part, s.Name), Generator: s.Generator})
	}
	for _, finding := range inner.Findings {
		finding.Name = keypath.Within(part, finding.Name)
		f.Findings = append(f.Findings, finding)
	}
	return nil
}

func read(rec *ziparchive.Record, most int64) ([]byte, error) {
	if rec.Size > most {
		return nil, checkpoint.Limit("%s of %d bytes", rec.Name, rec.Size)
	}
	p := make([]byte, rec.Size)
	return p, checkpoint.ReadFull(rec.Data(), p, 0)
}
