package all_test

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestJoblibFilesHaveTheArraysThatJoblibWrote(t *testing.T) {
	dir := write(t, "write_joblib.py", "numpy", "joblib")
	compareAll(t, dir)
	models, err := filepath.Glob(filepath.Join(dir, "sklearn-*.joblib"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range models {
		// The same model has the same content, by whichever module it was written.
		t.Run(filepath.Base(path), func(t *testing.T) {
			a, digestA := open(t, path)
			_, digestB := open(t, strings.TrimSuffix(path, "joblib")+"pkl")
			if digestA.Content != digestB.Content {
				t.Error("joblib's file and pickle's have other contents")
			}
			tensors := 0
			for i := range a.Entries {
				if a.Entries[i].Tensor() != nil {
					tensors++
				}
			}
			if a.Format != "joblib" || tensors == 0 {
				t.Errorf("read as %s with %d arrays", a.Format, tensors)
			}
		})
	}
}
