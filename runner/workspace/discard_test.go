package workspace_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/workspace"
)

// TestDiscard looks at what lies in the scratch directory when runs are over: the many small files of one that wrote many.
func TestDiscard(t *testing.T) {
	const many = "i=0; while [ $i -lt 1200 ]; do echo $i > $i; i=$((i+1)); done"
	for _, c := range []struct {
		name, write string
		least, most int // files left, of each run
	}{
		{"many small files", many, 1200, 1210},
		{"and a large one", many + "; head -c 3000000 /dev/zero > large", 1200, 1210},
		{"few files", "echo 1 > 1", 0, 0},
		{"a large file", "head -c 3000000 /dev/zero > large", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var scratch string
			spec := func(t *testing.T) workspace.Spec {
				scratch = t.TempDir()
				t.Cleanup(func() { launch.RemoveAll(scratch) })
				s := workspace.Spec{Project: t.TempDir(), Scratch: scratch, Temp: "/none"}
				project(t, s.Project, map[string]string{"train.py": ""})
				return s
			}
			each(t, spec, func(t *testing.T, prepare func() *workspace.Workspace) {
				const runs = 2
				for range runs {
					w := prepare()
					if found := strings.TrimSpace(sh(t, w, "ls; "+c.write)); found != "train.py" {
						t.Errorf("a run begins with %q, want the project alone", found)
					}
					if err := w.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if files, largest := below(t, scratch); files < runs*c.least || files > runs*c.most || largest > 1<<20 {
					t.Errorf("%d files are left, the largest of %d bytes; want %d to %d small ones", files, largest, runs*c.least, runs*c.most)
				}
			})
		})
	}
}

// below counts the files of a tree and finds the size of the largest.
func below(t *testing.T, root string) (files int, largest int64) {
	t.Helper()
	filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // the kernel keeps a directory that a user may not read
		}
		if info, err := d.Info(); err == nil {
			files, largest = files+1, max(largest, info.Size())
		}
		return nil
	})
	return files, largest
}
