package all_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/dcp"
	"github.com/reprocheck/reprocheck/runner/checkpoint/hdf5"
	"github.com/reprocheck/reprocheck/runner/checkpoint/jsonfile"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keras"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npyfile"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npz"
	"github.com/reprocheck/reprocheck/runner/checkpoint/picklefile"
	"github.com/reprocheck/reprocheck/runner/checkpoint/safetensors"
	"github.com/reprocheck/reprocheck/runner/checkpoint/torchlegacy"
	"github.com/reprocheck/reprocheck/runner/checkpoint/torchzip"
)

func FuzzTorchZip(f *testing.F)    { fuzz(f, torchzip.Reader{}) }
func FuzzTorchLegacy(f *testing.F) { fuzz(f, torchlegacy.Reader{}) }
func FuzzPickle(f *testing.F)      { fuzz(f, picklefile.Reader{}) }
func FuzzCompressed(f *testing.F)  { fuzz(f, picklefile.CompressedReader{}) }
func FuzzHDF5(f *testing.F)        { fuzz(f, hdf5.Reader{}) }
func FuzzNPY(f *testing.F)         { fuzz(f, npyfile.Reader{}) }
func FuzzNPZ(f *testing.F)         { fuzz(f, npz.Reader{}) }
func FuzzSafetensors(f *testing.F) { fuzz(f, safetensors.Reader{}) }
func FuzzJSON(f *testing.F)        { fuzz(f, jsonfile.Reader{}) }
func FuzzKeras(f *testing.F)       { fuzz(f, keras.Reader{}) }

// FuzzDistributed fuzzes the metadata of a directory of torch.distributed.checkpoint and a file beside it.
func FuzzDistributed(f *testing.F) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "seed-dcp", name))
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	f.Add(read(dcp.MetadataName), read("__0_0.distcp"))
	fuzzDirectory(f, dcp.MetadataName, "__0_0.distcp", "")
}

// FuzzSharded fuzzes the index of a sharded model and its first shard.
func FuzzSharded(f *testing.F) {
	shard := safetensorsFile(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 2)
	f.Add([]byte(`{"metadata":{"total_size":2},"weight_map":{"a":"model-1.safetensors"}}`), shard)
	f.Add([]byte(`{"weight_map":{"a":"../model-1.safetensors"}}`), shard)
	f.Add([]byte(`{"weight_map":{"a":"model-1.safetensors","a":"model-1.safetensors"}}`), shard)
	fuzzDirectory(f, "model.safetensors.index.json", "model-1.safetensors", "model.safetensors.index.json")
}

// fuzzDirectory writes two files into a directory and reads what is at path in it.
func fuzzDirectory(f *testing.F, first, second, path string) {
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for name, data := range map[string][]byte{first: a, second: b} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		file, err := all.Open(context.Background(), filepath.Join(dir, path))
		if err == nil {
			_, err = checkpoint.Digest(context.Background(), file)
			file.Close()
		}
		if err != nil && !refusal(err) && !errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(*fs.PathError)) {
			t.Fatalf("untyped error: %v", err)
		}
	})
}

// fuzz holds a reader to what is promised for untrusted files: a typed error, or values that can all be read, and soon.
// The seeds are the hostile files and those that real libraries wrote (testdata/seeds, made by the packages of
// fixtures/requirements.txt from a linear layer, its optimizer and small arrays of many types).
func fuzz(f *testing.F, reader checkpoint.Reader) {
	const name = "model.pkl"
	add := func(data []byte) {
		if len(data) < 64<<10 && reader.Sniff(data[:min(len(data), 4096)], name, int64(len(data))) {
			f.Add(data)
		}
	}
	for _, data := range hostileFiles(f) {
		add(data)
	}
	seeds, err := filepath.Glob(filepath.Join("testdata", "seeds", "*"))
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range seeds {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		file, err := reader.Open(context.Background(), bytes.NewReader(data), int64(len(data)), name)
		if err == nil {
			var total int64
			for i := range file.Entries {
				total += file.Entries[i].Data.Size()
			}
			if total < 16<<20 {
				_, err = checkpoint.Digest(context.Background(), file)
			}
		}
		if err != nil && !refusal(err) {
			t.Fatalf("untyped error: %v", err)
		}
		// Far above what the slowest input takes; a hang is what this finds.
		if took := time.Since(start); took > 20*time.Second {
			t.Fatalf("took %v", took)
		}
	})
}
