package tensordiff

import (
	"slices"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// matrix makes a tensor of one element in a file of two dimensions.
func matrix(f *checkpoint.File, names ...string) *checkpoint.File {
	for i := range f.Entries {
		if e := &f.Entries[i]; slices.Contains(names, e.Name) {
			e.Shape = append([]int64{1}, e.Shape...)
		}
	}
	return f
}

// TestLastLayers: a layer called fc is the last one only where no block has it as its own.
func TestLastLayers(t *testing.T) {
	one := []float32{1}
	for name, test := range map[string]struct {
		names []string
		want  []string // classes
	}{
		"plain":               {[]string{"fc.weight"}, []string{"head"}},
		"several layers":      {[]string{"classifier.0.weight", "classifier.6.weight"}, []string{"head", "head"}},
		"of a vision model":   {[]string{"heads.head.weight"}, []string{"head"}},
		"under a key":         {[]string{"state_dict.model.fc.weight"}, []string{"head"}},
		"squeeze, excitation": {[]string{"layer1.0.se.fc.0.weight", "layer10.se.fc.2.weight"}, []string{"tensor", "tensor"}},
		"beside the last one": {[]string{"down.se.fc.weight", "up.se.fc.weight", "fc.weight"}, []string{"tensor", "tensor", "head"}},
		"an adapter":          {[]string{"base_model.model.layers.0.q_proj.lora_A.weight", "base_model.model.head.lora_B.default.weight"}, []string{"adapter", "adapter"}},
		"numbered attention":  {[]string{"encoder.layer.3.attention.head.weight"}, []string{"tensor"}},
	} {
		t.Run(name, func(t *testing.T) {
			var entries []any
			for _, n := range test.names {
				entries = append(entries, n, one)
			}
			r := diff(t, matrix(file(t, entries...), test.names...), file(t), Options{})
			var got []string
			for _, m := range r.Missing.First {
				got = append(got, m.Class)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// TestAConstantIsNotRandom: the scale and the shift of a normalisation begin as 1 and 0.
func TestAConstantIsNotRandom(t *testing.T) {
	one := []float32{1}
	f := matrix(file(t, "norm.weight", one, "norm.bias", one, "conv.weight", one, "conv.bias", one, "free.bias", one), "conv.weight")
	_, missing, _, _ := names(diff(t, f, file(t), Options{}))
	if want := []string{"norm.weight scale-or-shift", "norm.bias scale-or-shift", "conv.weight tensor", "conv.bias tensor", "free.bias tensor"}; !slices.Equal(missing, want) {
		t.Errorf("%q, want %q", missing, want)
	}
}

// TestAdviceIsInTheWordsOfTheFramework: load_state_dict is PyTorch's.
func TestAdviceIsInTheWordsOfTheFramework(t *testing.T) {
	for format, want := range map[string]bool{"torch-zip": true, "safetensors": true, "keras": false, "orbax": false} {
		a, b := file(t, "fc.weight", []float32{1}), file(t, "fc.weight", []float32{1, 2}, "other.weight", []float32{1})
		a.Format, b.Format = format, format
		var text strings.Builder
		if err := diff(t, a, b, Options{}).WriteText(&text); err != nil {
			t.Fatal(err)
		}
		for _, words := range []string{"load_state_dict", "strict=False drops"} {
			if strings.Contains(text.String(), words) != want {
				t.Errorf("%s: %s\n%s", format, words, text.String())
			}
		}
	}
}
