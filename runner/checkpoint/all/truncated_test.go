package all_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestFilesThatAreCutShortAreRefused(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "seeds", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		end := len(data)
		switch filepath.Ext(path) {
		case ".gguf":
			end -= 28 // padding behind the last tensor, of four bytes
		case ".txt":
			// LightGBM's own program ends here; its Python package adds a line.
			end = bytes.Index(data, []byte("end of parameters")) + len("end of parameters")
		}
		if _, err := readAll(data, filepath.Base(path)); err != nil {
			t.Errorf("%s as it is: %v", path, err)
		}
		for n := range end {
			f, err := readAll(data[:n], filepath.Base(path))
			if err == nil {
				t.Errorf("%s, %d of %d bytes: read as %s with %d entries", path, n, len(data), f.Format, len(f.Entries))
			} else if !refusal(err) {
				t.Errorf("%s, %d bytes: untyped error: %v", path, n, err)
			}
		}
	}
}
