package report_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryWarningIsDocumented looks for the ids of warnings in the program's text, and for each in the table of docs/report.md.
func TestEveryWarningIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`record\.Warning\{+\s*ID:\s*"([a-z-]+)"`)
	found := 0
	err = filepath.WalkDir("../compare", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range id.FindAllStringSubmatch(string(text), -1) {
			found++
			if !strings.Contains(string(doc), "\n| `"+match[1]+"` |") {
				t.Errorf("%s gives the warning %s, which docs/report.md does not list", path, match[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 5 {
		t.Errorf("%d warnings were found in the program's text", found)
	}
}
