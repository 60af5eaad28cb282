package torchzip

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/checkpoint/ziparchive"
)

// maxCode bounds the code of a TorchScript file, which is held.
const maxCode = 8 << 20

// records returns what lies in the archive beside the pickles and their storages: the code of TorchScript, the files that
// torch.jit.save was given, and whatever else.
func records(a *ziparchive.Archive, prefix string, torchScript bool) (entries []checkpoint.Entry, err error) {
	left := int64(maxCode)
	var code []source
	for i := range a.Records {
		rec := &a.Records[i]
		name := strings.TrimPrefix(rec.Name, prefix)
		switch {
		case ofFormat(name) || strings.HasSuffix(name, "/") && rec.Size == 0:
		case torchScript && strings.HasPrefix(name, "code/"):
			if left -= rec.Size; left < 0 {
				return nil, checkpoint.Limit("TorchScript code of more than %d MiB", maxCode>>20)
			}
			text, err := io.ReadAll(io.NewSectionReader(rec.Data(), 0, rec.Size))
			if err != nil {
				return nil, err
			}
			if !utf8.Valid(text) {
				return nil, checkpoint.Damaged("TorchScript code %q that is no text", checkpoint.Clip(name, 80))
			}
			code = append(code, source{name, string(text)})
		default:
			e := rec.Entry()
			e.Name = recordName(name)
			entries = append(entries, e)
		}
	}
	for _, s := range canonical(code) {
		e := pyobject.StringEntry(s.text)
		e.Name = recordName(s.name)
		entries = append(entries, e)
	}
	return entries, nil
}

func recordName(name string) string { return "[record " + name + "]" }

// ofFormat reports whether a record is one that files of every content have, or is read together with a pickle, or says
// which lines of which source file code was compiled from.
func ofFormat(name string) bool {
	switch name {
	case "data.pkl", "constants.pkl":
		return true
	}
	return slices.Contains(factRecords, name) || strings.HasPrefix(name, ".data/") || strings.HasPrefix(name, "data/") ||
		strings.HasPrefix(name, "constants/") || strings.HasSuffix(name, ".debug_pkl")
}
