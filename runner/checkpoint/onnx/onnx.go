// Package onnx reads ONNX models: the initializers and constants as tensors, the rest of each graph as it is encoded.
// The format is that of onnx/onnx.proto.
package onnx

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

// maxFacts bounds the metadata that are listed.
const maxFacts = 1 << 13

// Reader reads ONNX models.
type Reader struct{}

// Format returns "onnx".
func (Reader) Format() string { return "onnx" }

// Fields of ModelProto.
const (
	modelIRVersion       = 1
	modelProducer        = 2
	modelProducerVersion = 3
	modelDoc             = 6
	modelGraph           = 7
	modelOperatorSet     = 8 // required since version 3 of the format, of 2017
	modelMetadata        = 14
	modelTraining        = 20
)

// Sniff looks for the version of the format, which every writer puts first, and the tag of another field of a model.
func (Reader) Sniff(head []byte, _ string, _ int64) bool {
	if len(head) < 3 || head[0] != modelIRVersion<<3 || head[1] == 0 || head[1] > 63 {
		return false
	}
	switch head[2] {
	case 0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72: // fields 2 to 8 and 14
		return true
	}
	return false
}

// Open reads the graph. Tensors in other files are read where r is a file with a name, as *os.File is, and only from that
// file's directory or below it. Producer, documentation and metadata of the model are facts and no content.
func (Reader) Open(ctx context.Context, r io.ReaderAt, size int64, name string) (*checkpoint.File, error) {
	f := &checkpoint.File{Format: "onnx"}
	x := &model{ctx: ctx, file: f, outside: &outside{file: f}, tree: tree.NewBuilder(f)}
	if named, ok := r.(interface{ Name() string }); ok {
		x.outside.model = named.Name()
	}
	f.OnClose(&x.outside.pool)
	root := message{src: &source{r: r, size: size}, end: size}
	graph, err := x.header(root)
	if err != nil {
		if !strings.HasSuffix(name, ".onnx") {
			err = fmt.Errorf("%w: %w", checkpoint.ErrUnknownFormat, err)
		}
		return nil, err
	}
	if err := x.entries(root, graph); err != nil {
		return nil, err
	}
	return f, nil
}

type model struct {
	ctx     context.Context
	file    *checkpoint.File
	outside *outside
	tree    *tree.Builder
}

// header finds the graph and notes facts.
func (x *model) header(root message) (graph message, err error) {
	found, sets := false, false
	err = root.each(func(f field) (err error) {
		switch f.num {
		case modelGraph:
			if found {
				return checkpoint.Damaged("two graphs")
			}
			found = true
			graph, err = f.message()
		case modelProducer, modelProducerVersion:
			var text string
			text, err = f.text()
			key := map[bool]string{true: "producer", false: "producer version"}[f.num == modelProducer]
			x.fact(key, text)
		case modelMetadata:
			if len(x.file.Facts) > maxFacts {
				return checkpoint.Limit("more than %d metadata of the model", maxFacts)
			}
			key, value, err := pair(f)
			x.fact("metadata "+checkpoint.Clip(key, 200), value)
			return err
		case modelOperatorSet:
			sets = true
		case modelTraining:
			return checkpoint.Unsupported("training information")
		}
		return err
	})
	if err == nil && !found {
		err = checkpoint.Damaged("no graph")
	}
	if err == nil && !sets {
		err = checkpoint.Damaged("no operator set, as where the file was cut short")
	}
	return graph, err
}

func (x *model) fact(key, value string) {
	x.file.Facts = append(x.file.Facts, checkpoint.Fact{Key: key, Value: checkpoint.Clip(value, 1000)})
}

// pair reads a StringStringEntryProto.
func pair(f field) (key, value string, err error) {
	m, err := f.message()
	if err != nil {
		return "", "", err
	}
	err = m.each(func(f field) (err error) {
		switch f.num {
		case 1:
			key, err = f.text()
		case 2:
			value, err = f.text()
		}
		return err
	})
	return key, value, err
}

// entries adds the model: initializers under their own names, "graph", and "definition", which is all other fields.
func (x *model) entries(root, graph message) error {
	top, err := x.tree.Dict(nil)
	if err != nil {
		return err
	}
	p, err := top.Key("definition")
	if err != nil {
		return err
	}
	rest, err := except(root, modelProducer, modelProducerVersion, modelDoc, modelGraph, modelMetadata)
	if err != nil {
		return err
	}
	if err := x.definition(p, "ModelProto", rest); err != nil {
		return err
	}
	if err := x.graph(top, "graph", graph, true); err != nil {
		return err
	}
	top.End()
	return x.tree.Finish()
}

// definition adds encoded fields.
func (x *model) definition(p *keypath.Path, what string, encoded []byte) error {
	return x.tree.Add(p, checkpoint.Entry{
		Kind: checkpoint.KindBytes, Type: "bytes", Text: checkpoint.Clip(what, 80), Data: checkpoint.Text(string(encoded)),
	})
}

// except returns the encoded fields of a message without those of some numbers.
func except(m message, numbers ...protowire.Number) ([]byte, error) {
	var out []byte
	for {
		f, ok, err := m.next()
		if err != nil || !ok {
			return out, err
		}
		if slices.Contains(numbers, f.num) {
			continue
		}
		p, err := f.encoded(m.at)
		if err != nil {
			return nil, err
		}
		out = append(out, p...)
	}
}
