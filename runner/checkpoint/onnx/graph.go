package onnx

import (
	"fmt"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

// Fields of GraphProto.
const (
	graphNode        = 1
	graphName        = 2
	graphInitializer = 5
	graphDoc         = 10
	graphSparse      = 15
)

// Fields of NodeProto.
const (
	nodeType      = 4
	nodeAttribute = 5
	nodeDoc       = 6
)

// Fields of AttributeProto.
const (
	attributeName          = 1
	attributeTensor        = 5
	attributeGraph         = 6
	attributeTensors       = 10
	attributeGraphs        = 11
	attributeDoc           = 13
	attributeSparseTensor  = 22
	attributeSparseTensors = 23
)

// graph adds a graph as the member key of up. The main graph's initializers become members of the root, whose names are
// those that the framework gave to the parameters.
func (x *model) graph(up *tree.Dict, key string, m message, isMain bool) error {
	p, err := up.Key(key)
	if err != nil {
		return err
	}
	g, err := x.tree.Dict(p)
	if err != nil {
		return err
	}
	initializers := g
	if isMain {
		initializers = up
	}
	if p, err = g.Key("definition"); err != nil {
		return err
	}
	rest, err := except(m, graphNode, graphInitializer, graphDoc, graphSparse)
	if err != nil {
		return err
	}
	if err := x.definition(p, "GraphProto", rest); err != nil {
		return err
	}
	err = m.each(func(f field) error {
		body, err := f.message()
		if err != nil {
			return err
		}
		switch f.num {
		case graphInitializer:
			t, err := parseTensor(body)
			if err != nil {
				return err
			}
			p, err := initializers.Key(t.name)
			if err != nil {
				return err
			}
			return x.tensor(p, t)
		case graphSparse:
			return checkpoint.Unsupported("sparse initializers")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if p, err = g.Key("node"); err != nil {
		return err
	}
	nodes, err := x.tree.List(p)
	if err != nil {
		return err
	}
	err = m.each(func(f field) error {
		if f.num != graphNode {
			return nil
		}
		if err := x.ctx.Err(); err != nil {
			return err
		}
		return x.node(nodes.Next(), f.body)
	})
	nodes.End()
	g.End()
	return err
}

// node adds an operation: what is computed, and the tensors and graphs among its attributes by their names.
func (x *model) node(p *keypath.Path, m message) error {
	n, err := x.tree.Dict(p)
	if err != nil {
		return err
	}
	rest, err := except(m, nodeAttribute, nodeDoc)
	if err != nil {
		return err
	}
	operation := "NodeProto"
	err = m.each(func(f field) (err error) {
		switch f.num {
		case nodeType:
			operation, err = f.text()
		case nodeAttribute:
			body, err := f.message()
			if err != nil {
				return err
			}
			encoded, err := x.attribute(n, body)
			rest = append(rest, encoded...)
			return err
		}
		return err
	})
	if err != nil {
		return err
	}
	if p, err = n.Key("definition"); err != nil {
		return err
	}
	n.End()
	return x.definition(p, operation, rest)
}

// attribute adds what of an attribute is a value of its own and returns the rest, encoded.
func (x *model) attribute(n *tree.Dict, m message) ([]byte, error) {
	name := ""
	err := m.each(func(f field) (err error) {
		if f.num == attributeName {
			name, err = f.text()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	count := 0
	// member names the values of a list by their index.
	member := func() string {
		count++
		return fmt.Sprintf("%s.%d", name, count-1)
	}
	err = m.each(func(f field) error {
		switch f.num {
		case attributeTensor:
			return x.constant(n, name, f)
		case attributeTensors:
			return x.constant(n, member(), f)
		case attributeGraph, attributeGraphs:
			body, err := f.message()
			if err != nil {
				return err
			}
			key := name
			if f.num == attributeGraphs {
				key = member()
			}
			return x.graph(n, key, body, false)
		case attributeSparseTensor, attributeSparseTensors:
			return checkpoint.Unsupported("sparse tensor in an attribute")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return except(m, attributeTensor, attributeTensors, attributeGraph, attributeGraphs, attributeDoc)
}

// constant adds a tensor that is an attribute.
func (x *model) constant(n *tree.Dict, key string, f field) error {
	body, err := f.message()
	if err != nil {
		return err
	}
	t, err := parseTensor(body)
	if err != nil {
		return err
	}
	p, err := n.Key(key)
	if err != nil {
		return err
	}
	return x.tensor(p, t)
}

func (x *model) tensor(p *keypath.Path, t *tensor) error {
	err := x.addTensor(p, t)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", checkpoint.Clip(p.String(), 80), err)
	}
	return nil
}

func (x *model) addTensor(p *keypath.Path, t *tensor) error {
	if t.typ != typeString {
		data, err := t.data(x.outside)
		if err != nil {
			return err
		}
		return x.tree.Tensor(p, data)
	}
	n, err := checkpoint.Elements(t.shape)
	if err != nil {
		return err
	}
	if len(t.shape) != 1 {
		return checkpoint.Unsupported("strings of shape %s", checkpoint.ShapeText(t.shape))
	}
	if t.outside || t.raw != nil || len(t.typed) > 0 || n != int64(len(t.strings)) {
		return checkpoint.Damaged("%d strings in a tensor of shape %s", len(t.strings), checkpoint.ShapeText(t.shape))
	}
	return x.tree.Strings(p, len(t.strings), func() (s string, err error) {
		s, t.strings = t.strings[0], t.strings[1:]
		return s, nil
	})
}
