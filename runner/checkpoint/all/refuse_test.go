package all_test

import (
	"os"
	"strings"
	"testing"
)

// refuseAll requires every file to be refused with a short, typed error, and not by a panic.
func refuseAll(t *testing.T, files map[string][]byte, base string) {
	t.Helper()
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			f, err := readAll(data, base)
			switch {
			case err == nil:
				t.Errorf("read as %s:\n%s", f.Format, entriesText(f))
			case !refusal(err):
				t.Errorf("untyped error: %v", err)
			case strings.Contains(err.Error(), "the reader failed") || len(err.Error()) > 500:
				t.Errorf("a panic, or a message of %d bytes: %.500s", len(err.Error()), err)
			}
		})
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// seed adds the smaller of the files to a fuzz target.
func seed(f *testing.F, files map[string][]byte) {
	for _, data := range files {
		if len(data) < 64<<10 {
			f.Add(data)
		}
	}
}
