package all_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/msgpack"
)

func FuzzMessagePack(f *testing.F) {
	seed(f, hostileMessagePack())
	fuzz(f, msgpack.Reader{})
}

func TestFlaxFilesHaveTheContentThatFlaxRestores(t *testing.T) {
	dir := write(t, "write_flax.py", "flax", "jax", "ml_dtypes", "numpy")
	compareAll(t, dir)
	contents, err := filepath.Glob(filepath.Join(dir, "*.content"))
	if err != nil || len(contents) == 0 {
		t.Fatalf("no contents: %v", err)
	}
	for _, path := range contents {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, d := open(t, strings.TrimSuffix(path, ".content"))
		if f.Format != "msgpack" || d.Content != string(want) {
			t.Errorf("%s, read as %s: content %s, Python has %s", filepath.Base(path), f.Format, d.Content, want)
		}
	}
	f, _ := open(t, filepath.Join(dir, "values.msgpack"))
	want := map[string]string{
		"np[0]": "0.1", "np[1]": "-5", "np[3]": "1.5", "complex": "(1-2j)", "numbers[-2]": "b", "integers[0]": "0", "reals[2]": "-0.0",
	}
	for _, e := range f.Entries {
		if text, ok := want[e.Name]; ok && e.Text != text {
			t.Errorf("%s is %q, want %q", e.Name, e.Text, text)
		}
		delete(want, e.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
}

// flaxArray is an array of float32 with the key "w", as flax writes it.
func flaxArray(shape, dtype, data string) string {
	body := "\x93" + shape + dtype + data
	return "\xa1w\xc7" + string(rune(len(body))) + "\x01" + body
}

const (
	flaxShape = "\x91\x02"
	flaxType  = "\xa7float32"
	flaxData  = "\xc4\x08abcdefgh"
)

func hostileMessagePack() map[string][]byte {
	good := flaxArray(flaxShape, flaxType, flaxData)
	// pieces is an array in two pieces with the key "w".
	pieces := func(shape, chunks string) []byte {
		return []byte("\x82" + good + "\xa1v\x83\xb9__msgpack_chunked_array__\xc3\xa5shape" + shape + "\xa6chunks" + chunks)
	}
	piece := strings.TrimPrefix(good, "\xa1w")
	return map[string][]byte{
		"cut short":             []byte("\x81" + good[:len(good)-1]),
		"bytes behind":          []byte("\x81" + good + "\xc0"),
		"key twice":             []byte("\x82" + good + good),
		"key is a list":         []byte("\x82" + good + "\x90\xc0"),
		"text of 2^32-1":        []byte("\x82" + good + "\xa1v\xdb\xff\xff\xff\xff"),
		"bytes of 2^32-1":       []byte("\x82" + good + "\xa1v\xc6\xff\xff\xff\xff"),
		"list of 2^32-1":        []byte("\x82" + good + "\xa1v\xdd\xff\xff\xff\xff"),
		"pairs of 2^32-1":       []byte("\x82" + good + "\xa1v\xdf\xff\xff\xff\xff"),
		"array of 2^32-1":       []byte("\x82" + good + "\xa1v\xc9\xff\xff\xff\xff\x01"),
		"byte 0xc1":             []byte("\x82" + good + "\xa1v\xc1"),
		"nested deep":           []byte("\x82" + good + "\xa1v" + strings.Repeat("\x91", 1<<20) + "\xc0"),
		"nested dictionaries":   []byte("\x82" + good + "\xa1v" + strings.Repeat("\x81\xa1a", 1<<20) + "\xc0"),
		"a million lists":       []byte("\x82" + good + "\xa1v\xdd\x00\x10\x00\x00" + strings.Repeat("\x90", 1<<20)),
		"text is no UTF-8":      []byte("\x82" + good + "\xa1v\xa1\xff"),
		"time stamp":            []byte("\x82" + good + "\xa1v\xd6\xff\x00\x00\x00\x00"),
		"another type":          []byte("\x82" + good + "\xa1v\xd4\x07\x00"),
		"complex of integers":   []byte("\x82" + good + "\xa1v\xc7\x03\x02\x92\x01\x02"),
		"too few bytes":         []byte("\x81" + flaxArray(flaxShape, flaxType, "\xc4\x07abcdefg")),
		"too many bytes":        []byte("\x81" + flaxArray(flaxShape, flaxType, "\xc4\x09abcdefghi")),
		"bytes do not fill it":  []byte("\x81" + flaxArray(flaxShape, flaxType, flaxData+"i")),
		"negative extent":       []byte("\x81" + flaxArray("\x91\xfe", flaxType, flaxData)),
		"extents of 2^63":       []byte("\x81" + flaxArray("\x92\xcf\x80\x00\x00\x00\x00\x00\x00\x00\x02", flaxType, flaxData)),
		"extents of 2^62":       []byte("\x81" + flaxArray("\x92\xcf\x40\x00\x00\x00\x00\x00\x00\x00\x04", flaxType, flaxData)),
		"extent is a text":      []byte("\x81" + flaxArray("\x91\xa12", flaxType, flaxData)),
		"objects":               []byte("\x81" + flaxArray(flaxShape, "\xa6object", flaxData)),
		"four bits":             []byte("\x81" + flaxArray(flaxShape, "\xadfloat4_e2m1fn", "\xc4\x02ab")),
		"no type":               []byte("\x81" + flaxArray(flaxShape, "\x01", flaxData)),
		"pair instead of three": []byte("\x81\xa1w\xc7\x02\x01\x92\x01"),
		"scalar with a shape":   []byte("\x82" + good + "\xa1v" + strings.Replace(piece, "\x01\x93", "\x03\x93", 1)),
		"pieces of nothing":     pieces("\x81\xa10\x04", "\x80"),
		"pieces are too few":    pieces("\x81\xa10\x04", "\x81\xa10"+piece),
		"pieces out of order":   pieces("\x81\xa10\x04", "\x82\xa11"+piece+"\xa10"+piece),
		"pieces of 2^62":        pieces("\x81\xa10\xcf\x40\x00\x00\x00\x00\x00\x00\x00", "\x82\xa10"+piece+"\xa11"+piece),
		"pieces of other types": pieces("\x81\xa10\x04", "\x82\xa10"+piece+"\xa11"+strings.Replace(piece, "float32", "float16", 1)),
		"piece is a number":     pieces("\x81\xa10\x04", "\x82\xa10"+piece+"\xa11\x05"),
	}
}

func TestHostileMessagePackFilesAreRefused(t *testing.T) {
	refuseAll(t, hostileMessagePack(), "model.msgpack")
	good := flaxArray(flaxShape, flaxType, flaxData)
	piece := strings.TrimPrefix(good, "\xa1w")
	for name, data := range map[string]string{
		"one array": "\x81" + good,
		"in pieces": "\x81\xa1v\x83\xb9__msgpack_chunked_array__\xc3\xa5shape\x81\xa10\x04\xa6chunks\x82\xa10" + piece + "\xa11" + piece,
	} {
		if f, err := readAll([]byte(data), "x"); err != nil || f.Format != "msgpack" {
			t.Errorf("their clean twin, %s: %v", name, err)
		}
	}
}
