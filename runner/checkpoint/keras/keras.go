// Package keras reads .keras files: a ZIP archive with the model's configuration and its weights as HDF5.
package keras

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/hdf5"
	"github.com/reprocheck/reprocheck/runner/checkpoint/kerascode"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/checkpoint/ziparchive"
)

const (
	configName   = "config.json"
	metadataName = "metadata.json"
	weightsName  = "model.weights.h5"
	// maxConfig bounds the configuration.
	maxConfig = 8 << 20
)

// Reader reads .keras files.
type Reader struct{}

// Format returns "keras".
func (Reader) Format() string { return "keras" }

// Sniff accepts ZIP files that begin with one of the three records.
func (Reader) Sniff(head []byte, _ string, _ int64) bool {
	switch ziparchive.FirstName(head) {
	case configName, metadataName, weightsName:
		return true
	}
	return false
}

// Open reads the structure of the weights. The configuration is content, as one string in which shared objects are numbered, and
// so are further files, such as the vocabulary of a layer; the metadata, which hold the time of saving, are not.
func (Reader) Open(ctx context.Context, r io.ReaderAt, size int64, name string) (*checkpoint.File, error) {
	a, err := ziparchive.Open(r, size)
	if err != nil {
		return nil, err
	}
	weights, ok1 := a.Lookup(weightsName)
	config, ok2 := a.Lookup(configName)
	if !ok1 || !ok2 {
		return nil, checkpoint.ErrUnknownFormat
	}
	if !weights.Stored() {
		return nil, checkpoint.Unsupported("compressed weights in a .keras file")
	}
	f, err := hdf5.Reader{}.Open(ctx, weights.Data(), weights.Size, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", weightsName, err)
	}
	f.Format, f.Verify = "keras", ziparchive.Verify(r, size)
	f.Facts = append(f.Facts, a.Facts()...)
	text, err := read(config)
	if err != nil {
		return nil, err
	}
	e := pyobject.StringEntry(numbered(text))
	e.Name = configName
	f.Findings = append(f.Findings, kerascode.Findings(configName, text)...)
	f.Entries = append(f.Entries, e)
	for i := range a.Records {
		switch rec := &a.Records[i]; {
		case rec.Name == weightsName || rec.Name == configName || strings.HasSuffix(rec.Name, "/") && rec.Size == 0:
		case rec.Name == metadataName:
			text, err := read(rec)
			if err != nil {
				return nil, err
			}
			f.Facts = append(f.Facts, checkpoint.Fact{Key: metadataName, Value: checkpoint.Clip(text, 1000)})
		default:
			f.Entries = append(f.Entries, rec.Entry())
		}
	}
	return f, checkpoint.CheckNames(f.Entries)
}

// sharedObject is what the configuration says of an object that several layers share: its address in memory, as id() gives it, which
// is another one in every process. Within a string of JSON the quotes would be escaped.
var sharedObject = regexp.MustCompile(`("shared_object_id":\s*)([0-9]+)`)

// numbered numbers shared objects as they appear, from 0, where the configuration has their addresses.
func numbered(config string) string {
	numbers := map[string]int{}
	return sharedObject.ReplaceAllStringFunc(config, func(found string) string {
		parts := sharedObject.FindStringSubmatch(found)
		n, known := numbers[parts[2]]
		if !known {
			n = len(numbers)
			numbers[parts[2]] = n
		}
		return parts[1] + strconv.Itoa(n)
	})
}

func read(rec *ziparchive.Record) (string, error) {
	if rec.Size > maxConfig {
		return "", checkpoint.Limit("%s of %d bytes", rec.Name, rec.Size)
	}
	p := make([]byte, rec.Size)
	err := checkpoint.ReadFull(rec.Data(), p, 0)
	return string(p), err
}
