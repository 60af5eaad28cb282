package tensorbundle

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// openBytes reads an index whose only data file is data.
func openBytes(index, data []byte) (*checkpoint.File, error) {
	f := &checkpoint.File{}
	err := read(context.Background(), f, &table{bytes.NewReader(index), int64(len(index))}, func(i, _ int64) (io.ReaderAt, int64, error) {
		return bytes.NewReader(data), int64(len(data)), nil
	})
	if err == nil {
		_, err = checkpoint.Digest(context.Background(), f)
	}
	return f, err
}

func refusal(err error) bool {
	var damaged *checkpoint.DamagedError
	var unsupported *checkpoint.UnsupportedError
	var limit *checkpoint.LimitError
	return errors.As(err, &damaged) || errors.As(err, &unsupported) || errors.As(err, &limit) ||
		errors.Is(err, checkpoint.ErrUnknownFormat)
}

func varints(numbers ...uint64) (p []byte) {
	for _, n := range numbers {
		p = protowire.AppendVarint(p, n)
	}
	return p
}

// pair is a key and a value of a table.
type pair struct{ key, value string }

// block writes pairs without sharing, and the trailer.
func block(compression byte, pairs ...pair) []byte {
	var p []byte
	for _, x := range pairs {
		p = append(p, varints(0, uint64(len(x.key)), uint64(len(x.value)))...)
		p = append(p, x.key+x.value...)
	}
	p = append(p, make([]byte, 8)...) // one restart, at 0
	p[len(p)-4] = 1
	return sealed(p, compression)
}

// sealed adds compression and checksum.
func sealed(p []byte, compression byte) []byte {
	if compression == 1 {
		p = snappy.Encode(nil, p)
	}
	p = append(p, compression)
	sum := crc32.Checksum(p, castagnoli())
	return binary.LittleEndian.AppendUint32(p, (sum>>15|sum<<17)+0xa282ead8)
}

// tableOf writes a table of one block.
func tableOf(b []byte) []byte {
	size := uint64(len(b) - blockTrailer)
	index := block(0, pair{"z", string(varints(0, size))})
	return footed(append(b, index...), uint64(len(b)), uint64(len(index)-blockTrailer))
}

func footed(p []byte, off, size uint64) []byte {
	foot := make([]byte, footerSize-8)
	copy(foot, append([]byte{0, 0}, varints(off, size)...))
	return binary.LittleEndian.AppendUint64(append(p, foot...), tableMagic)
}

// message writes varint fields, and fields of bytes for strings.
func message(pairs ...any) string {
	var p []byte
	for i := 0; i < len(pairs); i += 2 {
		num := protowire.Number(pairs[i].(int))
		switch v := pairs[i+1].(type) {
		case int:
			p = protowire.AppendVarint(protowire.AppendTag(p, num, protowire.VarintType), uint64(v))
		case string:
			p = protowire.AppendString(protowire.AppendTag(p, num, protowire.BytesType), v)
		}
	}
	return string(p)
}

// bundleOf is an index of one tensor "w", of which data has 16 bytes.
func bundleOf(entry ...any) []byte {
	return tableOf(block(0, pair{"", message(1, 1)}, pair{"w", message(entry...)}))
}

var four = message(2, message(1, 4))

// two is a partition of two elements from a place on.
func two(start int64) slice { return slice{{start, 2}} }

// partitions is an index of one tensor "w" in parts of two elements each.
func partitions(shape string, parts ...slice) []byte {
	entry := []any{1, 1, 2, shape}
	pairs := map[string]string{}
	for _, s := range parts {
		entry = append(entry, 7, message(1, message(1, int(s[0].start), 2, int(s[0].length))))
		pairs[s.key("w")] = message(1, 1, 2, message(2, message(1, 2)), 5, 8)
	}
	list := []pair{{"", message(1, 1)}}
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		list = append(list, pair{key, pairs[key]})
	}
	return tableOf(block(0, append(list, pair{"w", message(entry...)})...))
}

func TestPartitionsMakeOneTensor(t *testing.T) {
	data := []byte("01234567abcdefgh")
	f, err := openBytes(partitions(four, two(2), two(0)), data)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 16)
	if err := checkpoint.ReadFull(f.Entries[1].Data, got, 0); err != nil || string(got) != "0123456701234567" {
		t.Errorf("%q: %v", got, err)
	}
}

// TestKeysOfPartitionsSortAsTheirPlaces holds the encoding to what it is for, at the lengths at which it grows.
func TestKeysOfPartitionsSortAsTheirPlaces(t *testing.T) {
	last := ""
	for _, v := range []int64{-1 << 63, -1 << 62, -8193, -8192, -65, -64, -1, 0, 1, 63, 64, 8191, 8192, 1<<20 - 1, 1 << 20, 1<<55 - 1, 1 << 55, 1 << 62, 1<<63 - 1} {
		if next := string(appendOrdered(nil, v)); next <= last {
			t.Errorf("%d: %x is not behind %x", v, next, last)
		} else {
			last = next
		}
	}
}

func TestABundleOfEitherCompressionIsRead(t *testing.T) {
	for compression := range byte(2) {
		index := tableOf(block(compression, pair{"", message(1, 1)}, pair{"w", message(1, 1, 2, four, 5, 16)}))
		f, err := openBytes(index, make([]byte, 16))
		if err != nil {
			t.Fatalf("compression %d: %v", compression, err)
		}
		if len(f.Entries) != 2 || f.Entries[1].Name != "w" || f.Entries[1].Type != "float32" {
			t.Errorf("compression %d: entries %v", compression, f.Entries)
		}
	}
}

func hostile() map[string][]byte {
	good := bundleOf(1, 1, 2, four, 5, 16)
	// A block that claims to inflate to 2 GiB.
	bomb := append(varints(1<<31), 0, 0)
	bomb = append(bomb, 1)
	sum := crc32.Checksum(bomb, castagnoli())
	bomb = binary.LittleEndian.AppendUint32(bomb, (sum>>15|sum<<17)+0xa282ead8)
	empty := sealed(make([]byte, 4), 0)
	again := block(0, pair{"a", string(varints(0, 4))}, pair{"b", string(varints(0, 4))})
	return map[string][]byte{
		"one block twice":        footed(append(empty, again...), uint64(len(empty)), uint64(len(again)-blockTrailer)),
		"cut short":              good[1:],
		"no magic":               append(bytes.Clone(good[:len(good)-1]), 0),
		"nothing but a footer":   footed(nil, 0, 0),
		"index at 2^62":          footed(nil, 1<<62, 1<<62),
		"index of 2^64-1":        footed(make([]byte, 64), 1, 1<<64-1),
		"block over 8 MiB":       footed(make([]byte, maxBlock+100), 0, maxBlock+1),
		"block inflates to 2 GB": tableOf(bomb),
		"compression 7":          tableOf(block(7, pair{"", message(1, 1)})),
		"no header":              tableOf(block(0, pair{"w", message(1, 1)})),
		"empty":                  tableOf(block(0)),
		"2^32-1 restarts":        tableOf(sealed([]byte{0, 0, 0, 0, 255, 255, 255, 255}, 0)),
		"shares too much":        tableOf(sealed(append(varints(5, 1, 1), "abcd\x00\x00\x00\x00"...), 0)),
		"value of 2^62":          tableOf(sealed(append(varints(0, 0, 1<<62), "abcd\x00\x00\x00\x00"...), 0)),
		"key of 2^64-1":          tableOf(sealed(append(varints(0, 1<<64-1, 1), "abcd\x00\x00\x00\x00"...), 0)),
		"key twice":              tableOf(block(0, pair{"", message(1, 1)}, pair{"w", message(1, 1, 2, four, 5, 16)}, pair{"w", message(1, 1, 2, four, 5, 16)})),
		"keys out of order":      tableOf(block(0, pair{"", message(1, 1)}, pair{"w", message(1, 1, 2, four, 5, 16)}, pair{"v", message(1, 1, 2, four, 5, 16)})),
		"big endian":             tableOf(block(0, pair{"", message(1, 1, 2, 1)})),
		"2^40 data files":        tableOf(block(0, pair{"", message(1, 1<<40)})),
		"header is no message":   tableOf(block(0, pair{"", "\xff"})),
		"entry is no message":    tableOf(block(0, pair{"", message(1, 1)}, pair{"w", "\x0a\xff"})),
		"key is no UTF-8":        tableOf(block(0, pair{"", message(1, 1)}, pair{"\xff", message(1, 1, 2, four, 5, 16)})),
		"another data file":      bundleOf(1, 1, 2, four, 3, 1, 5, 16),
		"data file -1":           bundleOf(1, 1, 2, four, 3, -1, 5, 16),
		"offset of 2^62":         bundleOf(1, 1, 2, four, 4, 1<<62, 5, 16),
		"negative offset":        bundleOf(1, 1, 2, four, 4, -1, 5, 16),
		"too few bytes":          bundleOf(1, 1, 2, four, 5, 15),
		"too many bytes":         bundleOf(1, 1, 2, four, 5, 17),
		"negative size":          bundleOf(1, 1, 2, four, 5, -16),
		"negative extent":        bundleOf(1, 1, 2, message(2, message(1, -4)), 5, 16),
		"extents of 2^62":        bundleOf(1, 1, 2, message(2, message(1, 1<<62), 2, message(1, 4)), 5, 16),
		"unknown rank":           bundleOf(1, 1, 2, message(3, 1), 5, 4),
		"65 dimensions":          bundleOf(1, 1, 2, strings.Repeat(message(2, message(1, 1)), 65), 5, 4),
		"partition not there":    bundleOf(1, 1, 2, four, 7, message(1, message(2, 4))),
		"partition twice":        partitions(four, two(0), two(0)),
		"partitions overlap":     partitions(four, two(0), two(1)),
		"partitions with a gap":  partitions(message(2, message(1, 5)), two(0), two(3)),
		"partition at the end":   partitions(four, two(0), two(3)),
		"partition before":       partitions(four, two(-1), two(2)),
		"partition at 2^62":      partitions(four, two(0), two(1<<62)),
		"other dimensions":       partitions(message(2, message(1, 2), 2, message(1, 2)), two(0), two(2)),
		"partition of nothing":   tableOf(block(0, pair{"", message(1, 1)}, pair{slice{{0, 2}}.key("w"), message(1, 1, 2, message(2, message(1, 2)), 5, 8)})),
		"partitioned partition":  bundleOf(1, 1, 2, four, 7, strings.Repeat(message(1, message(2, 4)), 65)),
		"partitioned strings":    bundleOf(1, 7, 2, four, 7, message(1, message(2, 4))),
		"variant cut short":      bundleOf(1, 21, 2, four, 5, 16),
		"2^40 variants":          bundleOf(1, 21, 2, message(2, message(1, 1<<40)), 5, 16),
		"variants and more":      bundleOf(1, 21, 2, message(2, message(1, 1)), 5, 16),
		"resource":               bundleOf(1, 20, 2, four, 5, 16),
		"unknown field":          bundleOf(1, 1, 2, four, 5, 16, 8, 1),
		"too many strings":       bundleOf(1, 7, 2, four+message(2, message(1, 5)), 5, 16),
		"2^40 strings":           bundleOf(1, 7, 2, message(2, message(1, 1<<40)), 5, 16),
		"strings, no checksum":   bundleOf(1, 7, 2, four, 5, 16),
		"strings cut short":      bundleOf(1, 7, 2, four, 5, 4),
	}
}

func TestHostileBundlesAreRefused(t *testing.T) {
	data := bytes.Repeat([]byte{1}, 16)
	for name, index := range hostile() {
		if f, err := openBytes(index, data); err == nil {
			t.Errorf("%s: read with %d entries", name, len(f.Entries))
		} else if !refusal(err) {
			t.Errorf("%s: untyped error %v", name, err)
		}
	}
}

// TestAnyFlippedBitOfTheIndexIsNoticed uses testdata/model, which TensorFlow 2.21 wrote. The footer's padding is free.
func TestAnyFlippedBitOfTheIndexIsNoticed(t *testing.T) {
	index, data := model(t)
	want, err := openBytes(index, data)
	if err != nil || len(want.Entries) != 5 {
		t.Fatalf("%v %v", err, want)
	}
	if err := want.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := range len(index) - footerSize {
		index[i] ^= 16
		if _, err := openBytes(index, data); err == nil && !inMetaindex(index, i) {
			t.Errorf("byte %d of %d", i, len(index))
		}
		index[i] ^= 16
	}
}

// inMetaindex tells the block that the footer names first, which holds nothing and is not read.
func inMetaindex(index []byte, i int) bool {
	s, _, err := parseSpan(index[len(index)-footerSize:])
	return err == nil && i >= int(s.off) && i < int(s.off+s.size)+blockTrailer
}

func model(t testing.TB) (index, data []byte) {
	t.Helper()
	index, err := os.ReadFile("testdata/model.index")
	if err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile("testdata/model.data-00000-of-00001"); err != nil {
		t.Fatal(err)
	}
	return index, data
}

// FuzzBundle fuzzes what a block of the table holds, sealed so that its checksum does not stop everything, and the table.
func FuzzBundle(f *testing.F) {
	index, data := model(f)
	f.Add(index, data, false)
	for _, x := range hostile() {
		if len(x) < 1<<16 {
			f.Add(x, data, false)
		}
	}
	good := block(0, pair{"", message(1, 1)}, pair{"w", message(1, 1, 2, four, 5, 16)}, pair{"x", message(1, 7, 2, four, 5, 8)})
	f.Add(good[:len(good)-blockTrailer], data, true)
	f.Add(partitions(four, two(0), two(2)), data, false)
	variants := block(0, pair{"", message(1, 1)}, pair{"v", message(1, 21, 2, message(2, message(1, 2)), 5, 12)})
	f.Add(variants[:len(variants)-blockTrailer], []byte("\x01aSUM1\x01bSUM2"), true)
	f.Fuzz(func(t *testing.T, index, data []byte, seal bool) {
		if seal {
			index = tableOf(sealed(index, 0))
		}
		if _, err := openBytes(index, data); err != nil && !refusal(err) {
			t.Fatalf("untyped error: %v", err)
		}
	})
}
