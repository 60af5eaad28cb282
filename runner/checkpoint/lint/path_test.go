package lint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// safetensors is a file of one float32 tensor with one element.
func safetensors(name string, element string) string { return safetensorsOf(element, name) }

// safetensorsOf has several tensors of the same element.
func safetensorsOf(element string, names ...string) string {
	var members []string
	for i, name := range names {
		members = append(members, fmt.Sprintf(`"%s":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}`, name, 4*i, 4*i+4))
	}
	header := "{" + strings.Join(members, ",") + "}"
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat(element, len(names))
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
		"settings of the model":   {map[string]string{"config.json": `{"model_type": "gpt2", "hidden_size": 8}`, "m.safetensors": safetensors("fc.weight", one)}, nil, []string{"resuming the training"}, true},
		"one of them is empty":    {map[string]string{"m.safetensors": safetensors("fc.weight", one), "optimizer.pt": ""}, []string{"CK101"}, []string{}, false},
		"one of them is zeros":    {map[string]string{"m.safetensors": safetensors("fc.weight", one), "optimizer.pt": strings.Repeat("\x00", 4096)}, []string{"CK101"}, []string{}, false},
		"an empty text beside it": {map[string]string{"m.safetensors": safetensors("fc.weight", one), "notes.txt": ""}, nil, []string{"resuming the training"}, true},
		"beside what is no part":  {map[string]string{"m.safetensors": safetensors("fc.weight", one), "README.md": "# A model"}, nil, []string{"resuming the training"}, true},
		"one of them is damaged":  {map[string]string{"m.safetensors": safetensors("fc.weight", one), "trainer_state.json": `{"global_step"`}, []string{"CK101"}, []string{}, false},
		"module of an average":    {map[string]string{"m.safetensors": safetensorsOf(one, "n_averaged", "module.fc.weight")}, nil, []string{"resuming the training"}, true},
		"DDP in an average":       {map[string]string{"m.safetensors": safetensorsOf(one, "n_averaged", "module.module.fc.weight")}, []string{"CK105"}, []string{"resuming the training"}, true},
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
	config := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(config, []byte(`{"model_type": "gpt2", "hidden_size": 8}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Path(context.Background(), config); err != nil || !slices.Contains(with(d, Missing), "CK001") || !slices.Contains(with(d, Present), "CK017") {
		t.Errorf("a configuration: %+v, %v", d, err)
	}
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Path(context.Background(), text); !errors.Is(err, checkpoint.ErrUnknownFormat) {
		t.Errorf("a text: %+v, %v", d, err)
	}
}

// TestCheckpointsBesideEachOther are told apart from the parts of one: what one of them lacks is no fault of the other,
// and the other's is no substitute.
func TestCheckpointsBesideEachOther(t *testing.T) {
	const one = "\x00\x00\x80\x3f"
	weights, state := safetensors("fc.weight", one), `{"global_step": 5, "log_history": []}`
	for name, test := range map[string]struct {
		files []string
		want  string // of the error
	}{
		"the parts of one":              {[]string{"m.safetensors", "trainer_state.json"}, ""},
		"one with its parts in two":     {[]string{"model/m.safetensors", "state/trainer_state.json"}, ""},
		"one directory below":           {[]string{"checkpoint-5/m.safetensors", "checkpoint-5/trainer_state.json"}, ""},
		"two steps of one training":     {[]string{"checkpoint-5/m.safetensors", "checkpoint-5/trainer_state.json", "checkpoint-9/m.safetensors", "checkpoint-9/trainer_state.json"}, "2 checkpoints, to be looked at one by one: checkpoint-5, checkpoint-9"},
		"the last and its best weights": {[]string{"last/m.safetensors", "last/trainer_state.json", "best/m.safetensors"}, ""},
	} {
		dir := t.TempDir()
		for _, file := range test.files {
			text := weights
			if strings.HasSuffix(file, ".json") {
				text = state
			}
			path := filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d, err := Path(context.Background(), dir)
		switch {
		case test.want == "" && (err != nil || len(d.Files) != len(test.files)):
			t.Errorf("%s: %+v, %v", name, d, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLinksToWhatIsGone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.safetensors"), []byte(safetensors("fc.weight", "\x00\x00\x80\x3f")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"latest", "optimizer.pt"} {
		if err := os.Symlink("gone", filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Path(context.Background(), dir)
	if err != nil || len(d.Damage) != 1 || d.Damage[0].Rule != "CK101" || d.Damage[0].File != "optimizer.pt" {
		t.Errorf("%+v, %v", d, err)
	}
}
