package all

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

func TestEachPassesOverWhatIsNoCheckpoint(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("config.json", `{"w": 1}`)
	put("README.md", "# A model")
	put("tokenizer.json", `{"vocab": ["`+strings.Repeat(`", "`, 200_000)+`"], "deep": `+strings.Repeat("[", 600)+strings.Repeat("]", 600)+"}")
	visit := func(path string) (seen []string, err error) {
		err = Each(context.Background(), path, func(item Item, f *checkpoint.File, err error) error {
			if f != nil {
				seen = append(seen, item.Name+" "+f.Format)
			}
			return err
		})
		return seen, err
	}
	seen, err := visit(dir)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"config.json json"}, seen); diff != "" {
		t.Error(diff)
	}
	var limit *checkpoint.LimitError
	if _, err := visit(filepath.Join(dir, "tokenizer.json")); !errors.As(err, &limit) {
		t.Errorf("asked for by name, a file beyond the limits gave %v", err)
	}
	put("broken.json", `{"w": `)
	var damaged *checkpoint.DamagedError
	if _, err := visit(dir); !errors.As(err, &damaged) {
		t.Errorf("with a damaged file: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "broken.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := visit(dir); !errors.Is(err, checkpoint.ErrUnknownFormat) {
		t.Errorf("without any checkpoint: %v", err)
	}
}

func TestSize(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"m.safetensors.index.json": `{"weight_map": {"a": "m-1"}}`, "m-1": "12345", "dcp/.metadata": "123", "dcp/__0_0.distcp": "1234",
		"more/.metadata": "123", "more/__0_0.distcp": "1234", "more/meta.pt": "12345",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]int64{"m-1": 5, "m.safetensors.index.json": 28 + 5, "dcp": 3 + 4, "more": 3 + 4 + 5, ".": 28 + 5 + 2*(3+4) + 5} {
		if got, err := Size(filepath.Join(dir, name)); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", name, got, err, want)
		}
	}
}
