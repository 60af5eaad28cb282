// Package picklefile reads Python pickles and what joblib.dump writes, compressed or not: models of scikit-learn,
// dictionaries of arrays, states of random number generators.
package picklefile

import (
	"context"
	"io"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/checkpoint/torchlegacy"
)

// Reader reads files of one pickle.
type Reader struct{}

// Format returns "pickle"; files with arrays of joblib are of the format "joblib".
func (Reader) Format() string { return "pickle" }

// Sniff accepts what begins with the opcode PROTO, and, by the name, pickles of protocol 0 and 1, which have no mark.
func (Reader) Sniff(head []byte, name string, _ int64) bool {
	return signature(head) || len(head) > 0 && (strings.HasSuffix(name, ".pkl") || strings.HasSuffix(name, ".pickle"))
}

func signature(head []byte) bool {
	return len(head) >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5
}

// Open reads the pickle.
func (Reader) Open(_ context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	return open(r, size)
}

func open(r io.ReaderAt, size int64) (*checkpoint.File, error) {
	f := &checkpoint.File{Format: "pickle"}
	entries := pyobject.NewCollector(f, size)
	return f, entries.Warn(read(f, entries, r, size))
}

func read(f *checkpoint.File, entries *pyobject.Collector, r io.ReaderAt, size int64) error {
	a := arrays{
		r: r, size: size, budget: pickle.DefaultLimits().Memory, named: entries.Named, outside: map[*pickle.Object]pyobject.Outside{},
	}
	source := pyobject.Source{
		File: r, FileSize: size, Memory: &a.budget, LoadLegacy: torchlegacy.Nested(entries.Named),
		Outside: func(o *pickle.Object) (pyobject.Outside, bool) {
			data, ok := a.outside[o]
			return data, ok
		},
	}
	early := source.Early()
	root, end, err := pickle.Parse(r, 0, size, pickle.Options{
		Budget: &a.budget, Call: early.Call, Built: early.Built, AfterBuild: a.afterBuild, Named: a.named,
	})
	if err != nil {
		return err
	}
	if end != size {
		return checkpoint.Unsupported("file of more than one pickle: %d bytes follow the first", size-end)
	}
	if len(a.outside) > 0 {
		f.Format = "joblib"
	}
	if err := pickle.AddProtocol(f, r, size); err != nil {
		return err
	}
	if err := entries.Add("", root, source); err != nil {
		return err
	}
	return entries.Done()
}

// maxNested bounds the pickles within a file of joblib, one for each array of objects.
const maxNested = 1000

// arrays finds the data that joblib writes into the stream behind the description of each array.
type arrays struct {
	r       io.ReaderAt
	size    int64
	budget  int64
	nested  int
	named   func(pickle.Global)
	outside map[*pickle.Object]pyobject.Outside
}

func (a *arrays) afterBuild(o *pickle.Object, off int64) (int64, error) {
	g, ok := o.Global()
	if !ok || g != (pickle.Global{Module: "joblib.numpy_pickle", Name: "NumpyArrayWrapper"}) {
		return 0, nil
	}
	d, err := pyobject.DescribeArray(o)
	if err != nil {
		return 0, err
	}
	if d.Objects {
		// Within that pickle joblib's wrappers do not occur, because NumPy itself writes it.
		if a.nested++; a.nested > maxNested {
			return 0, checkpoint.Limit("more than %d arrays of objects", maxNested)
		}
		v, end, err := pickle.Parse(a.r, off, a.size, pickle.Options{Budget: &a.budget, Named: a.named})
		a.outside[o] = pyobject.Outside{Objects: v}
		return end - off, err
	}
	skip := int64(0)
	if d.Aligned {
		var padding [1]byte
		if err := checkpoint.ReadFull(a.r, padding[:], off); err != nil {
			return 0, err
		}
		skip = 1 + int64(padding[0])
	}
	if d.Bytes > a.size-off-skip {
		return 0, checkpoint.Damaged("array of %d bytes passes the end of the file", d.Bytes)
	}
	a.outside[o] = pyobject.Outside{Data: checkpoint.Section(a.r, off+skip, d.Bytes)}
	return skip + d.Bytes, nil
}
