package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README shows one real output. What it shows of the verdict, the cause, its line and its excerpt is what reprocheck
// says today; the words that the two runs happened to hold are not the same twice.
func TestREADMEShowsRealOutput(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```\n(\\$ reprocheck run.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README has no block that begins with $ reprocheck run")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", "quickstart"))); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("reprocheck", "run", "--", "python3", "train.py") // put on the PATH by testscript.Main
	command.Dir = dir
	output, err := command.Output()
	if code := command.ProcessState.ExitCode(); code != 1 {
		t.Fatalf("exit status %d, want 1: %v", code, err)
	}
	shown, _, _ := strings.Cut(string(block[1]), "  how ")
	for _, line := range strings.Split(strings.TrimSpace(shown), "\n")[1:] {
		if !strings.Contains(string(output), line+"\n") {
			t.Errorf("the README shows a line that reprocheck does not print: %q\nit prints:\n%s", line, output)
		}
	}
}
