package all_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/fixtures"
	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

// write runs a Python script of testdata that writes files into a new folder, which it returns.
func write(t *testing.T, script string, modules ...string) string {
	t.Helper()
	python := fixtures.Python(t)
	for _, m := range modules {
		if !fixtures.HasModule(t, python, m) {
			t.Skipf("%s has no module %s", python, m)
		}
	}
	dir := t.TempDir()
	cmd := exec.Command(python, "-B", "-W", "ignore", filepath.Join("testdata", script), dir)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return dir
}

// expectation is one line of a .expect file: what Python knows of one tensor.
type expectation struct {
	name, dtype string
	shape       []int64
	digest      string
}

func expectations(t *testing.T, path string) (list []expectation) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e expectation
		parts := []any{&e.name, &e.dtype, &e.shape, &e.digest}
		if err := json.Unmarshal(lines.Bytes(), &parts); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		list = append(list, e)
	}
	return list
}

// open opens a file and computes its digests.
func open(t *testing.T, path string) (*checkpoint.File, *checkpoint.Digests) {
	t.Helper()
	f, err := all.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	d, err := checkpoint.Digest(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	return f, d
}

// compareAll compares every file of dir that has expectations with them, tensor by tensor, in both directions.
func compareAll(t *testing.T, dir string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.expect"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no expectations in %s: %v", dir, err)
	}
	for _, expect := range paths {
		path := strings.TrimSuffix(expect, ".expect")
		t.Run(filepath.Base(path), func(t *testing.T) {
			want := expectations(t, expect)
			f, d := open(t, path)
			got := map[string]expectation{}
			for i, e := range f.Entries {
				if tensor := e.Tensor(); tensor != nil {
					got[e.Name] = expectation{e.Name, string(tensor.DType), tensor.Shape, d.Entries[i].String()}
				}
			}
			for _, w := range want {
				g, ok := got[w.name]
				if !ok {
					t.Errorf("tensor %q is missing", w.name)
				} else if g.dtype != w.dtype || !slices.Equal(g.shape, w.shape) || g.digest != w.digest {
					t.Errorf("tensor %q: got %v, Python has %v", w.name, g, w)
				}
				delete(got, w.name)
			}
			for name := range got {
				if !strings.Contains(filepath.Base(path), "sparse") && !partOfQuantiser(name) {
					t.Errorf("tensor %q, which Python does not have", name)
				}
			}
		})
	}
}

// partOfQuantiser tells the scales and zero points of per-channel quantisation, which Python keeps inside the tensor.
func partOfQuantiser(name string) bool {
	return strings.HasSuffix(name, ".scale") || strings.HasSuffix(name, ".zero_point")
}

func TestTorchFilesHaveTheTensorsThatPyTorchSaved(t *testing.T) {
	compareAll(t, write(t, "write_torch.py", "torch", "numpy"))
}

func entriesText(f *checkpoint.File) string {
	var b strings.Builder
	for _, e := range f.Entries {
		fmt.Fprintf(&b, "%s %s %s %s\n", e.Name, e.Kind, e.Type, e.Text)
	}
	return b.String()
}
