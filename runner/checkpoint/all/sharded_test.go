package all_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

// writeShards writes tensors t0, t1, ... of 4 bytes each, so many a shard, and returns the path of the index.
func writeShards(t *testing.T, tensors, perShard int) string {
	t.Helper()
	dir := t.TempDir()
	of := map[string]string{}
	for start := 0; start < tensors; start += perShard {
		shard := fmt.Sprintf("model-%05d.safetensors", start/perShard)
		header := map[string]any{}
		var data []byte
		for i := start; i < min(start+perShard, tensors); i++ {
			name := fmt.Sprintf("t%d", i)
			of[name] = shard
			header[name] = map[string]any{"dtype": "I32", "shape": []int{1}, "data_offsets": []int{len(data), len(data) + 4}}
			data = append(data, byte(i), byte(i>>8), 0, 0)
		}
		text, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, shard), le64(uint64(len(text)))+string(text)+string(data))
	}
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{"total_size": 4 * tensors}, "weight_map": of})
	if err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(dir, "model.safetensors.index.json")
	put(t, index, string(text))
	return index
}

func put(t *testing.T, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestShardsAreOneModel(t *testing.T) {
	_, whole := open(t, filepath.Join(filepath.Dir(writeShards(t, 50, 50)), "model-00000.safetensors"))
	f, many := open(t, writeShards(t, 50, 3))
	if whole.Content != many.Content {
		t.Errorf("50 tensors in one file and in 17 have other contents: %d entries", len(f.Entries))
	}
}

func TestAThousandShardsTakeFewHandles(t *testing.T) {
	before := handles(t)
	f, _ := open(t, writeShards(t, 1000, 1))
	if n := handles(t) - before; n > 10 {
		t.Errorf("%d files are open", n)
	}
	if len(f.Entries) != 1001 {
		t.Errorf("%d entries", len(f.Entries))
	}
}

func handles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	return len(list)
}

func TestShardsThatAreNotWhatTheIndexSaysAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(dir, index string){
		"missing": func(dir, _ string) { os.Remove(filepath.Join(dir, "model-00001.safetensors")) },
		"link outside": func(dir, _ string) {
			shard := filepath.Join(dir, "model-00001.safetensors")
			elsewhere := filepath.Join(t.TempDir(), "x")
			os.Rename(shard, elsewhere)
			os.Symlink(elsewhere, shard)
		},
		"directory": func(dir, _ string) {
			shard := filepath.Join(dir, "model-00001.safetensors")
			os.Remove(shard)
			os.Mkdir(shard, 0o700)
		},
		"name of 1 MB":   func(_, index string) { edit(t, index, "model-00001.safetensors", strings.Repeat("x", 1<<20)) },
		"outside path":   func(_, index string) { edit(t, index, "model-00001.safetensors", "../model-00001.safetensors") },
		"absolute path":  func(_, index string) { edit(t, index, "model-00001.safetensors", "/etc/passwd") },
		"other tensor":   func(_, index string) { edit(t, index, `"t3"`, `"t99"`) },
		"twice":          func(_, index string) { edit(t, index, `"t3"`, `"t2"`) },
		"two metadata":   func(_, index string) { edit(t, index, `"weight_map"`, `"metadata":1,"metadata":1,"weight_map"`) },
		"key twice":      func(_, index string) { edit(t, index, `"weight_map"`, `"other":[{"a":1,"a":2}],"weight_map"`) },
		"no weight map":  func(_, index string) { edit(t, index, "weight_map", "weights") },
		"cut short":      func(_, index string) { put(t, index, `{"weight_map": {"a"`) },
		"swapped shards": func(_, index string) { edit(t, index, `"t0":"model-00000`, `"t0":"model-00001`) },
	} {
		t.Run(name, func(t *testing.T) {
			index := writeShards(t, 6, 2)
			if f, err := all.Open(context.Background(), index); err != nil {
				t.Fatal(err)
			} else {
				f.Close()
			}
			spoil(filepath.Dir(index), index)
			f, err := all.Open(context.Background(), index)
			if err == nil {
				f.Close()
				t.Error("accepted")
			} else if n := len(err.Error()); n > 1000 {
				t.Errorf("message of %d bytes", n)
			}
		})
	}
}

func edit(t *testing.T, path, from, to string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("no %s in %s", from, text)
	}
	put(t, path, strings.Replace(string(text), from, to, 1))
}

func TestLinksWithinACacheAreFollowed(t *testing.T) {
	index := writeShards(t, 4, 2)
	blobs := filepath.Dir(index)
	snapshot := t.TempDir()
	list, err := os.ReadDir(blobs)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if err := os.Symlink(filepath.Join(blobs, e.Name()), filepath.Join(snapshot, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	_, linked := open(t, filepath.Join(snapshot, filepath.Base(index)))
	_, direct := open(t, index)
	if linked.Content != direct.Content || !strings.HasPrefix(linked.Content, checkpoint.DigestVersion) {
		t.Error("a model behind links has another content")
	}
}
