// Package npz reads NumPy's .npz archives, stored or compressed: a ZIP file with one .npy record for each array.
package npz

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npyfile"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tempcopy"
	"github.com/reprocheck/reprocheck/runner/checkpoint/ziparchive"
)

// Reader reads .npz files.
type Reader struct{}

// Format returns "npz".
func (Reader) Format() string { return "npz" }

// Sniff accepts ZIP files whose first record is an array.
func (Reader) Sniff(head []byte, _ string, _ int64) bool {
	return strings.HasSuffix(ziparchive.FirstName(head), ".npy")
}

// Open reads the headers of all arrays.
func (Reader) Open(ctx context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	a, err := ziparchive.Open(r, size)
	if err != nil {
		return nil, err
	}
	f := &checkpoint.File{Format: "npz", Facts: a.Facts(), Verify: ziparchive.Verify(r, size)}
	copies := &tempcopy.File{}
	f.OnClose(copies)
	arrays := npyfile.NewArrays(f, size, copies.Copy)
	f.Entries = append(make([]checkpoint.Entry, 0, 1+len(a.Records)), checkpoint.Entry{
		Kind: checkpoint.KindObject, Type: "dict", Text: strconv.Itoa(len(a.Records)), Structure: true,
		Data: checkpoint.Text(strconv.Itoa(len(a.Records))),
	})
	for i := range a.Records {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rec := &a.Records[i]
		name, ok := strings.CutSuffix(rec.Name, ".npy")
		if !ok {
			return nil, checkpoint.ErrUnknownFormat
		}
		if err := arrays.Add(keypath.Join("", name), rec.Data(), rec.CRC32); err != nil {
			return nil, fmt.Errorf("array %q: %w", checkpoint.Clip(name, 80), err)
		}
	}
	return f, arrays.Done()
}
