package dcp

import (
	"path/filepath"
	"testing"
)

// TestWhatDiffersInEverySave is told as a fact: the seed was written by PyTorch.
func TestWhatDiffersInEverySave(t *testing.T) {
	dir := filepath.Join("..", "all", "testdata", "seed-dcp")
	md, err := readMetadata(filepath.Join(dir, MetadataName), nil)
	if err != nil {
		t.Fatal(err)
	}
	facts := map[string]string{}
	for _, x := range md.facts {
		facts[x.Key] = x.Value
	}
	if len(facts["save_id (random)"]) != len("7eaf252f-fd7c-4364-8d68-cf23431310c6") || facts["saved as"] == "" || facts["data files"] != "1" {
		t.Errorf("%v", facts)
	}
}
