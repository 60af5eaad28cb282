package diagnose

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/record"
)

func TestExcerptOfACell(t *testing.T) {
	dir := t.TempDir()
	const notebook = `{"cells": [
		{"cell_type": "markdown", "source": "# Training"},
		{"cell_type": "code", "source": ["import random\n", "\n", "rng = random.Random()"]},
		{"cell_type": "code", "source": ""},
		{"cell_type": "code", "source": "\n  \nw = rng.random()\nprint(w)"}
	], "nbformat": 4}`
	if err := os.WriteFile(filepath.Join(dir, "train.ipynb"), []byte(notebook), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		file string
		line int
		want []record.SourceLine
	}{
		"lines in a list":     {"train.ipynb:In[1]", 3, []record.SourceLine{{Number: 1, Text: "import random"}, {Number: 2}, {Number: 3, Text: "rng = random.Random()", Here: true}}},
		"below empty lines":   {"train.ipynb:In[2]", 1, []record.SourceLine{{Number: 1, Text: "w = rng.random()", Here: true}, {Number: 2, Text: "print(w)"}}},
		"no such line":        {"train.ipynb:In[2]", 9, nil},
		"no such cell":        {"train.ipynb:In[3]", 1, nil},
		"cell of no notebook": {"other.ipynb:In[1]", 1, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, excerpt(dir, tt.file, tt.line)); diff != "" {
				t.Errorf("excerpt (-want +got):\n%s", diff)
			}
		})
	}
}
