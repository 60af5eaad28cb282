package all_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

// TestFilesOfNoFormat says what a full disk and a crash leave, and other archives.
func TestFilesOfNoFormat(t *testing.T) {
	for want, data := range map[string][]byte{
		"the file is empty":                            {},
		"it begins with 4096 zero bytes":               make([]byte, 1<<20),
		"it begins with 3 zero bytes":                  make([]byte, 3),
		`a ZIP archive that begins with "notes/a.txt"`: stored(t, record{"notes/a.txt", []byte("hello")}),
		"a tar archive":                                append(append([]byte("notes"), make([]byte, 252)...), "ustar\x0000"...),
	} {
		_, err := all.OpenReader(context.Background(), bytes.NewReader(data), int64(len(data)), "model.pt")
		if !errors.Is(err, checkpoint.ErrUnknownFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	text := []byte("some text")
	if _, err := all.OpenReader(context.Background(), bytes.NewReader(text), int64(len(text)), "model.pt"); err != checkpoint.ErrUnknownFormat {
		t.Errorf("a text: %v", err)
	}
}
