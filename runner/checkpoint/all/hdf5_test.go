package all_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/fixtures"
	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

func TestHDF5FilesHaveTheDatasetsThatH5PyWrote(t *testing.T) {
	dir := write(t, "write_hdf5.py", "h5py", "numpy")
	compareAll(t, dir)
	f, _ := open(t, filepath.Join(dir, "plain.h5"))
	want := map[string]string{
		"text": "a string of variable length", "types@note": "é", "types@list[1]": "three", "soft": "/scalar",
	}
	for _, e := range f.Entries {
		if text, ok := want[e.Name]; ok {
			if e.Text != text {
				t.Errorf("%s is %q, want %q", e.Name, e.Text, text)
			}
			delete(want, e.Name)
		}
	}
	if len(want) > 0 || len(f.Findings) > 0 {
		t.Errorf("missing %v, findings %v", want, f.Findings)
	}
	for _, name := range []string{"dense.h5", "ordered.h5"} {
		f, _ := open(t, filepath.Join(dir, name))
		attributes := 0
		for _, e := range f.Entries {
			if strings.HasPrefix(e.Name, "n001@x") {
				attributes++
			}
			if i, err := strconv.Atoi(strings.TrimPrefix(e.Name, "n001@x")); err == nil && e.Text != checkpoint.Clip(strings.Repeat("y", i+1), 200) {
				t.Errorf("%s: %s is %q", name, e.Name, e.Text)
			}
		}
		if attributes != 2000 || len(f.Findings) > 0 {
			t.Errorf("%s: %d attributes, findings %v", name, attributes, f.Findings)
		}
	}
}

// TestHDF5ValuesOfEveryKindAreThoseThatH5PyReads compares all values, tensors or not, in both directions.
func TestHDF5ValuesOfEveryKindAreThoseThatH5PyReads(t *testing.T) {
	dir := write(t, "write_hdf5_values.py", "h5py", "numpy")
	paths, err := filepath.Glob(filepath.Join(dir, "*.all"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no values in %s: %v", dir, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want := map[string]expectation{}
			for _, e := range expectations(t, path) {
				want[e.name] = e
			}
			f, d := open(t, strings.TrimSuffix(path, ".all"))
			for i, e := range f.Entries {
				w, ok := want[e.Name]
				if got := d.Entries[i].String(); !ok || e.Type != w.dtype || len(e.Shape)+len(w.shape) > 0 && !slices.Equal(e.Shape, w.shape) || got != w.digest {
					t.Errorf("%s: %s%v %s, text %q; Python has %v", e.Name, e.Type, e.Shape, got, e.Text, w)
				}
				delete(want, e.Name)
			}
			for name := range want {
				t.Errorf("no %s", name)
			}
		})
	}
}

func TestKerasFilesOfTwoDaysHaveOneContent(t *testing.T) {
	dir := write(t, "write_hdf5.py", "h5py", "numpy")
	a, digestA := open(t, filepath.Join(dir, "model2020.keras"))
	b, digestB := open(t, filepath.Join(dir, "model2021.keras"))
	if a.Format != "keras" || digestA.Content != digestB.Content {
		t.Errorf("%s %s and %s %s", a.Format, digestA.Content, b.Format, digestB.Content)
	}
	weights, digestW := open(t, filepath.Join(dir, "plain.h5"))
	if len(a.Entries) != len(weights.Entries)+1 || digestA.Entries[5] != digestW.Entries[5] {
		t.Error("the weights are not those of the HDF5 file inside")
	}
}

// TestHDF5FeaturesThatAreNotReadAreRefused uses files whose data would be wrong if the feature were overlooked.
func TestHDF5FeaturesThatAreNotReadAreRefused(t *testing.T) {
	python := fixtures.Python(t)
	if !fixtures.HasModule(t, python, "h5py") {
		t.Skip("no h5py")
	}
	for name, program := range map[string]string{
		"external data":   `f.create_dataset("d", shape=(4,), dtype="f4", external=[("/etc/hostname", 0, 16)])`,
		"virtual dataset": `f.create_virtual_dataset("d", h5py.VirtualLayout((4,), "f4"))`,
		"external link":   `f["d"] = h5py.ExternalLink("/etc/hostname", "/")`,
		"group in itself": `f["g/x"] = 1; f["g/again"] = f["g"]`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.h5")
			cmd := exec.Command(python, "-c", "import sys, h5py, numpy as np\nwith h5py.File(sys.argv[1], 'w') as f:\n    "+program, path)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			f, err := all.Open(context.Background(), path)
			if err == nil {
				defer f.Close()
				t.Fatalf("read as\n%s", entriesText(f))
			}
			if !refusal(err) || name != "group in itself" && !strings.Contains(err.Error(), `"d"`) {
				t.Errorf("untyped error, or one that does not say where: %v", err)
			}
		})
	}
}

func TestAFlippedBitInAChunkIsNoticed(t *testing.T) {
	python := fixtures.Python(t)
	if !fixtures.HasModule(t, python, "h5py") {
		t.Skip("no h5py")
	}
	const program = `
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w") as f:
    d = f.create_dataset("d", data=np.arange(1000.), chunks=(100,), fletcher32=True)
    f.flush()
    print(d.id.get_chunk_info(3).byte_offset)
`
	path := filepath.Join(t.TempDir(), "x.h5")
	out, err := exec.Command(python, "-c", program, path).Output()
	if err != nil {
		t.Fatal(err)
	}
	off, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(data, "x.h5"); err != nil {
		t.Fatal(err)
	}
	data[off+17] ^= 4
	if _, err := readAll(data, "x.h5"); err == nil || !refusal(err) {
		t.Errorf("error %v", err)
	}
}

func TestHDF5StructuresOutOfTheirOrderAreRefused(t *testing.T) {
	python := fixtures.Python(t)
	if !fixtures.HasModule(t, python, "h5py") {
		t.Skip("no h5py")
	}
	path := filepath.Join(t.TempDir(), "x.h5")
	cmd := exec.Command(python, "-c", `import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w") as f:
    f.create_dataset("chunked", data=np.arange(20, dtype="i4"), chunks=(7,), maxshape=(25,))
    f["other"] = 1`, path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(whole, "x.h5"); err != nil {
		t.Fatal(err)
	}
	keys := bytes.Index(whole, []byte("TREE\x01")) + 24 // each of size, mask, place, place within an element, and an address
	for name, at := range map[string]int{
		"a place that is not on the grid":  keys + 8,
		"a place within an element":        keys + 16 + 7,
		"the second chunk where the first": keys + 32 + 8,
		"a name behind the next":           bytes.Index(whole, []byte("chunked\x00")),
		"a most below the extent":          bytes.Index(whole, []byte("\x19\x00\x00\x00\x00\x00\x00\x00")),
	} {
		damaged := bytes.Clone(whole)
		switch {
		case strings.HasPrefix(name, "the second"):
			damaged[at] = 0
		case strings.HasPrefix(name, "a name"):
			damaged[at] = 'q'
		case strings.HasPrefix(name, "a most"):
			damaged[at] = 5
		default:
			damaged[at] ^= 1
		}
		if _, err := readAll(damaged, "x.h5"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAChecksumAtTheEndOfCompressedDataCounts(t *testing.T) {
	for _, order := range []string{"False", "True"} {
		file := deflated(t, "x.npy", npyFile("{'descr': '<f4', 'fortran_order': "+order+", 'shape': (2, 3), }", 24))
		if _, err := readAll(file, "x.npz"); err != nil {
			t.Fatal(err)
		}
		file[bytes.Index(file, []byte("PK\x01\x02"))+16] ^= 1
		file[bytes.Index(file, []byte("PK\x07\x08"))+4] ^= 1
		if _, err := readAll(file, "x.npz"); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("fortran_order %s: %v", order, err)
		}
	}
}

func TestTheChecksumOfAStoredArrayCounts(t *testing.T) {
	file := stored(t, record{"x.npy", npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24)},
		record{"o.npy", objectsFile(1, 1, "N")})
	if _, err := readAll(file, "x.npz"); err != nil {
		t.Fatal(err)
	}
	file[bytes.Index(file, []byte("), }"))+10] ^= 1
	if _, err := readAll(file, "x.npz"); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("an element that changed: %v", err)
	}
}
