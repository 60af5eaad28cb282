package workspace_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/workspace"
)

// overlay prepares an overlay, or skips.
func overlay(t *testing.T, s workspace.Spec) *workspace.Workspace {
	t.Helper()
	s.Kind = workspace.Overlay
	if s.Scratch == "" {
		s.Scratch = t.TempDir()
	}
	w, err := workspace.Prepare(t.Context(), s)
	if err != nil {
		t.Skipf("not to be had here: %v", err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestPlaces puts the project, HOME and the directory for temporary files in each other, and looks at where writes go.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		name                string
		project, home, temp string
		want                []string // changes of the project
	}{
		{"apart", "p", "h", "t", nil},
		{"project in HOME", "h/p", "h", "t", nil},
		{"HOME in project", "p", "p/h", "t", []string{`added "h/.cache/x" "c\n"`}},
		{"HOME is the project", "p", "p", "t", []string{`added ".cache/x" "c\n"`}},
		{"temp in project", "p", "h", "p/t", []string{`added "t/tmpfile" "t\n"`}},
		{"project in temp", "t/p", "h", "t", nil},
		{"project and HOME in temp", "t/h/p", "t/h", "t", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			at := func(rel string) string { return filepath.Join(root, rel) }
			for _, dir := range []string{c.project, c.home + "/.cache", c.temp} {
				if err := os.MkdirAll(at(dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			project(t, root, map[string]string{c.project + "/in.txt": "in"})
			spec := workspace.Spec{Project: at(c.project), Home: at(c.home), Temp: at(c.temp)}
			for range 2 {
				w := overlay(t, spec)
				if w.Dir() != at(c.project) {
					t.Errorf("the run works at %s, want %s", w.Dir(), at(c.project))
				}
				sh(t, w, `
					test ! -e out.txt; test ! -e "$HOME/.cache/x"; test ! -e "$TMPDIR/tmpfile"
					cat in.txt > out.txt; echo c > "$HOME/.cache/x"; echo t > "$TMPDIR/tmpfile"`,
					"HOME="+at(c.home), "TMPDIR="+at(c.temp))
				want := append([]string{`added "out.txt" "in"`}, c.want...)
				slices.Sort(want)
				if got := changes(t, w); !slices.Equal(got, want) {
					t.Errorf("changes %q, want %q; limits %q", got, want, w.Limits())
				}
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			}
			for _, path := range []string{c.project + "/out.txt", c.home + "/.cache/x", c.temp + "/tmpfile"} {
				if exists(at(path)) {
					t.Errorf("%s reached the user's own directory", path)
				}
			}
		})
	}
}

func TestLinkedProject(t *testing.T) {
	root := t.TempDir()
	project(t, root, map[string]string{"real/p/in.txt": "in", "link": "->real"})
	w := overlay(t, workspace.Spec{Project: root + "/link/p"})
	if w.Dir() != root+"/link/p" {
		t.Errorf("the run works at %s", w.Dir())
	}
	sh(t, w, `cp in.txt ../p/out.txt`)
	if got := changes(t, w); !slices.Equal(got, []string{`added "out.txt" "in"`}) {
		t.Errorf("changes %q", got)
	}
}

func TestShared(t *testing.T) {
	root := t.TempDir()
	project(t, root, map[string]string{"p/in.txt": "in", "t/channel/old": "old"})
	s := workspace.Spec{Project: root + "/p", Temp: root + "/t", Share: []string{root + "/t/channel"}}
	w := overlay(t, s)
	sh(t, w, `echo message > ../t/channel/new; echo private > ../t/other`)
	if !exists(root+"/t/channel/new") || exists(root+"/t/other") {
		t.Error("the shared directory is not shared, or more than it is")
	}
}

func TestCover(t *testing.T) {
	root := t.TempDir()
	project(t, root, map[string]string{"p/in.txt": "in", "data/set": "old"})
	w := overlay(t, workspace.Spec{Project: root + "/p", Temp: root + "/none", Cover: []string{root + "/data"}})
	sh(t, w, `echo new > ../data/set; echo new > ../data/more; rm -f ../data/gone`)
	if b, _ := os.ReadFile(root + "/data/set"); string(b) != "old" || exists(root+"/data/more") {
		t.Error("a covered directory was written to")
	}
}

// TestLeft has a run find in HOME and the temporary directory what the one before it left there, and in the project nothing.
func TestLeft(t *testing.T) {
	root := t.TempDir()
	project(t, root, map[string]string{"p/in.txt": "in", "home/.state": "old", "home/gone": "x", "t/there/old": "x"})
	s := workspace.Spec{Project: root + "/p", Home: root + "/home", Temp: root + "/t", Scratch: t.TempDir()}
	const look = `cat ../home/.state; ls ../home ../t .`
	run := func(found bool, script string) (out string, left []string) {
		s.Found = found
		w := overlay(t, s)
		out = sh(t, w, script)
		for file := range w.Left() {
			if strings.HasPrefix(file.Path, s.Scratch+"/") {
				continue
			}
			name := strings.TrimPrefix(file.Path, root)
			if file.Kept {
				name += " kept"
			}
			left = append(left, name)
		}
		slices.Sort(left)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out, left
	}
	before, _ := run(false, look)
	_, left := run(false, `echo new > ../home/.state; rm ../home/gone; mkdir ../t/dir; echo x > ../t/dir/fixed; echo x > ../t/top; echo x > ../t/there/n; echo x > out`)
	if want := []string{"/home/.state", "/t/dir/fixed", "/t/there/n kept", "/t/top"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
	// Twice: what a run finds, it leaves.
	for range 2 {
		out, left := run(true, look+`; cat ../t/dir/fixed`)
		if !strings.HasPrefix(out, "new\n") || strings.Contains(out, "gone") || strings.Contains(out, "out\n") || !strings.HasSuffix(out, "x\n") {
			t.Errorf("a run that finds what another left sees\n%s", out)
		}
		if len(left) != 4 {
			t.Errorf("left %q", left)
		}
	}
	if after, _ := run(false, look); after != before {
		t.Errorf("a run afterwards sees\n%s, not\n%s", after, before)
	}
	if b, _ := os.ReadFile(root + "/home/.state"); string(b) != "old" {
		t.Error("the user's own file was written to")
	}
}

// TestSubmount has a file system mounted below the project.
func TestSubmount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	root := t.TempDir()
	project(t, root, map[string]string{"p/in.txt": "in", "p/mnt/below": "hidden", "p/mnt/deep/x": "x"})
	if err := unix.Mount("tmpfs", root+"/p/mnt", "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	defer unix.Unmount(root+"/p/mnt", unix.MNT_DETACH)
	project(t, root, map[string]string{"p/mnt/data": "data"})
	w := overlay(t, workspace.Spec{Project: root + "/p"})
	out := sh(t, w, `cat mnt/data; echo more >> mnt/data; echo new > mnt/new; rm in.txt`)
	if out != "data" {
		t.Errorf("the run saw %q", out)
	}
	want := []string{`added "mnt/new" "new\n"`, `deleted "in.txt"`, `modified "mnt/data" "datamore\n"`}
	if got := changes(t, w); !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
	if b, _ := os.ReadFile(root + "/p/mnt/data"); string(b) != "data" || exists(root+"/p/mnt/new") {
		t.Error("the run wrote to the user's mount")
	}
}

// TestForeignOwner has a file in the tree that the user does not own: a user namespace could not change it.
func TestForeignOwner(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root needs no user namespace")
	}
	_, err := workspace.Prepare(t.Context(), workspace.Spec{Project: "/usr/lib", Scratch: t.TempDir(), Kind: workspace.Overlay})
	if err == nil || !strings.Contains(err.Error(), "belongs to") && !strings.Contains(err.Error(), "not permitted") {
		t.Errorf("a tree of root's: %v", err)
	}
}

// TestSpecialFiles has what is no file in the tree.
func TestSpecialFiles(t *testing.T) {
	each(t, func(t *testing.T) workspace.Spec {
		root := t.TempDir()
		if err := unix.Mkfifo(root+"/pipe", 0o644); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		t.Chdir(root) // a socket's path is at most 108 bytes long
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "socket"}); err != nil {
			t.Fatal(err)
		}
		project(t, root, map[string]string{"plain": "1", "\xff\xfe": "no UTF-8", "new\nline": "2", "dangling": "->nowhere"})
		return workspace.Spec{Project: root, Scratch: t.TempDir()}
	}, func(t *testing.T, prepare func() *workspace.Workspace) {
		w := prepare()
		sh(t, w, `test -f plain; test -L dangling; test -f "$(printf '\377\376')"; printf x >> "$(printf '\377\376')"; mkdir deep; mkfifo deep/pipe`)
		want := []string{`added "deep/pipe" fifo`, `modified "\xff\xfe" "no UTF-8x"`}
		if got := changes(t, w); !slices.Equal(got, want) {
			t.Errorf("changes %q, want %q", got, want)
		}
	})
}

// TestCloseLocked closes a workspace in which the run has taken away its own permissions.
func TestCloseLocked(t *testing.T) {
	each(t, func(t *testing.T) workspace.Spec {
		return workspace.Spec{Project: t.TempDir(), Scratch: t.TempDir()}
	}, func(t *testing.T, prepare func() *workspace.Workspace) {
		w := prepare()
		sh(t, w, `mkdir -p a/b/c; echo 1 > a/b/c/d; chmod 0 a/b/c; chmod 0 a/b; chmod 500 a`)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestReadOnlyProject has a tree without write permission: the run is refused as the user would be.
func TestReadOnlyProject(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root writes everywhere")
	}
	each(t, func(t *testing.T) workspace.Spec {
		root := t.TempDir()
		project(t, root, map[string]string{"in.txt": "in"})
		os.Chmod(root, 0o555)
		t.Cleanup(func() { os.Chmod(root, 0o755) })
		return workspace.Spec{Project: root, Scratch: t.TempDir()}
	}, func(t *testing.T, prepare func() *workspace.Workspace) {
		w := prepare()
		sh(t, w, `cat in.txt; if echo > out.txt; then exit 1; fi`)
	})
}

func TestHardLinksAndModes(t *testing.T) {
	each(t, func(t *testing.T) workspace.Spec {
		root := t.TempDir()
		project(t, root, map[string]string{"run.sh": "#!/bin/sh\necho ran\n", "data": "d"})
		os.Chmod(root+"/run.sh", 0o755)
		os.Chmod(root+"/data", 0o444)
		if err := syscall.Link(root+"/data", root+"/same"); err != nil {
			t.Fatal(err)
		}
		return workspace.Spec{Project: root, Scratch: t.TempDir()}
	}, func(t *testing.T, prepare func() *workspace.Workspace) {
		w := prepare()
		if out := sh(t, w, `./run.sh; test "$(stat -c %a data)" = 444; touch run.sh; chmod 700 run.sh`); out != "ran\n" {
			t.Errorf("output %q", out)
		}
		if got := changes(t, w); len(got) != 0 {
			t.Errorf("changes %q, want none: no content changed", got)
		}
	})
}

// TestSocket talks to a server whose socket lies in a covered directory.
func TestSocket(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	root, err := os.MkdirTemp("", "s") // a socket's path is at most 108 bytes long
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	project(t, root, map[string]string{"p/in.txt": "in", "t/x": ""})
	server, err := net.Listen("unix", root+"/t/a socket")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("answer"))
			c.Close()
		}
	}()
	w := overlay(t, workspace.Spec{Project: root + "/p", Temp: root + "/t"})
	out := sh(t, w, python+` -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("../t/a socket"); print(s.recv(9))'`)
	if out != "b'answer'\n" {
		t.Errorf("the server said %q", out)
	}
}

// TestScratchUnseen has runs look through the directory for temporary files: each finds the same, whatever was left before.
func TestScratchUnseen(t *testing.T) {
	root := t.TempDir()
	t.Cleanup(func() { launch.RemoveAll(root) })
	project(t, root, map[string]string{"t/scratch/link/probe.json": "{}", "t/other": "o", "p/train.py": ""})
	var first string
	for range 3 {
		w := overlay(t, workspace.Spec{Project: root + "/p", Temp: root + "/t", Scratch: root + "/t/scratch", Share: []string{root + "/t/scratch/link"}})
		found := sh(t, w, "cd ../t; find . | sort; i=0; while [ $i -lt 1200 ]; do echo $i > $i; i=$((i+1)); done")
		if first == "" {
			first = found
		}
		if found != first || !strings.Contains(found, "./scratch/link/probe.json") || !strings.Contains(found, "./other") {
			t.Fatalf("a run finds\n%swhere the first found\n%s", found, first)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
