package local_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/local"
	"github.com/reprocheck/reprocheck/runner/record"
)

func TestDescribe(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "results")
	for name, text := range map[string]string{"metrics.json": `{"loss": 0.5}`, "sub/notes.txt": "hello\n", "sub/odd\nname": "x"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	fifo := filepath.Join(dir, "fifo")
	err := errors.Join(os.Symlink("nowhere", filepath.Join(dir, "dangling")), os.Symlink("results", filepath.Join(root, "latest")),
		syscall.Mkfifo(fifo, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	paths := func(name string) (found []string, series int) {
		t.Helper()
		run, err := local.Describe(t.Context(), name, "model")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range run.Artifacts {
			found = append(found, a.Path)
		}
		return found, len(run.Metrics)
	}
	want := []string{"dangling", "metrics.json", "sub/notes.txt", "sub/odd\nname"}
	for _, name := range []string{dir, filepath.Join(root, "latest")} {
		found, series := paths(name)
		if diff := cmp.Diff(want, found); diff != "" || series != 1 {
			t.Errorf("%s: %d series, files (-want +got):\n%s", name, series, diff)
		}
	}
	// A file alone has a name that does not depend on its own, so that two of them are compared.
	if found, series := paths(filepath.Join(dir, "metrics.json")); !cmp.Equal([]string{"model.json"}, found) || series != 1 {
		t.Errorf("a file: %v, %d series", found, series)
	}
	if _, err := local.Describe(t.Context(), fifo, "model"); err == nil || !strings.Contains(err.Error(), "neither a file nor a directory") {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := local.Describe(t.Context(), filepath.Join(root, "nosuch"), "model"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}

// TestDescribeTellsContentFromContainer has two files whose bytes differ and whose content does not, and one cut short.
func TestDescribeTellsContentFromContainer(t *testing.T) {
	describe := func(name, text string) record.Artifact {
		t.Helper()
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		run, err := local.Describe(t.Context(), path, "model")
		if err != nil {
			t.Fatal(err)
		}
		return run.Artifacts[0]
	}
	// An array of the two float32 values 0 and 1; the second header has other white space.
	const data = "\x00\x00\x00\x00\x00\x00\x80\x3f"
	header := func(dict string) string {
		dict += strings.Repeat(" ", 117-len(dict)) + "\n"
		return "\x93NUMPY\x01\x00" + string(rune(len(dict))) + "\x00" + dict
	}
	one := describe("w.npy", header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }")+data)
	two := describe("w.npy", header("{'descr':'<f4','fortran_order':False,'shape':(2,)}")+data)
	if one.Format != "npy" || one.Content == "" || one.Content != two.Content || one.SHA256 == two.SHA256 {
		t.Errorf("equal content in other bytes: %+v, %+v", one, two)
	}
	if other := describe("w.npy", header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }")+data[:7]+"\x40"); other.Content == one.Content {
		t.Error("other values have the same content")
	}
	cut := describe("w.npy", header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }")+data[:5])
	if cut.Unread == "" || cut.Content != "" || cut.SHA256 == "" {
		t.Errorf("cut short: %+v", cut)
	}
}

// Of a text that is too long to be shown, or has several lines, it is known what it holds besides times.
func TestDescribeMasksLongTexts(t *testing.T) {
	masked := func(second, text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "out.json")
		if err := os.WriteFile(path, fmt.Appendf(nil, `{"note": "at 2026-11-23 16:04:%s %s"}`, second, text), 0o644); err != nil {
			t.Fatal(err)
		}
		run, err := local.Describe(t.Context(), path, "model")
		if err != nil {
			t.Fatal(err)
		}
		return run.Artifacts[0].Leaves[0].Masked
	}
	long := strings.Repeat("x", 300)
	if one, two := masked("11", long+"1"), masked("12", long+"1"); one == "" || one != two {
		t.Errorf("texts that differ in a time: %q and %q", one, two)
	}
	if one, two := masked("11", long+"1"), masked("12", long+"2"); one == two {
		t.Error("texts that differ in their last letter are masked as one")
	}
	if one, two := masked("11", `\nscore=0.5 secs=0.31`), masked("12", `\nscore=0.5 secs=0.32`); one == "" || one != two {
		t.Errorf("outputs that differ in times: %q and %q", one, two)
	}
	if one, two := masked("11", `\nscore=0.5`), masked("12", `\nscore=0.6`); one == two {
		t.Error("outputs of other scores are masked as one")
	}
	if short := masked("11", ""); short != "" {
		t.Errorf("a short text: %q", short)
	}
}

// A saved model's numbers are no metrics, though JSON may hold either.
func TestDescribeTakesNoMetricsFromAModel(t *testing.T) {
	const model = `{"learner":{"attributes":{},"feature_names":[],"feature_types":[],` +
		`"gradient_booster":{"model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"0"},"iteration_indptr":[0],"tree_info":[],"trees":[]},"name":"gbtree"},` +
		`"learner_model_param":{"base_score":"5E-1","boost_from_average":"1","num_class":"0","num_feature":"2","num_target":"1"},` +
		`"objective":{"name":"reg:squarederror","reg_loss_param":{"scale_pos_weight":"1"}}},"version":[3,0,0]}`
	dir := t.TempDir()
	for name, text := range map[string]string{"model.json": model, "metrics.json": `{"loss": 0.5}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run, err := local.Describe(t.Context(), dir, "model")
	if err != nil {
		t.Fatal(err)
	}
	formats := map[string]string{}
	for _, a := range run.Artifacts {
		formats[a.Path] = a.Format
	}
	if diff := cmp.Diff(map[string]string{"model.json": "xgboost", "metrics.json": "json"}, formats); diff != "" {
		t.Errorf("formats (-want +got):\n%s", diff)
	}
	if len(run.Metrics) != 1 || run.Metrics[0].Origin != "metrics.json" {
		t.Errorf("metrics: %+v", run.Metrics)
	}
}
