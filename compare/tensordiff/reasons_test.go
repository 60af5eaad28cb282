package tensordiff

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// arrayFile is a .npy file of four float32 values.
func arrayFile(t *testing.T, descr, fortran string, values ...float32) string {
	t.Helper()
	order := binary.ByteOrder(binary.LittleEndian)
	if descr[0] == '>' {
		order = binary.BigEndian
	}
	header := "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': (2, 2), }\n"
	b := bytes.NewBufferString("\x93NUMPY\x01\x00" + string([]byte{byte(len(header)), 0}) + header)
	if err := binary.Write(b, order, values); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func archive(t *testing.T, array string, method uint16, when time.Time) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "w.npy", Method: method, Modified: when})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(array)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// weights is a safetensors file of one tensor with metadata.
func weights(metadata, padding string) string {
	header := `{"__metadata__":` + metadata + `,"w":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}` + padding
	return string([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}) + header + "\x01\x00\x00\x00"
}

// TestOtherBytesOfTheSameContentHaveAReason has pairs of files of the same content.
func TestOtherBytesOfTheSameContentHaveAReason(t *testing.T) {
	array := arrayFile(t, "<f4", "False", 1, 2, 3, 4)
	day := func(n int) time.Time { return time.Date(2026, 1, n, 12, 30, 2, 0, time.UTC) }
	for name, test := range map[string]struct {
		file, a, b string
		want       []string
	}{
		"transposed":  {"w.npy", array, arrayFile(t, "<f4", "True", 1, 3, 2, 4), []string{"memory or byte order of 1 tensor: transposed or big-endian in one of the files"}},
		"big-endian":  {"w.npy", array, arrayFile(t, ">f4", "False", 1, 2, 3, 4), []string{"memory or byte order of 1 tensor: transposed or big-endian in one of the files"}},
		"times":       {"w.npz", archive(t, array, zip.Store, day(1)), archive(t, array, zip.Store, day(2)), []string{"times of records: 2026-01-01 12:30:02 and 2026-01-02 12:30:02"}},
		"no time":     {"w.npz", archive(t, array, zip.Store, time.Time{}), archive(t, array, zip.Store, day(2)), []string{"times of records: only in the second file"}},
		"compression": {"w.npz", archive(t, array, zip.Store, day(1)), archive(t, array, zip.Deflate, day(1)), []string{"compression: only in the second file"}},
		"protocol":    {"w.pkl", "\x80\x02}X\x01\x00\x00\x00wK\x01s.", "\x80\x03}X\x01\x00\x00\x00wK\x01s.", []string{"pickle protocol: 2 and 3"}},
		"metadata":    {"w.safetensors", weights(`{"a":"1","b":"2"}`, ""), weights(`{"b":"2","a":"1"}`, ""), []string{"order of the metadata"}},
		"padding":     {"w.safetensors", weights(`{"a":"1"}`, ""), weights(`{"a":"1"}`, " "), []string{"how safetensors arranges the same values: the first other byte is at offset 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := tree(t, map[string]string{test.file: test.a}), tree(t, map[string]string{test.file: test.b})
			c, err := Paths(context.Background(), filepath.Join(a, test.file), filepath.Join(b, test.file), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if c.Verdict != SameContent || len(c.Files) != 1 {
				t.Fatalf("%s, %d files", c.Verdict, len(c.Files))
			}
			if d := cmp.Diff(test.want, c.Files[0].Container); d != "" {
				t.Error(d)
			}
		})
	}
}
