package all_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

// manyTexts is a MessagePack of texts that are too long to be shown whole, of which lists show a copy of the beginning.
func manyTexts(n int) []byte {
	var b strings.Builder
	b.WriteString("\x81\xa1a\xdd" + string(binary.BigEndian.AppendUint32(nil, uint32(n))))
	for i := range n {
		b.WriteString("\xdb\x00\x00\x00\xc9" + strings.Repeat("x", 195) + fmt.Sprintf("%06d", i))
	}
	return []byte(b.String())
}

// emptyStrings is an ONNX model whose tensor of strings has n that are empty.
func emptyStrings(n int) []byte {
	tensor := "\x08" + varint(n) + "\x10\x08" + "\x42\x01t" + strings.Repeat("\x32\x00", n)
	graph := "\x2a" + varint(len(tensor)) + tensor
	return []byte("\x08\x08\x12\x01p\x42\x02\x10\x11\x3a" + varint(len(graph)) + graph)
}

func varint(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

func TestManySmallValuesAreBoundedByWhatTheyTake(t *testing.T) {
	for name, data := range map[string][]byte{
		"texts.msgpack": manyTexts(119_000),
		"strings.onnx":  emptyStrings(4 << 20),
		"trees.txt":     []byte("tree\nversion=v4\ntree_sizes=" + strings.Repeat("1 ", 4_000_000) + "\n"),
	} {
		var err error
		peak := peakHeap(func() { _, err = readAll(data, name) })
		if limit := (*checkpoint.LimitError)(nil); name != "trees.txt" && !errors.As(err, &limit) || !refusal(err) {
			t.Errorf("%s: %v", name, err)
		}
		if peak > 192<<20 { // with the data themselves, and garbage
			t.Errorf("%s: %d MiB", name, peak>>20)
		}
	}
}

func TestExternalDataThatAllTensorsShareAreRefused(t *testing.T) {
	dir := t.TempDir()
	const size = 1 << 20
	if err := os.WriteFile(filepath.Join(dir, "w.bin"), make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	var graph strings.Builder
	for i := range 20_000 {
		name := fmt.Sprint("t", i)
		place := "\x0a\x08location\x12\x05w.bin"
		tensor := "\x08" + varint(size) + "\x10\x02" + "\x42" + varint(len(name)) + name + "\x70\x01\x6a" + varint(len(place)) + place
		graph.WriteString("\x2a" + varint(len(tensor)) + tensor)
	}
	path := filepath.Join(dir, "model.onnx")
	model := "\x08\x08\x12\x01p\x42\x02\x10\x11\x3a" + varint(graph.Len()) + graph.String()
	if err := os.WriteFile(path, []byte(model), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := all.Open(t.Context(), path)
	if limit := (*checkpoint.LimitError)(nil); !errors.As(err, &limit) {
		t.Error(err)
	}
	if f != nil {
		f.Close()
	}
}

// countingReader counts reads.
type countingReader struct {
	*strings.Reader
	reads int
}

func (r *countingReader) ReadAt(p []byte, off int64) (int, error) {
	r.reads++
	return r.Reader.ReadAt(p, off)
}

func TestMillionsOfShortFieldsAreReadTogether(t *testing.T) {
	fields := strings.Repeat("\x98\x06\x01", 1<<20) // of a number that means nothing
	model := "\x08\x08\x12\x01p\x42\x02\x10\x11\x3a\x00" + fields
	r := &countingReader{Reader: strings.NewReader(model)}
	f, err := all.OpenReader(t.Context(), r, int64(len(model)), "model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if r.reads > 10_000 {
		t.Errorf("%d reads", r.reads)
	}
}

func TestAnIndexWithMegabytesOfMetadataIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors.index.json")
	var metadata strings.Builder
	for i := range 500_000 {
		fmt.Fprintf(&metadata, `"k%d":1,`, i)
	}
	text := `{"metadata":{` + metadata.String() + `"k":1},"weight_map":{"a":"m.safetensors"}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := all.Open(t.Context(), path)
	if limit := (*checkpoint.LimitError)(nil); !errors.As(err, &limit) {
		t.Error(err)
	}
}

func TestATextOfATerabyteIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse.pkl")
	if err := os.WriteFile(path, []byte("\x80\x04\x8d"+le64(1<<40)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<41); err != nil {
		t.Skip("no file of that size, sparse as it is:", err)
	}
	_, err := all.Open(t.Context(), path)
	if limit := (*checkpoint.LimitError)(nil); !errors.As(err, &limit) {
		t.Error(err)
	}
}
