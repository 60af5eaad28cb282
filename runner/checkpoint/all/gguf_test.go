package all_test

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/gguf"
)

func FuzzGGUF(f *testing.F) {
	seed(f, hostileGGUF())
	fuzz(f, gguf.Reader{})
}

func TestGGUFFilesHaveTheTensorsThatGGUFPyWrote(t *testing.T) {
	dir := write(t, "write_gguf.py", "gguf", "numpy")
	compareAll(t, dir)
	f, plain := open(t, filepath.Join(dir, "plain.gguf"))
	want := map[string]string{
		"metadata.n.u8": "int 200", "metadata.n.i8": "int -3", "metadata.n.u16": "int 60000", "metadata.n.i16": "int -300",
		"metadata.n.u32": "int 2147483648", "metadata.n.i32": "int -70000", "metadata.n.u64": "int 18446744073709551615",
		"metadata.n.i64": "int -4611686018427387904", "metadata.n.f32": "float 0.10000000149011612",
		"metadata.n.f64": "float 0.1", "metadata.n.yes": "bool True", "metadata.n.text": "str é中",
		"metadata.general.architecture": "str tiny", "metadata.few[1]": "str b",
		"metadata.tokenizer.ggml.tokens": "list 600 plain values",
	}
	for _, e := range f.Entries {
		if text, ok := want[e.Name]; ok && text != e.Type+" "+e.Text {
			t.Errorf("%s is %s %s, want %s", e.Name, e.Type, e.Text, text)
		}
		delete(want, e.Name)
	}
	if len(want) > 0 || len(f.Findings) > 0 {
		t.Errorf("missing %v, findings %v", want, f.Findings)
	}
	if _, aligned := open(t, filepath.Join(dir, "aligned.gguf")); aligned.Content != plain.Content {
		t.Error("another alignment is another content")
	}
}

// ggufFile writes version 3: metadata, the table of tensors, padding to 32 bytes, data.
func ggufFile(tensors, pairs uint64, body string, data int) []byte {
	s := "GGUF\x03\x00\x00\x00" + le64(tensors) + le64(pairs) + body
	return []byte(s + strings.Repeat("\x00", (32-len(s)%32)%32+data))
}

func ggufText(s string) string { return le64(uint64(len(s))) + s }

func le32(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }

func ggufTensor(name string, typ uint32, offset uint64, shape ...uint64) string {
	s := ggufText(name) + le32(uint32(len(shape)))
	for _, n := range shape {
		s += le64(n)
	}
	return s + le32(typ) + le64(offset)
}

func hostileGGUF() map[string][]byte {
	const array, text, u32 = 9, 8, 4
	return map[string][]byte{
		"magic only":            []byte("GGUF"),
		"version 1":             []byte("GGUF\x01\x00\x00\x00" + strings.Repeat("\x00", 32)),
		"big endian":            []byte("GGUF\x00\x00\x00\x03" + strings.Repeat("\x00", 32)),
		"2^62 tensors":          ggufFile(1<<62, 0, "", 0),
		"2^62 pairs":            ggufFile(0, 1<<62, "", 0),
		"key of 2^62":           ggufFile(0, 1, le64(1<<62)+"k", 64),
		"text of 2^64-1":        ggufFile(0, 1, ggufText("k")+le32(text)+le64(1<<64-1), 64),
		"array of 2^62":         ggufFile(0, 1, ggufText("k")+le32(array)+le32(u32)+le64(1<<62), 64),
		"array of 2^62 texts":   ggufFile(0, 1, ggufText("k")+le32(array)+le32(text)+le64(1<<62), 64),
		"arrays nested deep":    ggufFile(0, 1, ggufText("k")+le32(array)+strings.Repeat(le32(array)+le64(1), 100_000), 64),
		"type 13":               ggufFile(0, 1, ggufText("k")+le32(13)+le64(0), 64),
		"truth value 2":         ggufFile(0, 1, ggufText("k")+le32(7)+"\x02", 64),
		"equal keys":            ggufFile(0, 2, strings.Repeat(ggufText("k")+le32(u32)+le32(1), 2), 0),
		"alignment 0":           ggufFile(0, 1, ggufText("general.alignment")+le32(u32)+le32(0), 0),
		"alignment 33":          ggufFile(0, 1, ggufText("general.alignment")+le32(u32)+le32(33), 0),
		"key is no UTF-8":       ggufFile(0, 1, ggufText("\xff")+le32(u32)+le32(1), 0),
		"equal tensors":         ggufFile(2, 0, ggufTensor("t", 0, 0, 8)+ggufTensor("t", 0, 32, 8), 64),
		"overlapping tensors":   ggufFile(2, 0, ggufTensor("t", 0, 0, 16)+ggufTensor("u", 0, 32, 8), 64),
		"offset of 2^63":        ggufFile(1, 0, ggufTensor("t", 0, 1<<63, 8), 64),
		"shape overflows":       ggufFile(1, 0, ggufTensor("t", 0, 0, 1<<40, 1<<40), 64),
		"extent of 2^63":        ggufFile(1, 0, ggufTensor("t", 0, 0, 1<<63), 64),
		"part of a block":       ggufFile(1, 0, ggufTensor("t", 8, 0, 33), 64),
		"five dimensions":       ggufFile(1, 0, ggufTensor("t", 0, 0, 1, 1, 1, 1, 1), 64),
		"unknown tensor type":   ggufFile(1, 0, ggufTensor("t", 99, 0, 8), 64),
		"removed tensor type":   ggufFile(1, 0, ggufTensor("t", 4, 0, 8), 64),
		"data cut short":        ggufFile(1, 0, ggufTensor("t", 0, 0, 8), 31),
		"goes on behind":        ggufFile(1, 0, ggufTensor("t", 0, 0, 8), 96),
		"tensor named metadata": ggufFile(1, 0, ggufTensor("metadata", 0, 0, 8), 32),
	}
}

func TestHostileGGUFFilesAreRefused(t *testing.T) {
	refuseAll(t, hostileGGUF(), "model.gguf")
	if f, err := readAll(ggufFile(1, 1, ggufText("k")+le32(4)+le32(1)+ggufTensor("t", 0, 0, 8), 32), "x"); err != nil || len(f.Entries) != 4 {
		t.Errorf("their clean twin: %v", err)
	}
}
