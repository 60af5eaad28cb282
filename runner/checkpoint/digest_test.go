package checkpoint

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// documented returns the fenced blocks of docs/checkpoint-digest.md: the program and what it prints.
func documented(t *testing.T) (program, vectors string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "checkpoint-digest.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```python\n")
	program, rest, ok2 := strings.Cut(rest, "```\n")
	_, rest, ok3 := strings.Cut(rest, "```\n")
	vectors, _, ok4 := strings.Cut(rest, "```")
	if !ok || !ok2 || !ok3 || !ok4 {
		t.Fatal("docs/checkpoint-digest.md has no program and vectors")
	}
	return program, vectors
}

func tensorEntry(t *testing.T, name string, dtype DType, shape []int64, data []byte) Entry {
	t.Helper()
	tensor, err := NewTensor(dtype, dtype.Bits(), shape, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return TensorEntry(name, tensor)
}

func digests(t *testing.T, entries ...Entry) *Digests {
	t.Helper()
	d, err := Digest(context.Background(), &File{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDigestsAreTheDocumentedOnes(t *testing.T) {
	_, vectors := documented(t)
	w := binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5))
	w = binary.LittleEndian.AppendUint32(w, 1<<31) // -0.0
	small := digests(t,
		Entry{Name: "", Kind: KindObject, Type: "dict", Structure: true, Data: Text("2")},
		tensorEntry(t, "w", Float32, []int64{2}, w),
		Entry{Name: "n", Kind: KindNumber, Type: "int", Text: "3", Data: Text("3")})
	big := digests(t, tensorEntry(t, "", Uint8, []int64{5_000_000}, make([]byte, 5_000_000)))
	got := strings.Join([]string{small.Entries[1].String(), small.Entries[2].String(), big.Entries[0].String(), small.Content}, "\n") + "\n"
	if got != vectors {
		t.Errorf("got\n%sthe documentation says\n%s", got, vectors)
	}
}

func TestTheDocumentedProgramPrintsTheDocumentedDigests(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on PATH")
	}
	program, vectors := documented(t)
	out, err := exec.Command(python, "-S", "-E", "-c", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != vectors {
		t.Errorf("the program prints\n%sand the documentation says\n%s", out, vectors)
	}
}

// oneWay hides how a reader can be read, as a compressed record does.
type oneWay struct{ *bytes.Reader }

func (oneWay) Sequential() bool { return true }

func TestSequentialDataHasTheDigestOfRandomAccess(t *testing.T) {
	data := make([]byte, 2*digestChunk+12345)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	shape := []int64{int64(len(data))}
	direct := digests(t, tensorEntry(t, "x", Uint8, shape, data))
	tensor, err := NewTensor(Uint8, 8, shape, oneWay{bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
	streamed := digests(t, TensorEntry("x", tensor))
	if direct.Entries[0] != streamed.Entries[0] {
		t.Errorf("read in parts %s, from front to back %s", direct.Entries[0], streamed.Entries[0])
	}
	data[digestChunk] ^= 1
	if changed := digests(t, tensorEntry(t, "x", Uint8, shape, data)); changed.Entries[0] == direct.Entries[0] {
		t.Error("one flipped bit leaves the digest as it was")
	}
}
