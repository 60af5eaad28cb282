package plan

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMeasureADirectory has the model in two shards and a file beside them.
func TestMeasureADirectory(t *testing.T) {
	dir := t.TempDir()
	total := int64(0)
	put := func(name, text string) {
		t.Helper()
		total += int64(len(text))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tensor := range map[string]string{"m-1.safetensors": "a.weight", "m-2.safetensors": "b.weight"} {
		header := `{"` + tensor + `":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
		put(name, string(rune(len(header)))+strings.Repeat("\x00", 7)+header+"12345678")
	}
	put("README.md", "# A model")
	put("m.safetensors.index.json", `{"weight_map": {"a.weight": "m-1.safetensors", "b.weight": "m-2.safetensors"}}`)
	for _, path := range []string{dir, filepath.Join(dir, "m.safetensors.index.json")} {
		want := total
		if path != dir {
			want -= int64(len("# A model"))
		}
		s, err := Measure(context.Background(), path)
		if err != nil || s.Model != 16 || s.Optimizer != 0 || s.Full() != want {
			t.Errorf("%s: %+v in full %d, want %d, %v", path, s, s.Full(), want, err)
		}
	}
	if s, err := Measure(context.Background(), filepath.Join(dir, "README.md")); err == nil {
		t.Errorf("a text was measured: %+v", s)
	}
}

// TestMeasureParts has the parts of a training that DeepSpeed saved, with an average of the weights.
func TestMeasureParts(t *testing.T) {
	const header = `{"module.w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},` +
		`"optimizer.single_partition_of_fp32_groups.0":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},` +
		`"optimizer.state.0.exp_avg":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},` +
		`"optimizer.state.0.exp_avg_sq":{"dtype":"F32","shape":[2],"data_offsets":[20,28]},` +
		`"ema.w":{"dtype":"BF16","shape":[2],"data_offsets":[28,32]}}`
	path := filepath.Join(t.TempDir(), "all.safetensors")
	text := string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat("\x00", 32)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := Size{Source: path, Model: 4, Masters: 8, Optimizer: 16, Averages: 4, Other: int64(8 + len(header))}
	if s, err := Measure(context.Background(), path); err != nil || !cmp.Equal(s, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, s))
	}
}

// TestMeasureRefusesSeveralCheckpoints, of which the sizes are not those of one.
func TestMeasureRefusesSeveralCheckpoints(t *testing.T) {
	dir := t.TempDir()
	header := `{"fc.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	for _, step := range []string{"checkpoint-5", "checkpoint-9"} {
		if err := os.Mkdir(filepath.Join(dir, step), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"m.safetensors":      string(rune(len(header))) + strings.Repeat("\x00", 7) + header + "12345678",
			"trainer_state.json": `{"global_step": 5, "log_history": []}`,
		} {
			if err := os.WriteFile(filepath.Join(dir, step, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s, err := Measure(context.Background(), dir); err == nil || !strings.Contains(err.Error(), "checkpoint-5, checkpoint-9") {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := Measure(context.Background(), filepath.Join(dir, "checkpoint-9")); err != nil || s.Model != 8 {
		t.Errorf("one of them: %+v, %v", s, err)
	}
}
