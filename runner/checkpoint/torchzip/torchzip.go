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
	limits := pickle.LimitsFor(size)
	p := pickles{file: f, archive: a, size: size, limits: limits, budget: limits.Memory, entries: pyobject.NewCollector(f, size)}
	if err := p.add("", prefix+"data.pkl", prefix+"data/", ""); err != nil {
		return nil, err
	}
	if f.Format == "torchscript" {
		// What a frozen module computes with lies here, and the constants of any code.
		if err := p.add("[constants]", prefix+"constants.pkl", prefix+"constants/", "constants/"); err != nil {
			return nil, err
		}
	}
	if err := p.entries.Done(); err != nil {
		return nil, err
	}
	return f, records(f, a, prefix)
}

// pickles adds the values of an archive's pickles to its entries, in one bounded memory.
type pickles struct {
	file    *checkpoint.File
	archive *ziparchive.Archive
	size    int64
	limits  pickle.Limits
	budget  int64
	entries *pyobject.Collector
}

// add reads the pickle in a record, whose root gets a name, and whose storages lie in a folder. The storages' own names begin
// with keys.
func (p *pickles) add(name, record, folder, keys string) error {
	rec, _ := p.archive.Lookup(record)
	if !rec.Stored() {
		return checkpoint.Unsupported("torch file with compressed records")
	}
	data := rec.Data()
	if name == "" {
		if err := pickle.AddProtocol(p.file, data, rec.Size); err != nil {
			return err
		}
	}
	s := storages{archive: p.archive, folder: folder, keys: keys}
	source := pyobject.Source{File: data, FileSize: p.size, Storage: s.resolve, LoadLegacy: torchlegacy.Storage}
	root, _, err := pickle.Parse(data, 0, rec.Size, pickle.Options{Limits: p.limits, Budget: &p.budget, Call: source.Call})
	if err != nil {
		return err
	}
	if t, ok := root.(*pickle.Tuple); ok && name != "" && len(t.Items) == 0 {
		return nil
	}
	return p.entries.Add(name, root, source)
}

// torchNamed reports whether the first record or the file's name is PyTorch's, so that an archive that cannot be opened
// is a damaged torch file and not just another ZIP file.
func torchNamed(r io.ReaderAt, size int64, name string) bool {
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

// storages resolves persistent ids to records.
type storages struct {
	archive *ziparchive.Archive
	folder  string
	keys    string
}

// resolve reads ("storage", class, key, location, elements).
func (s storages) resolve(id pickle.Value) (*pyobject.Storage, error) {
	t, ok := id.(*pickle.Tuple)
	if !ok || len(t.Items) != 5 || t.Items[0] != pickle.Value("storage") {
		return nil, checkpoint.Damaged("persistent id that names no storage")
	}
	class, ok1 := t.Items[1].(pickle.Global)
	key, ok2 := t.Items[2].(string)
	location, ok3 := t.Items[3].(string)
	n, ok4 := pickle.Int(t.Items[4])
	if !ok1 || !ok2 || !ok3 || !ok4 || n < 0 || n > checkpoint.MaxElements || len(location) > pyobject.MaxDevice {
		return nil, checkpoint.Damaged("persistent id of a storage with parts of other types")
	}
	dtype, err := pyobject.StorageDType(class)
	if err != nil {
		return nil, err
	}
	if location == "meta" {
		return nil, checkpoint.Unsupported("tensor on the meta device, which has no data")
	}
	rec, ok := s.archive.Lookup(s.folder + key)
	if !ok {
		return nil, checkpoint.Damaged("no record for storage %q", checkpoint.Clip(key, 40))
	}
	if !rec.Stored() {
		return nil, checkpoint.Unsupported("torch file with compressed records")
	}
	if want := n * int64(dtype.Bits()/8); rec.Size != want {
		return nil, checkpoint.Damaged("storage %q has %d bytes, its tensor says %d", checkpoint.Clip(key, 40), rec.Size, want)
	}
	return &pyobject.Storage{Key: s.keys + key, DType: dtype, Data: rec.Data(), Size: rec.Size, Device: location}, nil
}
