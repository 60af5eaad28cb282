package orbax

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

func TestTypedKeysAreNoOtherArrays(t *testing.T) {
	plain, err := model(t).read()
	if err != nil {
		t.Fatal(err)
	}
	var name string
	for i := range plain.Entries {
		if plain.Entries[i].Tensor() != nil {
			name = plain.Entries[i].Name
		}
	}
	digests := map[string]bool{}
	for _, generator := range []string{"", "rbg", "unsafe_rbg"} {
		all := model(t)
		more := "null"
		if generator != "" {
			more = `{"random_key_impl": "` + generator + `"}`
		}
		all["array_metadatas/process_0"] = []byte(`{"array_metadatas": []}`)
		all["array_metadatas/process_1"] = []byte(`{"array_metadatas": [{"array_metadata": {"param_name": "` + name + `", "ext_metadata": ` + more + `}}]}`)
		f, err := all.read()
		if err != nil {
			t.Fatalf("%q: %v", generator, err)
		}
		if known := len(f.RNG) == 1 && f.RNG[0] == (checkpoint.RNGState{Name: name, Generator: jaxKey}); known != (generator != "") {
			t.Errorf("%q: generators %v", generator, f.RNG)
		}
		d, err := checkpoint.Digest(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		digests[d.Content] = true
	}
	if len(digests) != 3 {
		t.Errorf("%d contents of three", len(digests))
	}
	for _, text := range []string{`{"random_key_impl"`, `{"array_metadatas": {"random_key_impl": 1}}`} {
		all := model(t)
		all["array_metadatas/process_0"] = []byte(text)
		if _, err := all.read(); !refusal(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestWhatOrbaxSaysOfAStep(t *testing.T) {
	read := func(text string) (*checkpoint.File, error) {
		return StepReader{}.Open(context.Background(), strings.NewReader(text), int64(len(text)), StepMetadataName)
	}
	content := func(text string) string {
		f, err := read(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		d, err := checkpoint.Digest(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		return d.Content
	}
	const one = `{"metrics": {"loss": 0.5}, "init_timestamp_nsecs": 1000000001, "custom_metadata": {"epoch": 3}}`
	f, err := read(one)
	if err != nil || len(f.Facts) != 1 || f.Facts[0] != (checkpoint.Fact{Key: "init time", Value: "1970-01-01T00:00:01.000000001Z"}) {
		t.Errorf("%+v, %v", f, err)
	}
	if content(one) != content(strings.Replace(one, "1000000001", "2000000002", 1)) {
		t.Error("times are content")
	}
	if content(one) == content(strings.Replace(one, "0.5", "0.25", 1)) || content(one) == content(strings.Replace(one, "3", "4", 1)) {
		t.Error("metrics, or what the user added, are none")
	}
	for _, text := range []string{`{`, `[]`, `{"a": 1, "a": 2}`} {
		if _, err := read(text); !refusal(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestTwoSavesOfOneStateDifferInTimesAndIdentifiers holds that what differs between them is told.
func TestTwoSavesOfOneStateDifferInTimesAndIdentifiers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), keyDirectory)
	for name, data := range model(t) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, StepMetadataName), []byte(`{"commit_timestamp_nsecs": 1000000001}`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	facts := map[string]string{}
	for _, x := range f.Facts {
		facts[x.Key] = x.Value
	}
	if facts["commit time"] != "1970-01-01T00:00:01.000000001Z" || len(facts["database id (random)"]) != 32 {
		t.Errorf("%v", facts)
	}
	if len(f.RNG) != 1 || f.RNG[0].Name != "" {
		t.Errorf("the checkpoint of a key: %v", f.RNG)
	}
}
