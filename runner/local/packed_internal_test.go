package local

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

type packer func(t *testing.T, to io.Writer, at time.Time, names []string, texts map[string]string)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func packGzip(t *testing.T, to io.Writer, at time.Time, names []string, texts map[string]string) {
	out := gzip.NewWriter(to)
	out.ModTime, out.Name = at, names[0]
	for _, name := range names {
		_, err := io.WriteString(out, texts[name])
		must(t, err)
	}
	must(t, out.Close())
}

func packTar(t *testing.T, to io.Writer, at time.Time, names []string, texts map[string]string) {
	out := tar.NewWriter(to)
	for _, name := range names {
		must(t, out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(texts[name])), ModTime: at, Format: tar.FormatPAX}))
		_, err := io.WriteString(out, texts[name])
		must(t, err)
	}
	must(t, out.Close())
}

func packTarGzip(t *testing.T, to io.Writer, at time.Time, names []string, texts map[string]string) {
	var archive bytes.Buffer
	packTar(t, &archive, at, names, texts)
	packGzip(t, to, at, []string{"all.tar"}, map[string]string{"all.tar": archive.String()})
}

func packZip(t *testing.T, to io.Writer, at time.Time, names []string, texts map[string]string) {
	out := zip.NewWriter(to)
	for _, name := range names {
		member, err := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at})
		must(t, err)
		_, err = io.WriteString(member, texts[name])
		must(t, err)
	}
	must(t, out.Close())
}

// TestPackedContent holds that what is packed decides, and neither the times nor the order that packing adds.
func TestPackedContent(t *testing.T) {
	monday := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	texts := map[string]string{"a.json": `{"w": [0.25, 1.5]}`, "b.bin": "\x00\x01\x02\xff"}
	for _, test := range []struct {
		format   string
		pack     packer
		reorders bool
	}{
		{"gzip", packGzip, false},
		{"tar", packTar, true},
		{"tar.gz", packTarGzip, true},
		{"zip", packZip, true},
	} {
		t.Run(test.format, func(t *testing.T) {
			digest := func(at time.Time, names []string, texts map[string]string, cut int) string {
				t.Helper()
				var packed bytes.Buffer
				test.pack(t, &packed, at, names, texts)
				path := filepath.Join(t.TempDir(), "packed")
				must(t, os.WriteFile(path, packed.Bytes()[:packed.Len()-cut], 0o644))
				f, err := os.Open(path)
				must(t, err)
				defer f.Close()
				format, digest := packedDigest(f, int64(packed.Len()-cut))
				if (format == test.format) != (digest != "") || cut == 0 && format != test.format {
					t.Errorf("format %q, digest %q", format, digest)
				}
				return digest
			}
			names := []string{"a.json", "b.bin"}
			want := digest(monday, names, texts, 0)
			if got := digest(monday.AddDate(0, 0, 1), names, texts, 0); got != want {
				t.Error("another time is another content")
			}
			if got := digest(monday, []string{"b.bin", "a.json"}, texts, 0); (got == want) != test.reorders {
				t.Errorf("another order gives the same content: %t", got == want)
			}
			for name, text := range map[string]string{"a.json": `{"w": [0.25, 1.25]}`, "b.bin": "\x00\x01\x02\xfe"} {
				changed := map[string]string{"a.json": texts["a.json"], "b.bin": texts["b.bin"]}
				changed[name] = text
				if got := digest(monday, names, changed, 0); got == want {
					t.Errorf("%s differs, and the content is the same", name)
				}
			}
			if test.format != "tar" {
				if got := digest(monday, names, texts, 4); got != "" {
					t.Error("a file cut short has a content")
				}
			}
		})
	}
}
