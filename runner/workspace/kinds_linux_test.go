package workspace_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/workspace"
)

// again marks a process in which the tests run a second time.
const again = "WORKSPACE_TEST_AGAIN"

// TestAsUser runs the other tests again as a normal user.
func TestAsUser(t *testing.T) {
	if os.Geteuid() != 0 || os.Getenv(again) != "" {
		t.Skip("that is so already")
	}
	dir, err := os.MkdirTemp("", "user")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	os.Chmod(dir, 0o777)
	// A file system in HOME, which a user namespace may not hide.
	mounted := dir + "/" + homeWithMount + "/mnt"
	if err := os.MkdirAll(mounted, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", mounted, "tmpfs", 0, "size=1m"); err == nil {
		defer unix.Unmount(mounted, unix.MNT_DETACH)
	}
	os.Chown(filepath.Dir(mounted), 65534, 65534)
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.count=1", "-test.short")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), again+"=1", "TMPDIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range launch.Capabilities(t.Context()) {
		if c.Name != "private mounts" || !c.Available {
			continue
		}
		for _, test := range []string{"TestChanges/overlay", "TestPlaces/apart", "TestShared", "TestHomeWithMount", "TestTempWithMount"} {
			if !regexp.MustCompile(`(?m)^ *--- PASS: ` + test + ` `).Match(out) {
				t.Errorf("%s did not pass\n%s", test, out)
			}
		}
	}
}

// homeWithMount is the directory in the user's TMPDIR that TestAsUser mounts something in.
const homeWithMount = "home-with-mount"

// TestHomeWithMount covers the caches of a HOME that cannot be covered as a whole.
func TestHomeWithMount(t *testing.T) {
	home := filepath.Join(os.TempDir(), homeWithMount)
	if os.Getenv(again) == "" || !exists(home+"/mnt") {
		t.Skip("runs in TestAsUser")
	}
	project(t, home, map[string]string{".cache/lib": "old"})
	w := overlay(t, workspace.Spec{Project: t.TempDir(), Home: home, Temp: "/none"})
	sh(t, w, `echo new > "$HOME/.cache/lib"`, "HOME="+home)
	if b, _ := os.ReadFile(home + "/.cache/lib"); string(b) != "old" {
		t.Errorf("the cache was written to; limits %q", w.Limits())
	}
	if !slices.ContainsFunc(w.Limits(), func(l string) bool { return strings.Contains(l, "only its caches") }) {
		t.Skipf("HOME is covered as a whole here; limits %q", w.Limits())
	}
}

// TestTempWithMount gives a run a TMPDIR of its own where the user's cannot be covered.
func TestTempWithMount(t *testing.T) {
	temp := filepath.Join(os.TempDir(), homeWithMount)
	if os.Getenv(again) == "" || !exists(temp+"/mnt") {
		t.Skip("runs in TestAsUser")
	}
	scratch, err := os.MkdirTemp(temp, "scratch")
	if err != nil {
		t.Fatal(err)
	}
	spec := workspace.Spec{Project: t.TempDir(), Home: "/none", Temp: temp, Scratch: scratch}
	for range 2 {
		w := overlay(t, spec)
		if !slices.ContainsFunc(w.Limits(), func(l string) bool { return strings.Contains(l, "no private layer") }) {
			t.Skipf("the directory is covered here; limits %q", w.Limits())
		}
		sh(t, w, `test ! -e "$TMPDIR/left"; echo 1 > "$TMPDIR/left"; test ! -e `+scratch+`/left; test -e `+temp+"/mnt", "TMPDIR="+temp)
		if exists(temp + "/left") {
			t.Errorf("the user's own was written to; limits %q", w.Limits())
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNone runs in the user's own tree, and finds what the run touched.
func TestNone(t *testing.T) {
	root := t.TempDir()
	project(t, root, map[string]string{"in.txt": "in", "old.txt": "old"})
	w, err := workspace.Prepare(t.Context(), workspace.Spec{Project: root, Scratch: t.TempDir(), Kind: workspace.None})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	sh(t, w, `sleep 0.1; echo 1 > new; echo 2 >> old.txt; mkdir sub; echo 3 > sub/x`)
	want := []string{`modified "new" "1\n"`, `modified "old.txt" "old2\n"`, `modified "sub/x" "3\n"`}
	got := slices.DeleteFunc(changes(t, w), func(c string) bool { return strings.Contains(c, "in.txt") })
	if !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
	if len(w.Limits()) != 1 {
		t.Errorf("limits %q, want the one that nothing is isolated", w.Limits())
	}
}

// TestReflink copies on a file system that can share blocks.
func TestReflink(t *testing.T) {
	mkfs, err := exec.LookPath("mkfs.xfs")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and mkfs.xfs")
	}
	root := t.TempDir()
	image := root + "/image"
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 320<<20); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{{mkfs, "-q", image}, {"mkdir", root + "/mnt"}, {"mount", "-o", "loop", image, root + "/mnt"}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%q: %v\n%s", argv, err, out)
		}
	}
	defer unix.Unmount(root+"/mnt", unix.MNT_DETACH)
	project(t, root+"/mnt", map[string]string{"p/in.txt": "in"})
	big := make([]byte, 100<<20)
	if err := os.WriteFile(root+"/mnt/p/big", big, 0o644); err != nil {
		t.Fatal(err)
	}
	free := func() int64 {
		unix.Sync()
		var st unix.Statfs_t
		if err := unix.Statfs(root+"/mnt", &st); err != nil {
			t.Fatal(err)
		}
		return int64(st.Bavail) * int64(st.Bsize)
	}
	if err := os.Mkdir(root+"/mnt/scratch", 0o755); err != nil {
		t.Fatal(err)
	}
	before := free()
	w, err := workspace.Prepare(t.Context(), workspace.Spec{Project: root + "/mnt/p", Scratch: root + "/mnt/scratch", Kind: workspace.Reflink})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if used := before - free(); used > 50<<20 {
		t.Errorf("the copy takes %d bytes of its own", used)
	}
	sh(t, w, `printf x | dd of=big bs=1 seek=5 conv=notrunc 2>/dev/null; echo new > new`)
	var got []string
	for c, err := range w.Changes() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(c.Op)+" "+c.Path)
	}
	if slices.Sort(got); !slices.Equal(got, []string{"added new", "modified big"}) {
		t.Errorf("changes %q", got)
	}
	if now, err := os.ReadFile(root + "/mnt/p/big"); err != nil || !bytes.Equal(now, big) {
		t.Error("the original was written to")
	}
}

// TestBigFiles copies a large file once for two runs, and again when a run has written to it.
func TestBigFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("writes much")
	}
	root := t.TempDir()
	project(t, root, map[string]string{"p/in.txt": "in", "s/keep": ""})
	if err := os.WriteFile(root+"/p/big", make([]byte, 65<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	spec := workspace.Spec{Project: root + "/p", Scratch: root + "/s", Kind: workspace.Copy}
	inode := func(w *workspace.Workspace) uint64 {
		info, err := os.Stat(filepath.Join(w.Dir(), "big"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Ino
	}
	var inodes []uint64
	for _, script := range []string{`cat big > /dev/null`, `printf x >> big`, `test $(stat -c %s big) = 68157440`} {
		w, err := workspace.Prepare(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		inodes = append(inodes, inode(w))
		sh(t, w, script)
		n := 0
		for c, err := range w.Changes() {
			if n++; err != nil || c.Path != "big" || c.Op != workspace.Modified {
				t.Errorf("%+v, %v", c, err)
			}
		}
		if wrote := strings.Contains(script, ">>"); wrote != (n == 1) {
			t.Errorf("%s: %d changes", script, n)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if inodes[0] != inodes[1] {
		t.Error("the large file was copied again although nobody had written to it")
	}
	if info, err := os.Stat(root + "/p/big"); err != nil || info.Size() != 65<<20 {
		t.Error("the original was written to")
	}
}

// TestRepository has runs work in copies of a git repository, whose objects are copied once; what a run commits, makes writable or
// writes into an object reaches neither the next run nor the original.
func TestRepository(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	s := workspace.Spec{Project: t.TempDir(), Scratch: t.TempDir(), Kind: workspace.Copy}
	git := func(dir string, args ...string) string {
		t.Helper()
		c := exec.Command("git", append([]string{"-c", "user.name=n", "-c", "user.email=a@b", "-c", "safe.directory=*"}, args...)...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	project(t, s.Project, map[string]string{"train.py": "print()"})
	git(s.Project, "init", "-q")
	git(s.Project, "add", ".")
	git(s.Project, "commit", "-q", "-m", "first")
	head := git(s.Project, "rev-parse", "HEAD")
	object := ".git/objects/" + head[:2] + "/" + strings.TrimSpace(head[2:])
	for _, script := range []string{
		`echo more > more; git add more; git -c user.name=n -c user.email=a@b commit -q -m more`,
		`chmod u+w ` + object,
		`chmod u+w ` + object + `; echo damage > ` + object,
		``,
	} {
		w, err := workspace.Prepare(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if got := git(w.Dir(), "rev-parse", "HEAD") + git(w.Dir(), "fsck", "--strict") + git(w.Dir(), "status", "--porcelain"); got != head {
			t.Errorf("before %q the copy is at %q, want %q", script, got, head)
		}
		info, err := os.Stat(filepath.Join(w.Dir(), object))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o444 {
			t.Errorf("before %q the object has the mode %v", script, info.Mode())
		}
		if links := info.Sys().(*syscall.Stat_t).Nlink; links != 2 {
			t.Errorf("before %q the object has %d links, want one to a copy that is kept", script, links)
		}
		sh(t, w, script)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := git(s.Project, "rev-parse", "HEAD") + git(s.Project, "fsck", "--strict"); got != head {
		t.Errorf("the original is at %q, want %q", got, head)
	}
}

// TestHomeOfCopy looks at what a HOME is put together from.
func TestHomeOfCopy(t *testing.T) {
	root := t.TempDir()
	project(t, root, map[string]string{
		"p/in.txt": "in", "s/keep": "", "h/.cache/lib/index": "cached", "h/.config/lib.ini": "set", "h/data/set.csv": "1,2", "h/.netrc": "n",
	})
	spec := workspace.Spec{Project: root + "/p", Home: root + "/h", Scratch: root + "/s", Kind: workspace.Copy}
	for range 2 {
		w, err := workspace.Prepare(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		out := sh(t, w, `cd; test ! -e .cache/new; cat .cache/lib/index .config/lib.ini data/set.csv .netrc; echo x > .cache/new; echo y >> .cache/lib/index; echo z > note`)
		if out != "cachedset1,2n" {
			t.Errorf("the run saw %q", out)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if b, _ := os.ReadFile(root + "/h/.cache/lib/index"); string(b) != "cached" || exists(root+"/h/.cache/new") || exists(root+"/h/note") {
		t.Error("the user's HOME was written to")
	}
}

// TestFallback asks for the best kind where an overlay cannot be: an overlay cannot hold another's upper layer.
func TestFallback(t *testing.T) {
	root := t.TempDir()
	project(t, root, map[string]string{"p/in.txt": "in", "l/keep": "", "u/keep": "", "w/keep": "", "s/keep": ""})
	os.Remove(root + "/w/keep")
	options := fmt.Sprintf("lowerdir=%[1]s/l,upperdir=%[1]s/u,workdir=%[1]s/w", root)
	if err := unix.Mount("overlay", root+"/s", "overlay", 0, options); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	defer unix.Unmount(root+"/s", unix.MNT_DETACH)
	kind, limits, err := workspace.Choose(t.Context(), workspace.Spec{Project: root + "/p", Scratch: root + "/s"})
	if err != nil || kind != workspace.Copy {
		t.Fatalf("kind %q, %v; want a copy", kind, err)
	}
	for _, want := range []string{"overlay: ", "reflink: ", "copy of the project"} {
		if !slices.ContainsFunc(limits, func(l string) bool { return strings.Contains(l, want) }) {
			t.Errorf("limits %q do not speak of %q", limits, want)
		}
	}
}

// TestSideBySide prepares workspaces at the same time.
func TestSideBySide(t *testing.T) {
	each(t, func(t *testing.T) workspace.Spec {
		root := t.TempDir()
		project(t, root, map[string]string{"in.txt": "in"})
		return workspace.Spec{Project: root, Scratch: t.TempDir()}
	}, func(t *testing.T, prepare func() *workspace.Workspace) {
		var all []*workspace.Workspace
		for range 3 {
			all = append(all, prepare())
		}
		var wait sync.WaitGroup
		for i, w := range all {
			wait.Go(func() {
				sh(t, w, fmt.Sprintf(`echo %d > out; sleep 0.2; test "$(cat out)" = %d; test "$(ls)" = "in.txt
out"`, i, i))
			})
		}
		wait.Wait()
		for i, w := range all {
			if got := changes(t, w); !slices.Equal(got, []string{fmt.Sprintf(`added "out" "%d\n"`, i)}) {
				t.Errorf("run %d: %q", i, got)
			}
		}
	})
}

// TestManyFiles lists many changes without holding them.
func TestManyFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("writes much")
	}
	const files = 20_000
	root := t.TempDir()
	w := overlay(t, workspace.Spec{Project: root})
	upper := w.Mounts()[slices.IndexFunc(w.Mounts(), func(m launch.Mount) bool { return m.Target == root })].Upper
	for i := range files {
		// Written below the run, because starting it has nothing to do with the walk.
		if err := os.WriteFile(fmt.Sprintf("%s/a-file-of-the-run-%d", upper, i), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var peak uint64
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	base, n := m.HeapAlloc, 0
	for _, err := range w.Changes() {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%2000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	if n != files {
		t.Errorf("%d changes, want %d", n, files)
	}
	if peak > base+1<<20 {
		t.Errorf("%d bytes are held during the walk", peak-base)
	}
}

// TestFullDisk has a scratch directory without room: the run is told so, and nothing is left behind.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	root := t.TempDir()
	project(t, root, map[string]string{"p/in.txt": strings.Repeat("in", 1<<20), "s/keep": ""})
	if err := unix.Mount("tmpfs", root+"/s", "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	defer unix.Unmount(root+"/s", unix.MNT_DETACH)
	w := overlay(t, workspace.Spec{Project: root + "/p", Temp: root + "/none", Scratch: root + "/s"})
	sh(t, w, `if head -c 4000000 /dev/zero > out; then exit 1; fi; test -s out`)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if runs, _ := filepath.Glob(root + "/s/run-*"); len(runs) != 0 {
		t.Errorf("left behind: %v", runs)
	}
	_, err := workspace.Prepare(t.Context(), workspace.Spec{Project: root + "/p", Scratch: root + "/s", Kind: workspace.Copy})
	if err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("a copy onto a full disk: %v", err)
	}
	if runs, _ := filepath.Glob(root + "/s/run-*"); len(runs) != 0 {
		t.Errorf("left behind: %v", runs)
	}
}

// TestRoomForHoles has a scratch directory with room for the data of a project, not for its holes and the hidden records.
func TestRoomForHoles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	root := t.TempDir()
	project(t, root, map[string]string{"p/in.txt": "in", "p/array.npy": "", "p/.records/run": strings.Repeat("in", 1<<20), "s/keep": ""})
	if err := os.Truncate(root+"/p/array.npy", 32<<20); err != nil {
		t.Skip(err)
	}
	if err := unix.Mount("tmpfs", root+"/s", "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	defer unix.Unmount(root+"/s", unix.MNT_DETACH)
	w, err := workspace.Prepare(t.Context(), workspace.Spec{Project: root + "/p", Scratch: root + "/s", Kind: workspace.Copy, Hide: []string{".records"}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if out := sh(t, w, "stat -c %s array.npy; cat in.txt"); out != "33554432\nin" {
		t.Errorf("the copy holds %q", out)
	}
}

// TestSparseFile copies a file of 4 GiB with data at its start, in its middle and before a hole at its end.
func TestSparseFile(t *testing.T) {
	const size = 4 << 30
	s := workspace.Spec{Project: t.TempDir(), Scratch: t.TempDir(), Kind: workspace.Copy}
	f, err := os.Create(s.Project + "/array.npy")
	if err != nil {
		t.Fatal(err)
	}
	for at, text := range map[int64]string{0: "head", 3 << 30: "middle"} {
		if _, err := f.WriteAt([]byte(text), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		t.Skip(err)
	}
	w, err := workspace.Prepare(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	out := sh(t, w, "stat -c '%s %b' array.npy; head -c 4 array.npy; tail -c +3221225473 array.npy | head -c 6")
	var length, blocks int64
	if _, err := fmt.Sscanf(out, "%d %d\nheadmiddle", &length, &blocks); err != nil || length != size || blocks*512 > 1<<20 {
		t.Errorf("the copy is %q (%v), want %d bytes in few blocks", out, err, int64(size))
	}
}
