package all_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// hdf5Writer writes what HDF5's own library does not: names and datasets that share their bytes.
type hdf5Writer struct{ bytes.Buffer }

const nowhere = ^uint64(0)

// message is one of an object's header: its kind and its data.
type message struct {
	kind uint16
	data string
}

func le16(n int) string { return string(binary.LittleEndian.AppendUint16(nil, uint16(n))) }

// put writes data at a multiple of 8 bytes and returns where.
func (w *hdf5Writer) put(data string) uint64 {
	w.WriteString(strings.Repeat("\x00", (8-w.Len()%8)%8))
	at := uint64(w.Len())
	w.WriteString(data)
	return at
}

func (w *hdf5Writer) object(messages ...message) uint64 {
	var body strings.Builder
	for _, m := range messages {
		body.WriteString(le16(int(m.kind)) + le16(len(m.data)) + "\x00\x00\x00\x00" + m.data)
	}
	return w.put("\x01\x00" + le16(len(messages)) + le32(1) + le32(uint32(body.Len())) + le32(0) + body.String())
}

func hdf5Link(name string, at uint64) message {
	return message{6, "\x01\x01" + le16(len(name)) + name + le64(at)}
}

// dataset has bytes of an extent, whose layout, type or further messages are given.
func (w *hdf5Writer) dataset(extent int, more ...message) uint64 {
	messages := []message{{1, "\x01\x01\x00\x00\x00\x00\x00\x00" + le64(uint64(extent))}}
	if more[0].kind != 3 {
		messages = append(messages, message{3, uint8Type})
	}
	return w.object(append(messages, more...)...)
}

const uint8Type = "\x10\x00\x00\x00\x01\x00\x00\x00\x00\x00\x08\x00"

func contiguous(at, size uint64) message { return message{8, "\x03\x01" + le64(at) + le64(size)} }

// file ends a file whose root is a group.
func (w *hdf5Writer) file(root uint64) []byte {
	return append([]byte("\x89HDF\r\n\x1a\n\x02\x08\x08\x00"+le64(0)+le64(nowhere)+le64(uint64(48+w.Len()))+le64(root)+le32(0)), w.Bytes()...)
}

func newHDF5() *hdf5Writer { return new(hdf5Writer) }

// links are n links to one object.
func hdf5Links(n int, at uint64) (links []message) {
	for i := range n {
		links = append(links, hdf5Link(fmt.Sprint("a", i), at))
	}
	return links
}

// hostileHDF5 are small files that claim very much.
func hostileHDF5() map[string][]byte {
	files := map[string][]byte{}
	make := func(name string, write func(w *hdf5Writer) uint64) {
		w := newHDF5()
		w.WriteString(strings.Repeat("\x00", 48))
		root := write(w)
		w.Next(48)
		files[name] = w.file(root)
	}
	make("hdf5: names of megabytes", func(w *hdf5Writer) uint64 {
		group := w.object(hdf5Links(10_000, w.dataset(1, contiguous(0, 1)))...)
		for range 30 {
			group = w.object(hdf5Link(strings.Repeat("x", 60_000), group))
		}
		return group
	})
	make("hdf5: never written, many times", func(w *hdf5Writer) uint64 {
		return w.object(hdf5Links(1000, w.dataset(1<<30, contiguous(nowhere, 0)))...)
	})
	make("hdf5: data shared by many", func(w *hdf5Writer) uint64 {
		at := w.put(strings.Repeat("x", 1<<20))
		return w.object(hdf5Links(60_000, w.dataset(1<<20, contiguous(at, 1<<20)))...)
	})
	make("hdf5: long type shared by many", func(w *hdf5Writer) uint64 {
		var names, values strings.Builder
		for i := range 100 {
			names.WriteString(strings.Repeat("\x01", 600) + fmt.Sprintf("%03d\x00", i))
			values.WriteByte(byte(i))
		}
		enumeration := "\x38" + le16(100) + "\x00" + le32(1) + uint8Type + names.String() + values.String()
		return w.object(hdf5Links(900, w.object(message{3, enumeration}))...)
	})
	make("hdf5: names that share their bytes", func(w *hdf5Writer) uint64 {
		const n = 1000
		object := w.dataset(1, contiguous(0, 1))
		text := w.put(strings.Repeat("x", 15<<20) + "\x00")
		heap := w.put("HEAP\x00\x00\x00\x00" + le64(15<<20+1) + le64(nowhere) + le64(text))
		symbols := "SNOD\x01\x00" + le16(n)
		for i := range n {
			symbols += le64(uint64(15<<20-50_000-i)) + le64(object) + strings.Repeat("\x00", 24)
		}
		tree := w.put("TREE\x00\x00" + le16(1) + le64(nowhere) + le64(nowhere) + le64(0) + le64(w.put(symbols)) + le64(0))
		return w.object(message{0x11, le64(tree) + le64(heap)})
	})
	return files
}

func TestSmallHDF5FilesThatClaimMuchAreRefused(t *testing.T) {
	for name, data := range hostileHDF5() {
		var err error
		debug.FreeOSMemory()
		peak := peakHeap(func() { _, err = readAll(data, "model.h5") })
		if limit := (*checkpoint.LimitError)(nil); !errors.As(err, &limit) {
			t.Errorf("%s: %v", name, err)
		}
		if peak > 128<<20 { // garbage included
			t.Errorf("%s: %d MiB", name, peak>>20)
		}
	}
}

// A chunk, what it is inflated to and what is made of that are in memory at a time, but not those of several datasets.
func TestLargeChunksOfSeveralDatasetsAreReadOneAfterTheOther(t *testing.T) {
	const extent = 16 << 20
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(make([]byte, extent)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w := newHDF5()
	w.WriteString(strings.Repeat("\x00", 48))
	chunk := w.put(packed.String())
	tree := w.put("TREE\x01\x00" + le16(1) + le64(nowhere) + le64(nowhere) +
		le32(uint32(packed.Len())) + le32(0) + le64(0) + le64(0) + le64(chunk) + le32(0) + le32(0) + le64(extent) + le64(0))
	set := w.dataset(extent, message{8, "\x03\x02\x02" + le64(tree) + le32(extent) + le32(1)}, message{11, "\x02\x01\x01\x00\x00\x00\x01\x00" + le32(6)})
	root := w.object(hdf5Links(16, set)...)
	w.Next(48)
	data := w.file(root)

	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	debug.FreeOSMemory()
	peak := peakHeap(func() {
		if _, err := readAll(data, "model.h5"); err != nil {
			t.Error(err)
		}
	})
	if peak > 80<<20 {
		t.Errorf("the heap grew to %d MiB", peak>>20)
	}
}
