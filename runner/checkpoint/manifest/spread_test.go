package manifest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shard is a safetensors file of one int32 tensor.
func shard(name string, value byte) string {
	header := `{"` + name + `":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}`
	return string(rune(len(header))) + strings.Repeat("\x00", 7) + header + string([]byte{value, 0, 0, 0})
}

// TestAnIndexIsCheckedThroughItsShards changes a shard and leaves the index as it is.
func TestAnIndexIsCheckedThroughItsShards(t *testing.T) {
	const index = "model.safetensors.index.json"
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(index, `{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}`)
	put("m-1.safetensors", shard("a", 1))
	put("m-2.safetensors", shard("b", 2))
	d, err := Hash(context.Background(), filepath.Join(dir, index), true)
	if err != nil || d.Content == "" {
		t.Fatalf("%+v, %v", d, err)
	}
	lines := []Line{{d.SHA256, d.Content, index}}
	for value, want := range map[byte]Status{2: OK, 3: Changed} {
		put("m-2.safetensors", shard("b", value))
		outcomes, err := Check(context.Background(), dir, lines)
		if err != nil || len(outcomes) != 1 || outcomes[0].Status != want {
			t.Errorf("with %d in a shard: %+v, %v", value, outcomes, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "m-2.safetensors")); err != nil {
		t.Fatal(err)
	}
	outcomes, err := Check(context.Background(), dir, lines)
	if err != nil || len(outcomes) != 1 || outcomes[0].Status != Unreadable {
		t.Errorf("without a shard: %+v, %v", outcomes, err)
	}
}

// TestTensorFlowsIndexIsCheckedThroughItsData changes a tensor, of which the index that stays as it is has a checksum.
func TestTensorFlowsIndexIsCheckedThroughItsData(t *testing.T) {
	const index, data = "model.index", "model.data-00000-of-00001"
	dir := t.TempDir()
	texts := map[string][]byte{}
	for _, name := range []string{index, data} {
		text, err := os.ReadFile(filepath.Join("..", "tensorbundle", "testdata", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = text
	}
	d, err := Hash(context.Background(), filepath.Join(dir, index), false)
	if err != nil || d.Content == "" {
		t.Fatalf("%+v, %v", d, err)
	}
	check := func(want Status) {
		t.Helper()
		outcomes, err := Check(context.Background(), dir, []Line{{d.SHA256, d.Content, index}})
		if err != nil || len(outcomes) != 1 || outcomes[0].Status != want {
			t.Errorf("%+v, %v, want %s", outcomes, err, want)
		}
	}
	check(OK)
	texts[data][len(texts[data])-1] ^= 1
	if err := os.WriteFile(filepath.Join(dir, data), texts[data], 0o600); err != nil {
		t.Fatal(err)
	}
	check(Changed)
	if err := os.Remove(filepath.Join(dir, data)); err != nil {
		t.Fatal(err)
	}
	check(Unreadable)
}

func TestALineWithoutAnyDigestIsRefused(t *testing.T) {
	if lines, err := Parse(strings.NewReader("-  -  model.pt\n")); err == nil {
		t.Errorf("%+v", lines)
	}
	lines, err := Parse(strings.NewReader("-  rc1:" + strings.Repeat("0", 64) + "  dcp\n"))
	if err != nil || len(lines) != 1 || lines[0].SHA256 != "" || lines[0].Path != "dcp" {
		t.Errorf("a directory: %+v, %v", lines, err)
	}
}
