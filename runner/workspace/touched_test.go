package workspace

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestTouchedSince(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "linked")
	write := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	nothing := func(string, fs.FileInfo) bool { return false }
	for _, test := range []struct {
		name  string
		after func(root string) error
		want  []string
	}{
		{"nothing", func(string) error { return nil }, nil},
		{"a file's content", func(root string) error { return os.WriteFile(root+"/data/a", []byte("y"), 0o644) }, []string{"data/a"}},
		{"a file's content, its date put back", func(root string) error {
			if err := os.WriteFile(root+"/data/a", []byte("y"), 0o644); err != nil {
				return err
			}
			return os.Chtimes(root+"/data/a", time.Unix(1, 0), time.Unix(1, 0))
		}, []string{"data/a"}},
		{"a new file", func(root string) error { return os.WriteFile(root+"/data/b", nil, 0o644) }, []string{"data/b"}},
		{"a file that is gone", func(root string) error { return os.Remove(root + "/data/a") }, []string{"data/"}},
		{"what a link names", func(root string) error { return os.WriteFile(outside, []byte("y"), 0o644) }, []string{"link"}},
		{"what was to be skipped", func(root string) error { return os.WriteFile(root+"/.git/index", []byte("y"), 0o644) }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			for _, path := range []string{outside, root + "/data/a", root + "/train.py", root + "/.git/index"} {
				write(path)
			}
			if err := os.Symlink(outside, root+"/link"); err != nil {
				t.Fatal(err)
			}
			since, err := markTime(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			// The next change has to fall into another tick of the file system's clock.
			time.Sleep(30 * time.Millisecond)
			before := time.Now()
			if err := test.after(root); err != nil {
				t.Fatal(err)
			}
			got := TouchedSince(root, since, nothing)
			if !slices.Equal(got.Paths, test.want) {
				t.Errorf("%q, want %q", got.Paths, test.want)
			}
			if len(test.want) > 0 && (got.Last.Before(before.Add(-20*time.Millisecond)) || got.Last.After(time.Now())) {
				t.Errorf("changed at %v, want some time after %v", got.Last, before)
			}
		})
	}
}

func TestTouchedSinceSkips(t *testing.T) {
	root := t.TempDir()
	for _, path := range []string{root + "/log", root + "/data"} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := TouchedSince(root, time.Time{}, func(path string, _ fs.FileInfo) bool { return path == root+"/log" })
	if want := []string{"data"}; !slices.Equal(got.Paths, want) {
		t.Errorf("%q, want %q", got.Paths, want)
	}
}
