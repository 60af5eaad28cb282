package all_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/lightgbm"
)

func FuzzLightGBM(f *testing.F) {
	seed(f, hostileLightGBM())
	f.Add([]byte(lightGBMModel))
	fuzz(f, lightgbm.Reader{})
}

func TestLightGBMModelsHaveTheArraysThatLightGBMReads(t *testing.T) {
	dir := write(t, "write_lightgbm.py", "lightgbm", "numpy")
	compareAll(t, dir)
	f, _ := open(t, filepath.Join(dir, "binary.txt"))
	want := map[string]string{
		"": "dict", "version": "v4", "objective": "binary sigmoid:1", "feature_names": "a b c_d e", "trees": "4",
		"parameters.objective": "binary", "trees[1].shrinkage": "0.1", "pandas_categorical": "null",
	}
	for _, e := range f.Entries {
		if text, ok := want[e.Name]; ok && e.Text != text && e.Type != text {
			t.Errorf("%s is %q, want %q", e.Name, e.Text, text)
		}
		delete(want, e.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}

	// A model cut at any line but the very last ones, which are optional, is noticed.
	text, err := os.ReadFile(filepath.Join(dir, "binary.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	for n, line := range lines {
		if line == "end of trees\n" {
			break
		}
		if f, err := readAll([]byte(strings.Join(lines[:n+1], "")), "binary.txt"); err == nil || !refusal(err) {
			t.Fatalf("cut after line %d: %v %v", n+1, err, f)
		}
	}
}

const lightGBMModel = "tree\nversion=v4\nnum_class=1\nobjective=regression\ntree_sizes=100\n\n" +
	"Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=0.5\nleft_child=-1\nright_child=-2\nleaf_value=1 -2.5\nshrinkage=1\n\n\n" +
	"end of trees\n\nfeature_importances:\na=1\n\nparameters:\n[seed: 0]\n[data: ]\n\nend of parameters\n\npandas_categorical:null\n"

func hostileLightGBM() map[string][]byte {
	changed := func(from, to string) []byte { return []byte(strings.Replace(lightGBMModel, from, to, 1)) }
	return map[string][]byte{
		"no trees":              changed("tree_sizes=100\n", ""),
		"sizes twice":           changed("tree_sizes=100\n", "tree_sizes=100\ntree_sizes=100\n"),
		"fewer trees":           changed("tree_sizes=100", "tree_sizes=100 100"),
		"more trees":            changed("tree_sizes=100", "tree_sizes="),
		"another number":        changed("Tree=0", "Tree=1"),
		"key twice":             changed("num_class=1\n", "num_class=1\nnum_class=1\n"),
		"array twice":           changed("threshold=0.5\n", "threshold=0.5\nthreshold=0.5\n"),
		"too few leaves":        changed("leaf_value=1 -2.5", "leaf_value=1"),
		"too many splits":       changed("threshold=0.5", "threshold=0.5 0.5"),
		"2^62 leaves":           changed("num_leaves=2", "num_leaves=4611686018427387904"),
		"-1 leaves":             changed("num_leaves=2", "num_leaves=-1"),
		"no number of leaves":   changed("num_leaves=2\n", ""),
		"leaves are no number":  changed("num_leaves=2", "num_leaves=two"),
		"value is no number":    changed("leaf_value=1 ", "leaf_value=one "),
		"value out of range":    changed("leaf_value=1 ", "leaf_value=1e999 "),
		"hexadecimal":           changed("leaf_value=1 ", "leaf_value=0x1p4 "),
		"index of 65 bits":      changed("split_feature=0", "split_feature=18446744073709551616"),
		"index with a point":    changed("split_feature=0", "split_feature=0.5"),
		"unknown array":         changed("threshold=", "thresholds="),
		"unknown section":       changed("feature_importances:", "something:"),
		"parameter in no form":  changed("[seed: 0]", "seed=0"),
		"parameters cut short":  changed("end of parameters", ""),
		"no end of trees":       changed("end of trees", ""),
		"text is no UTF-8":      changed("regression", "\xff"),
		"carriage returns":      []byte("tree\nversion=v4\n" + strings.ReplaceAll(lightGBMModel[16:], "\n", "\r\n")),
		"endless line":          []byte("tree\nversion=v" + strings.Repeat("4", 17<<20)),
		"array of 24 MB":        changed("shrinkage=1", "cat_threshold="+strings.Repeat("0 ", 3<<20)),
		"importance no number":  changed("a=1\n", "a=b\n"),
		"many keys":             changed("num_class=1\n", manyKeys()),
		"a tree's line is bare": changed("shrinkage=1", "shrinkage"),
	}
}

func manyKeys() string {
	var b strings.Builder
	for i := range 1 << 18 {
		fmt.Fprintf(&b, "key%d=1\n", i)
	}
	return b.String()
}

func TestHostileLightGBMModelsAreRefused(t *testing.T) {
	refuseAll(t, hostileLightGBM(), "model.txt")
	if f, err := readAll([]byte(lightGBMModel), "model.txt"); err != nil || f.Format != "lightgbm" {
		t.Errorf("their clean twin: %v", err)
	}
}
