package all_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestContentDigestSeesContentAndNothingElse(t *testing.T) {
	dir := write(t, "write_pairs.py", "torch", "numpy")
	paths, err := filepath.Glob(filepath.Join(dir, "*.a"))
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d pairs in %s: %v", len(paths), dir, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".a"), func(t *testing.T) {
			a, digestA := open(t, path)
			other := strings.TrimSuffix(path, ".a") + ".b"
			if target, err := os.Readlink(other); err == nil {
				other = filepath.Join(dir, target)
			}
			b, digestB := open(t, other)
			wantSame := strings.HasSuffix(path, ".same.a")
			if same := digestA.Content == digestB.Content; same != wantSame {
				t.Errorf("content digests equal: %t, want %t\n%s\n%s", same, wantSame, entriesText(a), entriesText(b))
			}
		})
	}
}
