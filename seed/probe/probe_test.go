package probe_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/seed/probe"
)

// The embed list is written by hand: a new file that is missing from it would be missing from every user's machine.
func TestUnpackWritesEveryFile(t *testing.T) {
	dir := t.TempDir()
	if err := probe.Unpack(dir); err != nil {
		t.Fatal(err)
	}
	start, err := os.ReadFile(filepath.Join(dir, "sitecustomize.py"))
	if err != nil {
		t.Fatal(err)
	}
	unpacked := modules(t, filepath.Join(dir, "reprocheck_probe.modules"))
	unpacked["sitecustomize.py"] = string(start)
	if diff := cmp.Diff(tree(t, "py"), unpacked); diff != "" {
		t.Errorf("the package in py/ and the unpacked one differ (-py +unpacked):\n%s", diff)
	}
}

// modules returns the sources in the file at path by the names of the files that they were embedded from.
func modules(t *testing.T, path string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for rest := string(content); rest != ""; {
		var name string
		var size int
		head, text, _ := strings.Cut(rest, "\n")
		if _, err := fmt.Sscanf(head, "%s %d", &name, &size); err != nil || size > len(text) {
			t.Fatalf("after %d bytes: not the head of a module: %q", len(content)-len(rest), head)
		}
		file := strings.ReplaceAll(name, ".", "/") + ".py"
		if !strings.Contains(name, ".") {
			file = name + "/__init__.py"
		}
		found[file], rest = text[:size], text[size:]
	}
	return found
}

func TestUnpackSaysWhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := probe.Unpack(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("Unpack onto a file: got %v, want an error that names it", err)
	}
}

// tree returns the contents of all Python files below dir; tests and caches are no part of the package.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	contents := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "__pycache__" || entry.Name() == "tests") {
			return filepath.SkipDir
		}
		if entry.IsDir() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		contents[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(contents) == 0 {
		t.Fatalf("no files below %s", dir)
	}
	return contents
}
