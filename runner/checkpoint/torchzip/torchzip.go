// Package torchzip reads what torch.save writes since PyTorch 1.6: a ZIP archive with a pickle and one record for each
// storage. Lightning's .ckpt files are the same.
package torchzip

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/dcp"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/checkpoint/torchlegacy"
	"github.com/reprocheck/reprocheck/runner/checkpoint/ziparchive"
)

// Reader reads torch zip files.
type Reader struct{}

// Format returns "torch-zip".
func (Reader) Format() string { return "torch-zip" }

// Sniff accepts any ZIP file; Open decides by its records.
func (Reader) Sniff(head []byte, _ string, _ int64) bool { return ziparchive.Signature(head) }

// Open reads the structure of a torch zip file.
func (Reader) Open(_ context.Context, r io.ReaderAt, size int64, name string) (*checkpoint.File, error) {
	a, err := ziparchive.Open(r, size)
	if err != nil {
		if !torchNamed(r, size, name) {
			return nil, fmt.Errorf("%w: %w", checkpoint.ErrUnknownFormat, err)
		}
		return nil, err
	}
	prefix, ok := prefixOf(a)
	if !ok {
		return nil, checkpoint.ErrUnknownFormat
	}
	f := &checkpoint.File{Format: "torch-zip", Verify: ziparchive.Verify(r, size)}
	if err := facts(f, a, prefix); err != nil {
		return nil, err
	}
	others, err := records(a, prefix, f.Format == "torchscript")
	if err != nil {
		return nil, err
	}
	parts := []*part{{record: "data.pkl", folder: "data/"}}
	if f.Format == "torchscript" {
		// What a frozen module computes with lies here, and the constants of any code.
		parts = append(parts, &part{name: "[constants]", record: "constants.pkl", folder: "constants/"})
	}
	for _, p := range parts {
		if err := p.find(r, a, prefix); err != nil {
			return nil, err
		}
	}
	// From here on the archive is not held: its records may be very many.
	memory := pickle.DefaultLimits().Memory
	entries := pyobject.NewCollector(f, size)
	for _, p := range parts {
		if err := p.add(f, entries, size, &memory); err != nil {
			return nil, entries.Warn(err)
		}
	}
	if err := entries.Done(); err != nil {
		return nil, entries.Warn(err)
	}
	f.Entries = append(f.Entries, others...)
	return f, checkpoint.CheckNames(f.Entries)
}

// part is a pickle of an archive with the storages that it refers to.
type part struct {
	name           string // of its root
	record, folder string
	pickle         checkpoint.Data
	storages       *storages
}

func (p *part) find(r io.ReaderAt, a *ziparchive.Archive, prefix string) error {
	rec, _ := a.Lookup(prefix + p.record)
	if !rec.Stored() {
		return checkpoint.Unsupported("torch file with compressed records")
	}
	p.pickle, p.storages = rec.Data(), storagesOf(r, a, prefix+p.folder)
	return nil
}

// add reads the pickle into the entries of f, in the memory that those of a file share.
func (p *part) add(f *checkpoint.File, entries *pyobject.Collector, size int64, memory *int64) error {
	if p.name == "" {
		if err := pickle.AddProtocol(f, p.pickle, p.pickle.Size()); err != nil {
			return err
		}
	}
	source := pyobject.Source{
		File: p.pickle, FileSize: size, Memory: memory, Storage: p.storages.resolve, LoadLegacy: torchlegacy.Nested(entries.Named),
	}
	root, _, err := pickle.Parse(p.pickle, 0, p.pickle.Size(), pickle.Options{Budget: memory, Call: source.Early().Call, Named: entries.Named})
	if err != nil {
		return err
	}
	if t, ok := root.(*pickle.Tuple); ok && p.name != "" && len(t.Items) == 0 {
		return nil
	}
	return entries.Add(p.name, root, source)
}

// torchNamed reports whether the first record or the file's name is PyTorch's, so that an archive that cannot be opened
// is a damaged torch file and not just another ZIP file.
func torchNamed(r io.ReaderAt, size int64, name string) bool {
	if filepath.Ext(name) == dcp.Suffix {
		return false // several of them, one after the other
	}
	head := make([]byte, min(size, 1024))
	if err := checkpoint.ReadFull(r, head, 0); err != nil {
		return false
	}
	if first := ziparchive.FirstName(head); strings.HasSuffix(first, "/data.pkl") || strings.Contains(first, "/data/") {
		return true
	}
	switch filepath.Ext(name) {
	case ".pt", ".pth", ".ckpt", ".bin":
		return true
	}
	return false
}

// prefixOf finds the folder that everything is in: the file's name when it was written, or "archive".
func prefixOf(a *ziparchive.Archive) (string, bool) {
	for _, rec := range a.Records {
		dir, ok := strings.CutSuffix(rec.Name, "data.pkl")
		if ok && strings.HasSuffix(dir, "/") && strings.Count(dir, "/") == 1 {
			return dir, true
		}
	}
	return "", false
}

// factRecords are small records that describe the file.
var factRecords = []string{"version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"}

// facts reads the small records that describe the file.
func facts(f *checkpoint.File, a *ziparchive.Archive, prefix string) error {
	for _, name := range factRecords {
		rec, ok := a.Lookup(prefix + name)
		if !ok || rec.Size > 100 {
			continue
		}
		text := make([]byte, rec.Size)
		if err := checkpoint.ReadFull(rec.Data(), text, 0); err != nil {
			return err
		}
		value := strings.TrimSpace(string(text))
		if name == "byteorder" && value != "little" {
			return checkpoint.Unsupported("torch file in byte order %q", value)
		}
		f.Facts = append(f.Facts, checkpoint.Fact{Key: name, Value: value})
	}
	f.Facts = append(f.Facts, checkpoint.Fact{Key: "archive name", Value: strings.TrimSuffix(prefix, "/")})
	f.Facts = append(f.Facts, a.Facts()...)
	if _, ok := a.Lookup(prefix + "constants.pkl"); ok {
		f.Format = "torchscript"
	}
	return nil
}
