package all_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/onnx"
)

func FuzzONNX(f *testing.F) {
	seed(f, hostileONNX())
	fuzz(f, onnx.Reader{})
}

func TestONNXModelsHaveTheTensorsThatPythonHas(t *testing.T) {
	dir := write(t, "write_onnx.py", "onnx", "numpy")
	compareAll(t, dir)
	raw, rawDigests := open(t, filepath.Join(dir, "raw.onnx"))
	for i := range raw.Entries {
		if e := &raw.Entries[i]; e.Name == "words[1]" && e.Text != "é" || e.Name == "graph.node[0].definition" && e.Text != "Add" {
			t.Errorf("%s is %q", e.Name, e.Text)
		}
	}
	// How values are stored is no content.
	if _, typed := open(t, filepath.Join(dir, "typed.onnx")); typed.Content != rawDigests.Content {
		t.Error("values in typed fields are another content than raw data")
	}
	_, inline := open(t, filepath.Join(dir, "inline.onnx"))
	if _, external := open(t, filepath.Join(dir, "external.onnx")); inline.Content != external.Content {
		t.Error("values in another file are another content")
	}
	if inline.Content == rawDigests.Content {
		t.Error("two models have one content")
	}
	for name, want := range map[string]string{
		"up.onnx": "not below the model's directory", "absolute.onnx": "not below the model's directory",
		"link.onnx": "leaves the model's directory", "missing.onnx": "cannot be found", "folder.onnx": "not a regular file",
	} {
		f, err := all.Open(context.Background(), filepath.Join(dir, name))
		if err == nil {
			t.Errorf("%s: read as\n%s", name, entriesText(f))
		} else if !refusal(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	// A model that is not read from a file has no directory.
	data, err := os.ReadFile(filepath.Join(dir, "external.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(data, "external.onnx"); err == nil || !refusal(err) {
		t.Errorf("external data without a directory: %v", err)
	}
}

// onnxMessage writes a message from pairs of a field number and its value: a number, or bytes.
func onnxMessage(pairs ...any) string {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		num := protowire.Number(pairs[i].(int))
		switch v := pairs[i+1].(type) {
		case int:
			b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
		}
	}
	return string(b)
}

func onnxModel(graph string) []byte { return []byte(onnxMessage(1, 10, 2, "test", 8, "", 7, graph)) }

// onnxTensor is a model with one initializer "w" of the type float32.
func onnxTensor(pairs ...any) []byte {
	return onnxModel(onnxMessage(5, onnxMessage(append([]any{2, 1, 8, "w"}, pairs...)...)))
}

func hostileONNX() map[string][]byte {
	deep := ""
	for range 100 { // an If in the branch of an If
		deep = onnxMessage(1, onnxMessage(4, "If", 5, onnxMessage(1, "then_branch", 6, deep)))
	}
	return map[string][]byte{
		"no graph":               []byte(onnxMessage(1, 10, 2, "test", 8, "")),
		"no operator set":        []byte(onnxMessage(1, 10, 2, "test", 7, "")),
		"two graphs":             []byte(onnxMessage(1, 10, 8, "", 7, "", 7, "")),
		"graph is a number":      []byte(onnxMessage(1, 10, 8, "", 7, 3)),
		"length of 2^62":         append([]byte(onnxMessage(1, 10, 2, "test", 8, "")+"\x3a"), protowire.AppendVarint(nil, 1<<62)...),
		"cut short":              onnxTensor(1, 4, 9, strings.Repeat("\x00", 16))[:30],
		"group":                  onnxModel("\x0b\x0c"),
		"field 0":                onnxModel("\x00\x00"),
		"endless varint":         onnxModel(strings.Repeat("\xff", 30)),
		"too few bytes":          onnxTensor(1, 4, 9, strings.Repeat("\x00", 15)),
		"too many bytes":         onnxTensor(1, 4, 9, strings.Repeat("\x00", 17)),
		"no values":              onnxTensor(1, 4),
		"negative extent":        onnxTensor(1, -1, 9, ""),
		"extents of 2^60":        onnxTensor(1, 1<<60, 1, 1<<60, 9, ""),
		"65 dimensions":          onnxTensor(1, strings.Repeat("\x01", 65), 9, "\x00\x00\x00\x00"),
		"raw twice":              onnxTensor(1, 1, 9, "\x00\x00\x00\x00", 9, "\x00\x00\x00\x01"),
		"raw and typed":          onnxTensor(1, 1, 9, "\x00\x00\x00\x00", 4, "\x00\x00\x00\x01"),
		"values of another type": onnxTensor(1, 1, 7, "\x01"),
		"two typed fields":       onnxTensor(1, 1, 4, "\x00\x00\x00\x00", 7, "\x01"),
		"in segments":            onnxTensor(1, 1, 3, "", 9, "\x00\x00\x00\x00"),
		"unknown field":          onnxTensor(1, 1, 99, 1, 9, "\x00\x00\x00\x00"),
		"unknown data type":      onnxModel(onnxMessage(5, onnxMessage(2, 77, 8, "w", 1, 1, 9, "\x00"))),
		"value 256 in uint8":     onnxModel(onnxMessage(5, onnxMessage(2, 2, 8, "w", 1, 1, 5, "\x80\x02"))),
		"value 2 in bool":        onnxModel(onnxMessage(5, onnxMessage(2, 9, 8, "w", 1, 1, 5, "\x02"))),
		"name is no UTF-8":       onnxModel(onnxMessage(5, onnxMessage(2, 1, 8, "\xff", 9, "\x00\x00\x00\x00"))),
		"two of one name":        onnxModel(onnxMessage(5, onnxMessage(2, 1, 8, "w", 9, "\x00\x00\x00\x00"), 5, onnxMessage(2, 1, 8, "w", 9, "\x00\x00\x00\x00"))),
		"sparse initializer":     onnxModel(onnxMessage(15, "")),
		"training information":   []byte(onnxMessage(1, 10, 8, "", 7, "", 20, "")),
		"external data, no file": onnxTensor(1, 1, 13, onnxMessage(1, "location", 2, "w.bin"), 14, 1),
		"external to nowhere":    onnxTensor(1, 1, 14, 1),
		"external property":      onnxTensor(1, 1, 13, onnxMessage(1, "basepath", 2, "/"), 14, 1),
		"data location 2":        onnxTensor(1, 1, 14, 2),
		"strings of a shape":     onnxModel(onnxMessage(5, onnxMessage(2, 8, 8, "w", 1, 1, 1, 1, 6, "a"))),
		"too few strings":        onnxModel(onnxMessage(5, onnxMessage(2, 8, 8, "w", 1, 2, 6, "a"))),
		"graphs nested deep":     onnxModel(deep),
	}
}

func TestHostileONNXModelsAreRefused(t *testing.T) {
	refuseAll(t, hostileONNX(), "model.onnx")
	if _, err := readAll(onnxTensor(1, 4, 9, strings.Repeat("\x00", 16)), "model.onnx"); err != nil {
		t.Errorf("their clean twin: %v", err)
	}
}
