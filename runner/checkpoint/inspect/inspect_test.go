package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// TestDescribe reads a file that PyTorch 2.15 wrote: a Linear(3, 2), SGD with momentum after one step, and some values.
func TestDescribe(t *testing.T) {
	path := filepath.Join("..", "all", "testdata", "seeds", "state.pt")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := all.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := Describe(f, path, info.Size(), 0)
	want := []Group{
		{Component: component.Model, Values: 2, Tensors: 2, Bytes: 4 * (3*2 + 2)},
		{Component: component.Optimizer, Values: 13, Tensors: 2, Bytes: 4 * (3*2 + 2)},
		{Component: component.Epoch, Values: 1},
		{Component: component.Unknown, Values: 5, Tensors: 3, Bytes: 6*4 + 2*2 + 3*8},
	}
	if diff := cmp.Diff(want, d.Groups); diff != "" {
		t.Error(diff)
	}
	if d.Format != "torch-zip" || d.Layout != "dictionary" || d.DeadBytes != 0 || !cmp.Equal(d.Devices, []string{"cpu"}) {
		t.Errorf("format %s, layout %s, dead %d, devices %v", d.Format, d.Layout, d.DeadBytes, d.Devices)
	}
	var text strings.Builder
	if err := d.WriteText(&text, TextOptions{Values: 3}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"model.weight", "[2,3]", "float32", "24 B", "... and 18 more", "byteorder: little"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

// viewEntry is a tensor of bytes that is a view of a storage.
func viewEntry(t *testing.T, name string, storage *bytes.Reader, view checkpoint.View) checkpoint.Entry {
	t.Helper()
	data, err := checkpoint.Strided(storage, storage.Size(), view)
	if err != nil {
		t.Fatal(err)
	}
	tensor, err := checkpoint.NewTensor(checkpoint.Uint8, 8, view.Shape, data)
	if err != nil {
		t.Fatal(err)
	}
	tensor.From = &checkpoint.Origin{}
	return checkpoint.TensorEntry(name, tensor)
}

func TestDeadStorageIsCounted(t *testing.T) {
	view := checkpoint.View{Item: 1, Shape: []int64{4}, Stride: []int64{1}}
	f := &checkpoint.File{Entries: []checkpoint.Entry{viewEntry(t, "w", bytes.NewReader(make([]byte, 1000)), view)}}
	d := Describe(f, "x", 1100, 0)
	if d.DeadBytes != 996 || d.StorageBytes != 1000 || d.TensorBytes != 4 || len(d.Findings) != 1 || d.Findings[0].ID != "dead-storage" {
		t.Errorf("%+v", d)
	}
}

// TestViewsThatOverlapAreCountedOnce, and a view that repeats an element as that.
func TestViewsThatOverlapAreCountedOnce(t *testing.T) {
	storage := bytes.NewReader(make([]byte, 1000))
	f := &checkpoint.File{}
	for _, view := range []checkpoint.View{
		{Item: 1, Base: 100, Shape: []int64{50}, Stride: []int64{1}},
		{Item: 1, Base: 100, Shape: []int64{50}, Stride: []int64{1}},
		{Item: 1, Base: 120, Shape: []int64{5, 10}, Stride: []int64{1, 5}},
		{Item: 1, Base: 200, Shape: []int64{300}, Stride: []int64{0}},
		{Item: 1, Base: 300, Shape: []int64{10}, Stride: []int64{2}},
	} {
		f.Entries = append(f.Entries, viewEntry(t, fmt.Sprint("w", len(f.Entries)), storage, view))
	}
	// 100 to 170, one element at 200, and ten from 300 on.
	if d := Describe(f, "x", 1100, 0); d.DeadBytes != 1000-70-1-10 {
		t.Errorf("%d dead bytes", d.DeadBytes)
	}
}

// TestShapesInJSON tells a scalar tensor from a value without a shape.
func TestShapesInJSON(t *testing.T) {
	scalar, err := checkpoint.NewTensor(checkpoint.Uint8, 8, nil, bytes.NewReader([]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	f := &checkpoint.File{Entries: []checkpoint.Entry{
		checkpoint.TensorEntry("w", scalar), {Name: "n", Kind: checkpoint.KindNumber, Type: "int", Text: "1", Data: checkpoint.Text("1")},
	}}
	for i, want := range []string{`{"name":"w","component":"model","kind":"tensor","type":"uint8","shape":[],"bytes":1}`,
		`{"name":"n","component":"unknown","kind":"number","type":"int","text":"1"}`} {
		if got, err := json.Marshal(Describe(f, "x", 1, 0).Values[i]); err != nil || string(got) != want {
			t.Errorf("%s, want %s, %v", got, want, err)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 1_500_000_000: "1.5 GB", 1 << 62: "4611.7 PB"} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
