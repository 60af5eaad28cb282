// Package picklefile reads plain Python pickles, such as models of scikit-learn or dictionaries of arrays.
package picklefile

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/checkpoint/torchlegacy"
)

// Reader reads files of one pickle.
type Reader struct{}

// Format returns "pickle".
func (Reader) Format() string { return "pickle" }

// Sniff accepts what begins with the opcode PROTO, and, by the name, pickles of protocol 0 and 1, which have no mark.
func (Reader) Sniff(head []byte, name string, _ int64) bool {
	if len(head) >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5 {
		return true
	}
	return len(head) > 0 && (strings.HasSuffix(name, ".pkl") || strings.HasSuffix(name, ".pickle"))
}

// Open reads the pickle.
func (Reader) Open(_ context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	root, end, err := pickle.Parse(r, 0, size, pickle.Options{})
	if err != nil {
		return nil, err
	}
	if end != size {
		return nil, fmt.Errorf("%d bytes behind the pickle: %w", size-end, checkpoint.Unsupported("file of more than one pickle"))
	}
	f := &checkpoint.File{Format: "pickle"}
	return f, pyobject.Entries(f, root, pyobject.Source{File: r, FileSize: size, LoadLegacy: torchlegacy.Storage})
}
