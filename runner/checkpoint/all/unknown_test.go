package all_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// TestOtherFilesAreNoDamagedCheckpoints: what a run writes beside its checkpoints is of no known format, and nothing is
// wrong with it.
func TestOtherFilesAreNoDamagedCheckpoints(t *testing.T) {
	part := stored(t, record{"archive/data.pkl", []byte("\x80\x02].")})
	for name, data := range map[string][]byte{
		"__0_0.distcp": append(slices.Clone(part), part...),
		"train.log":    []byte("[INFO] epoch 1\n[INFO] epoch 2\n"),
		"long.log":     []byte("[INFO]" + strings.Repeat(" x", 9<<20)),
		"metrics.txt":  []byte("{\"loss\": 1}\n{\"loss\": 0.5}\n"),
		"notes.zip":    stored(t, record{"readme.txt", []byte("hello")}),
		"twice.zip":    stored(t, record{"readme.txt", []byte("a")}, record{"readme.txt", []byte("b")}),
		"cut.zip":      stored(t, record{"readme.txt", []byte("hello")})[:60],
		"x.txt":        []byte("x^2 + y^2"),
		"BZh.txt":      []byte("BZhaus is no bzip2"),
		"picture.png":  []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 100)),
		"program":      []byte("\x7fELF" + strings.Repeat("\x00", 100)),
		"empty":        {},
		"weights.bin2": make([]byte, 4096),
	} {
		if _, err := readAll(data, name); !errors.Is(err, checkpoint.ErrUnknownFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCutShortCheckpointsAreRefused(t *testing.T) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "seeds", "*"))
	if err != nil || len(seeds) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	for _, path := range seeds {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if _, err := readAll(data, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for part := 1; part < 10; part++ {
			f, err := readAll(data[:len(data)*part/10], name)
			if err == nil {
				t.Errorf("%s cut to %d tenths is read as %d values", name, part, len(f.Entries))
			} else if !refusal(err) {
				t.Errorf("%s cut to %d tenths: untyped error %v", name, part, err)
			}
		}
	}
}

// TestSeveralObjectsInOneFileAreRefused: torch.load reads one after the other from a file that is open, and the first alone from
// its name.
func TestSeveralObjectsInOneFileAreRefused(t *testing.T) {
	for _, name := range []string{"state_legacy.pt", "p5.pkl"} {
		data, err := os.ReadFile(filepath.Join("testdata", "seeds", name))
		if err != nil {
			t.Fatal(err)
		}
		var unsupported *checkpoint.UnsupportedError
		if _, err := readAll(append(slices.Clone(data), data...), name); !errors.As(err, &unsupported) {
			t.Errorf("%s twice: %v", name, err)
		}
	}
}
