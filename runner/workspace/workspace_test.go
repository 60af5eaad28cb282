package workspace_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/workspace"
)

func TestMain(m *testing.M) {
	if code, ran := launch.RunIfStub(os.Args); ran {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// project writes a tree of files; a value that begins with "->" is a symbolic link, a path that ends in a slash a directory.
func project(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := bytes.CutPrefix([]byte(content), []byte("->")); link {
			err = os.Symlink(string(target), path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// sh runs a script in the workspace and returns its output.
func sh(t *testing.T, w *workspace.Workspace, script string, env ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	p, err := launch.Start(t.Context(), launch.Command{
		Argv: []string{"sh", "-ec", script}, Dir: w.Dir(), Env: w.Env(append(os.Environ(), env...)),
		Mounts: w.Mounts(), Ground: w.Ground(), Stdout: &out, Stderr: &errs,
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := p.Wait()
	if err != nil || o.Code != 0 {
		t.Fatalf("%s: %+v, %v\n%s", script, o, err, errs.String())
	}
	return out.String()
}

// changes lists the changes as "added path", sorted, with the content of regular files.
func changes(t *testing.T, w *workspace.Workspace) []string {
	t.Helper()
	var all []string
	for c, err := range w.Changes() {
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		line := fmt.Sprintf("%s %q", c.Op, c.Path)
		switch {
		case c.Link != "":
			line += " -> " + c.Link
		case c.Special != "":
			line += " " + c.Special
		case c.Op != workspace.Deleted:
			content, err := os.ReadFile(c.OnDisk)
			if err != nil {
				t.Fatal(err)
			}
			line += fmt.Sprintf(" %q", content)
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

// each runs a test for every kind that can be had here.
func each(t *testing.T, spec func(t *testing.T) workspace.Spec, test func(t *testing.T, prepare func() *workspace.Workspace)) {
	for _, kind := range []workspace.Kind{workspace.Overlay, workspace.Reflink, workspace.Clonefile, workspace.Copy} {
		t.Run(string(kind), func(t *testing.T) {
			s := spec(t)
			s.Kind = kind
			test(t, func() *workspace.Workspace {
				w, err := workspace.Prepare(t.Context(), s)
				if err != nil {
					t.Skipf("not to be had here: %v", err)
				}
				t.Cleanup(func() { w.Close() })
				return w
			})
		})
	}
}

func TestChanges(t *testing.T) {
	tree := map[string]string{
		"train.py": "print()", "data/a.csv": "1,2", "data/b.csv": "3,4", "old/x": "x", "old/y": "y",
		"same.txt": "same", "link": "->train.py", "gone": "g", "becomes-dir": "f", "becomes-file/z": "z",
		"again/kept": "k", "again/lost": "l", ".reprocheck/record": "secret",
	}
	script := `
test ! -e .reprocheck
echo new > out.txt
mkdir -p ckpt/deep; printf w > ckpt/deep/w.pt
printf 9 >> data/a.csv
printf same > same.tmp; mv same.tmp same.txt
rm gone; rm -r old
rm becomes-dir; mkdir becomes-dir; printf 1 > becomes-dir/inner
rm -r becomes-file; printf 2 > becomes-file
ln -sf data link2; ln -sfn data link
rm -r again; mkdir again; printf k > again/kept; printf n > again/new
printf odd > "line
break"
mkfifo pipe
printf s > unreadable; chmod 0 unreadable
mkdir locked; printf s > locked/in; chmod 0 locked
`
	want := []string{
		`added "becomes-dir/inner" "1"`, `added "becomes-file" "2"`, `added "again/new" "n"`,
		`added "ckpt/deep/w.pt" "w"`, `added "line\nbreak" "odd"`, `added "link2" -> data`, `added "out.txt" "new\n"`,
		`added "pipe" fifo`, `added "unreadable" "s"`, `added "locked/in" "s"`, `deleted "again/lost"`, `deleted "becomes-dir"`, `deleted "becomes-file/z"`, `deleted "gone"`,
		`deleted "old/x"`, `deleted "old/y"`, `modified "data/a.csv" "1,29"`, `modified "link" -> data`,
	}
	slices.Sort(want)
	spec := func(t *testing.T) workspace.Spec {
		s := workspace.Spec{Project: t.TempDir(), Scratch: t.TempDir(), Home: t.TempDir(), Hide: []string{".reprocheck"}}
		project(t, s.Project, tree)
		if err := os.Mkdir(s.Project+"/private", 0); err != nil { // a normal user cannot read it
			t.Fatal(err)
		}
		return s
	}
	each(t, spec, func(t *testing.T, prepare func() *workspace.Workspace) {
		var dirs []string
		for range 2 {
			w := prepare()
			dirs = append(dirs, w.Dir())
			sh(t, w, script)
			if got := changes(t, w); !slices.Equal(got, want) {
				t.Errorf("changes\n%q\nwant\n%q", got, want)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		if dirs[0] != dirs[1] {
			t.Errorf("runs one after another worked at different paths: %q", dirs)
		}
	})
}
