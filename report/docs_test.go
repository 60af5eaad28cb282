package report_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The examples in the documentation are what the program writes.
func TestDocumentationShowsRealReports(t *testing.T) {
	page, err := os.ReadFile("../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)<!-- report/(testdata/[a-z-]+\\.golden) -->\n```\n(.*?)```\n").FindAllSubmatch(page, -1)
	if len(examples) != 2 {
		t.Fatalf("%d examples, want 2", len(examples))
	}
	for _, example := range examples {
		want, err := os.ReadFile(string(example[1]))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(example[2])); diff != "" {
			t.Errorf("%s (-golden +docs):\n%s", example[1], diff)
		}
	}
}
