// Package examples_test holds every example to what its README and its expect.yaml say of it.
package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/reprocheck/reprocheck/fixtures"
	"github.com/reprocheck/reprocheck/fixtures/causes"
)

func TestFixedIsTheMendedTraining(t *testing.T) {
	examples, err := causes.Load(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, example := range examples {
		t.Run(example.Name, func(t *testing.T) {
			dir := t.TempDir()
			if err := example.Copy(dir); err != nil {
				t.Fatal(err)
			}
			if err := example.Mend(dir); err != nil {
				t.Fatal(err)
			}
			mended, err := os.ReadFile(filepath.Join(dir, "train.py"))
			if err != nil {
				t.Fatal(err)
			}
			fixed, err := os.ReadFile(filepath.Join(dir, "train_fixed.py"))
			if err != nil {
				t.Fatal(err)
			}
			if string(mended) != string(fixed) {
				t.Error("train_fixed.py is not train.py with the repair of expect.yaml")
			}
		})
	}
}

// Each example has its cause named at its line and proven, and its repaired twin found clean.
func TestReprocheckOnExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("trains real models")
	}
	python := fixtures.Python(t)
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "../cmd/reprocheck", "../fixtures/accuracy")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(filepath.Join(bin, "accuracy"),
		"-reprocheck", filepath.Join(bin, "reprocheck"), "-python", python, "-cases", ".", "-mended").CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
