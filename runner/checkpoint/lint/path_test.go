package lint

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// safetensors is a file of one float32 tensor with one element.
func safetensors(name string, element string) string {
	header := `{"` + name + `":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	return string(rune(len(header))) + strings.Repeat("\x00", 7) + header + element
}

func TestPath(t *testing.T) {
	const one, nan = "\x00\x00\x80\x3f", "\x00\x00\xc0\x7f"
	for name, test := range map[string]struct {
		files   map[string]string
		damage  []string
		notFor  []string
		missing bool // CK007, the global step
	}{
		"weights alone":           {map[string]string{"m.safetensors": safetensors("fc.weight", one)}, nil, []string{"resuming the training"}, true},
		"NaN":                     {map[string]string{"m.safetensors": safetensors("fc.weight", nan)}, []string{"CK103"}, []string{}, true},
		"cut short":               {map[string]string{"m.safetensors": safetensors("fc.weight", "\x00")}, []string{"CK101"}, []string{}, false},
		"parts in several files":  {map[string]string{"m.safetensors": safetensors("fc.weight", one), "trainer_state.json": `{"global_step": 5, "log_history": []}`}, nil, []string{"resuming the training"}, false},
		"beside what is no part":  {map[string]string{"m.safetensors": safetensors("fc.weight", one), "README.md": "# A model"}, nil, []string{"resuming the training"}, true},
		"one of them is damaged":  {map[string]string{"m.safetensors": safetensors("fc.weight", one), "trainer_state.json": `{"global_step"`}, []string{"CK101"}, []string{}, false},
		"prefix of a DDP wrapper": {map[string]string{"m.safetensors": safetensors("module.fc.weight", one)}, []string{"CK105"}, []string{"resuming the training"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range test.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			d, err := Path(context.Background(), dir)
			if err != nil {
				t.Fatal(err)
			}
			if got := damaged(d); !slices.Equal(got, test.damage) {
				t.Errorf("damage %v, want %v", got, test.damage)
			}
			if d.Unreadable() != slices.Contains(test.damage, "CK101") || d.Complete() {
				t.Errorf("unreadable %t, complete %t", d.Unreadable(), d.Complete())
			}
			if !slices.Equal(d.NotFor, test.notFor) || slices.Contains(with(d, Missing), "CK007") != test.missing {
				t.Errorf("not for %v, missing %v", d.NotFor, with(d, Missing))
			}
		})
	}
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Path(context.Background(), text); !errors.Is(err, checkpoint.ErrUnknownFormat) {
		t.Errorf("a text: %+v, %v", d, err)
	}
}
