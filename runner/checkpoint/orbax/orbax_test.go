package orbax

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// files are those of a checkpoint, by their path.
type files map[string][]byte

func (f files) open(name string) (io.ReaderAt, int64, error) {
	data, ok := f[name]
	if !ok {
		return nil, 0, fmt.Errorf("no file %q: %w", name, fs.ErrNotExist)
	}
	return bytes.NewReader(data), int64(len(data)), nil
}

func (f files) names() ([]string, error) { return slices.Sorted(maps.Keys(f)), nil }

// read reads all values of a checkpoint.
func (f files) read() (*checkpoint.File, error) {
	out := &checkpoint.File{}
	err := read(context.Background(), out, f[metadataName], f)
	if err == nil {
		_, err = checkpoint.Digest(context.Background(), out)
	}
	return out, err
}

// model is testdata/model, which Orbax 0.12 wrote on two devices.
func model(t testing.TB) files {
	t.Helper()
	all := files{}
	root := filepath.Join("testdata", "model")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err == nil {
			all[filepath.ToSlash(name)], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func refusal(err error) bool {
	var damaged *checkpoint.DamagedError
	var unsupported *checkpoint.UnsupportedError
	var limit *checkpoint.LimitError
	return errors.As(err, &damaged) || errors.As(err, &unsupported) || errors.As(err, &limit)
}

// sealed frames the content of a record.
func sealed(magic uint32, content []byte) []byte {
	p := binary.BigEndian.AppendUint32(nil, magic)
	p = binary.LittleEndian.AppendUint64(p, uint64(len(content)+18))
	p = append(append(p, 0, 0), content...) // version 0, not packed
	return binary.LittleEndian.AppendUint32(p, crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)))
}

func numbers(list ...uint64) (p []byte) {
	for _, n := range list {
		p = protowire.AppendVarint(p, n)
	}
	return p
}

// manifestOf is a database of one version, whose root is a node of so many bytes in the file "d/x".
func manifestOf(height byte, length uint64) []byte {
	p := make([]byte, 16)
	p = append(p, numbers(0, 1024, 1<<20)...)
	p = append(p, 4)
	p = append(p, numbers(0)...)            // not packed
	p = append(p, numbers(1, 3, 0)...)      // one file, of 3 bytes, no base path
	p = append(p, "d/x"...)                 //
	p = append(p, numbers(1, 1)...)         // one version, of generation 1
	p = append(p, height)                   //
	p = append(p, numbers(0, 0, length)...) // file, offset, length
	p = append(p, numbers(1, 1, 0)...)      // statistics
	p = append(p, make([]byte, 8)...)       // time
	return sealed(manifestMagic, append(p, 0))
}

// leafOf is a leaf of a tree, with pairs of keys and values.
func leafOf(pairs ...string) []byte {
	n := len(pairs) / 2
	p := append([]byte{0}, numbers(0, uint64(n))...) // height 0, no files
	p = append(p, make([]byte, max(n-1, 0))...)      // keys share nothing
	for i := range n {
		p = append(p, numbers(uint64(len(pairs[2*i])))...)
	}
	for i := range n {
		p = append(p, pairs[2*i]...)
	}
	for i := range n {
		p = append(p, numbers(uint64(len(pairs[2*i+1])))...)
	}
	p = append(p, make([]byte, n)...)
	for i := range n {
		p = append(p, pairs[2*i+1]...)
	}
	return p
}

// checkpointOf is a checkpoint of one node.
func checkpointOf(height byte, node []byte, leaves ...string) files {
	node = sealed(nodeMagic, node)
	var list []string
	for _, name := range leaves {
		list = append(list, `"`+name+`": {"key_metadata": [{"key": "`+name+`"}], "value_metadata": {"value_type": "jax.Array"}}`)
	}
	return files{
		ManifestName: manifestOf(height, uint64(len(node))), "d/x": node,
		metadataName: []byte(`{"tree_metadata": {` + strings.Join(list, ",") + `}, "use_zarr3": false, "store_array_data_equal_to_fill_value": true}`),
	}
}

const array = `{"chunks":[2],"compressor":null,"dtype":"<f4","fill_value":null,"filters":null,"order":"C","shape":[4],"zarr_format":2}`

// arrayOf is a checkpoint of one array "w" in two chunks, with a change of its description.
func arrayOf(from, to string) files {
	return checkpointOf(0, leafOf("w/.zarray", strings.Replace(array, from, to, 1), "w/0", "abcdefgh", "w/1", "ijklmnop"), "w")
}

func TestACheckpointOfSeveralChunksIsRead(t *testing.T) {
	f, err := arrayOf("", "").read()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 16)
	if err := checkpoint.ReadFull(f.Entries[1].Data, got, 0); err != nil || string(got) != "abcdefghijklmnop" {
		t.Errorf("%q %v", got, err)
	}
	// From any offset, and backwards.
	for off := len(got) - 1; off >= 0; off-- {
		part := make([]byte, len(got)-off)
		if err := checkpoint.ReadFull(f.Entries[1].Data, part, int64(off)); err != nil || !bytes.Equal(part, got[off:]) {
			t.Errorf("from %d: %q %v", off, part, err)
		}
	}
}

func TestWhatAChunkHasBeyondTheArrayIsNoContent(t *testing.T) {
	const padded = `{"chunks":[2,2],"compressor":null,"dtype":"|u1","fill_value":0,"filters":null,"order":"C","shape":[3,3],"zarr_format":2}`
	f, err := checkpointOf(0, leafOf("w/.zarray", padded, "w/0.0", "abde", "w/0.1", "c?f?", "w/1.0", "gh??", "w/1.1", "i???"), "w").read()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 9)
	if err := checkpoint.ReadFull(f.Entries[1].Data, got, 0); err != nil || string(got) != "abcdefghi" {
		t.Errorf("%q %v", got, err)
	}
}

// TestChunksThatWereLeftOutHoldZeros: Orbax did not always tell TensorStore to store what is all zeros.
func TestChunksThatWereLeftOutHoldZeros(t *testing.T) {
	f := checkpointOf(0, leafOf("w/.zarray", array, "w/1", "ijklmnop"), "w")
	f[metadataName] = bytes.Replace(f[metadataName], []byte(`, "store_array_data_equal_to_fill_value": true`), nil, 1)
	out, err := f.read()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 16)
	if err := checkpoint.ReadFull(out.Entries[1].Data, got, 0); err != nil || string(got) != strings.Repeat("\x00", 8)+"ijklmnop" {
		t.Errorf("%q %v", got, err)
	}
	f = checkpointOf(0, leafOf("w/.zarray", strings.Replace(array, `"fill_value":null`, `"fill_value":1`, 1), "w/1", "ijklmnop"), "w")
	f[metadataName] = bytes.Replace(f[metadataName], []byte(`, "store_array_data_equal_to_fill_value": true`), nil, 1)
	if _, err := f.read(); err == nil || !refusal(err) {
		t.Errorf("with another fill value: %v", err)
	}
}

// TestPathsInANodeAreRelativeToItsDatabase has a root in the database "sub/" whose values are in that one's files.
func TestPathsInANodeAreRelativeToItsDatabase(t *testing.T) {
	node := append([]byte{0}, numbers(1, 3, 0)...) // height 0; one file, of 3 bytes
	node = append(node, "d/y"...)
	node = append(node, numbers(2, 0, 9, 3)...) // two keys, that share nothing
	node = append(node, "w/.zarrayw/0"...)
	one := strings.Replace(array, "[2]", "[4]", 1)
	node = append(node, numbers(uint64(len(one)), 16)...)
	node = append(node, 0, 1)             // the second value is elsewhere
	node = append(node, numbers(0, 4)...) // in file 0, from byte 4
	node = sealed(nodeMagic, append(node, one...))

	f := checkpointOf(0, []byte{0}, "w")
	f["sub/d/x"], f["sub/d/y"] = node, []byte("????abcdefghijklmnop")
	plain := manifestOf(0, uint64(len(node)))
	f[ManifestName] = sealed(manifestMagic, bytes.Replace(plain[14:len(plain)-4], append(numbers(1, 3, 0), "d/x"...), append(numbers(1, 7, 4), "sub/d/x"...), 1))
	out, err := f.read()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 16)
	if err := checkpoint.ReadFull(out.Entries[1].Data, got, 0); err != nil || string(got) != "abcdefghijklmnop" {
		t.Errorf("%q %v", got, err)
	}
}

func hostile() map[string]files {
	// An interior node whose only child is itself.
	loop := append([]byte{9}, numbers(1, 3, 0)...)
	loop = append(loop, "d/x"...)
	loop = append(loop, numbers(1, 1, 0)...)
	loop = append(loop, "k"...)
	loop = append(loop, numbers(0, 0, 100, 1, 1, 1)...)
	above := checkpointOf(0, leafOf("w/.zarray", array, "w/0", "abcdefgh", "w/1", "ijklmnop"), "w")
	above[metadataName] = []byte(strings.Replace(string(above[metadataName]), `"w"`, `"w": null, "w"`, 1))
	return map[string]files{
		"no arrays in the database": checkpointOf(0, leafOf("x", "y"), "w"),
		"array that is not listed":  checkpointOf(0, leafOf("w/.zarray", array, "w/0", "abcdefgh", "w/1", "ijklmnop")),
		"chunk is missing":          checkpointOf(0, leafOf("w/.zarray", array, "w/0", "abcdefgh"), "w"),
		"chunk cut short":           checkpointOf(0, leafOf("w/.zarray", array, "w/0", "abcdefgh", "w/1", "ijk"), "w"),
		"node refers to itself":     checkpointOf(9, loop, "w"),
		"height of 255":             checkpointOf(255, loop, "w"),
		"another height":            checkpointOf(3, leafOf("w/.zarray", array), "w"),
		"no entries":                checkpointOf(0, []byte{0, 0, 0}, "w"),
		"2^62 entries":              checkpointOf(0, append([]byte{0, 0}, numbers(1<<62)...), "w"),
		"2^62 files":                checkpointOf(0, append([]byte{0}, numbers(1<<62)...), "w"),
		"path of 2^62":              checkpointOf(0, append([]byte{0}, numbers(1, 1<<62, 0)...), "w"),
		"key of 2^62":               checkpointOf(0, append([]byte{0, 0, 1}, numbers(1<<62)...), "w"),
		"key shares too much":       checkpointOf(0, append([]byte{0, 0, 2}, numbers(9, 1, 1)...), "w"),
		"keys out of order":         checkpointOf(0, leafOf("w/0", "abcdefgh", "w/.zarray", array), "w"),
		"key twice":                 checkpointOf(0, leafOf("w/.zarray", array, "w/.zarray", array), "w"),
		"bytes behind":              checkpointOf(0, append(leafOf("w/.zarray", array), 0), "w"),
		"listed twice":              above,
		"not a number of chunks":    arrayOf(`"chunks":[2]`, `"chunks":[2,2]`),
		"chunks of nothing":         arrayOf(`"chunks":[2]`, `"chunks":[0]`),
		"negative chunks":           arrayOf(`"chunks":[2]`, `"chunks":[-2]`),
		"chunks above the array":    arrayOf(`"chunks":[2]`, `"chunks":[1099511627776]`),
		"2^40 elements":             arrayOf(`"shape":[4]`, `"shape":[1099511627776]`),
		"2^62 elements":             arrayOf(`"shape":[4]`, `"shape":[4611686018427387904]`),
		"negative shape":            arrayOf(`"shape":[4]`, `"shape":[-4]`),
		"shape of text":             arrayOf(`"shape":[4]`, `"shape":["4"]`),
		"objects":                   arrayOf("<f4", "|O"),
		"records":                   arrayOf(`"<f4"`, `[["a","<f4"]]`),
		"type of no bytes":          arrayOf("<f4", "|S0"),
		"unknown type":              arrayOf("<f4", "float3"),
		"Fortran order":             arrayOf(`"order":"C"`, `"order":"F"`),
		"filters":                   arrayOf(`"filters":null`, `"filters":[{"id":"delta"}]`),
		"blosc":                     arrayOf(`"compressor":null`, `"compressor":{"id":"blosc"}`),
		"not packed after all":      arrayOf(`"compressor":null`, `"compressor":{"id":"zstd"}`),
		"Zarr version 3":            arrayOf(`"zarr_format":2`, `"zarr_format":3`),
		"no description":            arrayOf(array, "{"),
	}
}

func TestHostileCheckpointsAreRefused(t *testing.T) {
	for name, f := range hostile() {
		if out, err := f.read(); err == nil {
			t.Errorf("%s: read with %d entries", name, len(out.Entries))
		} else if !refusal(err) {
			t.Errorf("%s: untyped error %v", name, err)
		}
	}
}

func TestAnyFlippedBitOfTheDatabaseIsNoticed(t *testing.T) {
	f := model(t)
	out, err := f.read()
	if err != nil || len(out.Entries) != 5 {
		t.Fatalf("%v %v", err, out)
	}
	for name, p := range f {
		if name == metadataName || strings.HasPrefix(name, "ocdbt.process_0/") {
			continue // neither is under a checksum of the database
		}
		for i := range p {
			p[i] ^= 16
			if _, err := f.read(); err == nil || !refusal(err) {
				t.Errorf("byte %d of %s: %v", i, name, err)
			}
			p[i] ^= 16
		}
	}
}

// FuzzCheckpoint fuzzes the content of a node, sealed so that its checksum does not stop everything, and the description
// of the tree; and a manifest as it is.
func FuzzCheckpoint(f *testing.F) {
	m := model(f)
	good := arrayOf("", "")
	f.Add(m[ManifestName], good["d/x"][14:len(good["d/x"])-4], good[metadataName])
	f.Add(good[ManifestName][14:len(good[ManifestName])-4], []byte(nil), m[metadataName])
	for _, x := range hostile() {
		f.Add([]byte(nil), x["d/x"][14:len(x["d/x"])-4], x[metadataName])
	}
	f.Fuzz(func(t *testing.T, manifest, node, metadata []byte) {
		node = sealed(nodeMagic, node)
		for _, p := range [][]byte{manifest, sealed(manifestMagic, manifest), manifestOf(node[14], uint64(len(node)))} {
			x := files{ManifestName: p, "d/x": node, metadataName: metadata}
			out := &checkpoint.File{}
			err := read(context.Background(), out, metadata, x)
			total := int64(0)
			for i := range out.Entries {
				if err == nil {
					total += out.Entries[i].Data.Size()
				}
			}
			if err == nil && total < 1<<20 {
				_, err = checkpoint.Digest(context.Background(), out)
			}
			if err != nil && !refusal(err) {
				t.Fatalf("untyped error: %v", err)
			}
		}
	})
}

func TestTextsAreThoseThatTheTreeLists(t *testing.T) {
	for name, text := range map[string]string{
		"not listed": `{"unknown": "text"}`, "no text": `{"unknown": 1}`, "twice": `{"a": "x", "a": "y"}`, "cut short": `{"a": "x"`,
	} {
		all := model(t)
		all[stringsName] = []byte(text)
		if _, err := all.read(); !refusal(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	all := model(t)
	kind := []byte(`"value_type": "jax.Array"`)
	if !bytes.Contains(all[metadataName], kind) {
		t.Fatal("no array in the model")
	}
	all[metadataName] = bytes.Replace(all[metadataName], kind, []byte(`"value_type": "string"`), 1)
	if _, err := all.read(); !refusal(err) || !strings.Contains(err.Error(), stringsName) {
		t.Errorf("without its file a text is read: %v", err)
	}
}

func TestCustomMetadataAreContent(t *testing.T) {
	content := func(custom string) string {
		all := model(t)
		none := []byte(`"custom_metadata": null`)
		if !bytes.Contains(all[metadataName], none) {
			t.Fatal("the model has custom metadata")
		}
		all[metadataName] = bytes.Replace(all[metadataName], none, []byte(`"custom_metadata": `+custom), 1)
		f, err := all.read()
		if err != nil {
			t.Fatalf("%s: %v", custom, err)
		}
		d, err := checkpoint.Digest(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		return d.Content
	}
	if content(`{"lang": "en"}`) == content(`{"lang": "de"}`) {
		t.Error("other metadata are the same content")
	}
	if content(`{"a": 1.50, "b": [{}]}`) != content(`{"b":[{}],"a":1.50}`) {
		t.Error("the order of keys is content")
	}
	if content(`{}`) != content(`null`) {
		t.Error("no metadata and empty ones differ")
	}
}
