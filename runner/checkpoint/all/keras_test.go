package all_test

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

func TestKerasFilesHaveTheVariablesThatKerasSaved(t *testing.T) {
	dir := write(t, "write_keras.py", "keras", "torch")
	compareAll(t, dir)
	index := filepath.Join(dir, "shards.weights.json")
	if !all.Spread(index) {
		t.Error("an index of shards is taken for a file of its own")
	}
	shards, err := filepath.Glob(filepath.Join(dir, "shards_*.weights.h5"))
	if err != nil || len(shards) < 2 {
		t.Fatalf("shards %v: %v", shards, err)
	}
	// A shard in the place of another one.
	other, err := os.ReadFile(shards[1])
	if err == nil {
		err = os.WriteFile(shards[0], other, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.Open(context.Background(), index); err == nil || !refusal(err) {
		t.Errorf("with one shard in the place of another: %v", err)
	}
	leaving := filepath.Join(dir, "leaving.weights.json")
	if err := os.WriteFile(leaving, []byte(`{"weight_map": {"/layers/dense/vars": ["../shards_00000.weights.h5"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Open(context.Background(), leaving); err == nil || !refusal(err) {
		t.Errorf("with a shard in another directory: %v", err)
	}
	plain := filepath.Join(t.TempDir(), "plain.weights.json")
	if err := os.WriteFile(plain, []byte(`{"weight_map": {"w": ["a", "b"]}, "w": [1.5]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, _ := open(t, plain); f.Format != "json" {
		t.Errorf("weights in JSON are read as %s", f.Format)
	}
}

// TestCodeOfKerasIsReported has a layer with a function of the user's in both formats, and models without one.
func TestCodeOfKerasIsReported(t *testing.T) {
	dir := write(t, "write_keras.py", "keras", "torch")
	for name, want := range map[string]int{"lambda.keras": 2, "lambda.h5": 2, "model.keras": 0} {
		f, _ := open(t, filepath.Join(dir, name))
		if len(f.Findings) != want || want > 0 && !strings.Contains(f.Findings[want-1].Text, "Lambda") {
			t.Errorf("%s: findings %v", name, f.Findings)
		}
	}
}

// TestKerasFilesDifferByTheirAssets holds that files of equal weights whose layers have other vocabularies are told apart.
func TestKerasFilesDifferByTheirAssets(t *testing.T) {
	dir := write(t, "write_keras.py", "keras", "torch")
	content := func(vocabulary string) string {
		in, err := zip.OpenReader(filepath.Join(dir, "model.keras"))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		path := filepath.Join(t.TempDir(), "model.keras")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		out := zip.NewWriter(file)
		for _, rec := range in.File {
			if err := out.Copy(rec); err != nil {
				t.Fatal(err)
			}
		}
		w, err := out.Create("assets/layers/text_vectorization/vocabulary.txt")
		if err == nil {
			_, err = io.WriteString(w, vocabulary)
		}
		if err := errors.Join(err, out.Close(), file.Close()); err != nil {
			t.Fatal(err)
		}
		_, digests := open(t, path)
		return digests.Content
	}
	if content("cat\ndog\n") == content("dog\ncat\n") {
		t.Error("another vocabulary is the same content")
	}
	if content("cat\n") != content("cat\n") {
		t.Error("the same vocabulary is another content")
	}
}
