package all_test

import (
	"strings"
	"testing"
)

// TestAPythonGeneratorIsKnownAsAList, which is what JSON makes of the tuples of random.getstate().
func TestAPythonGeneratorIsKnownAsAList(t *testing.T) {
	words := strings.TrimSuffix(strings.Repeat("7, ", 624), ", ")
	f, err := readAll([]byte(`{"anything": [3, [`+words+`, 624], null], "other": [3, [`+words+`], null]}`), "state.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(f.RNG) != 1 || f.RNG[0].Name != "anything" || f.RNG[0].Generator != "python-random" {
		t.Errorf("found %v", f.RNG)
	}
}
