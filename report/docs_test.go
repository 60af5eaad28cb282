package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The examples in the documentation are what the program writes; -update copies them there.
func TestDocumentationShowsRealReports(t *testing.T) {
	const path = "../docs/report.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	example := regexp.MustCompile("(?s)<!-- report/(testdata/[a-z-]+\\.golden) -->\n```\n.*?```\n")
	want := example.ReplaceAllFunc(page, func(old []byte) []byte {
		examples++
		name := example.FindSubmatch(old)[1]
		text, err := os.ReadFile(filepath.FromSlash(string(name)))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Join([][]byte{[]byte("<!-- report/"), name, []byte(" -->\n```\n"), text, []byte("```\n")}, nil)
	})
	if examples != 2 {
		t.Fatalf("%d examples, want 2", examples)
	}
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(page), string(want)); diff != "" {
		t.Errorf("%s (-page +golden):\n%s", path, diff)
	}
}
