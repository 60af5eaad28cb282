// Package lightgbm reads the models that LightGBM saves as text: a header, trees whose lines are arrays, and the
// parameters of the training.
package lightgbm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

const (
	// maxHeld bounds the arrays of a file, which are held in memory.
	maxHeld = 32 << 20
	// maxArray bounds one of them.
	maxArray = 8 << 20

	endOfTrees      = "end of trees"
	endOfParameters = "end of parameters"
)

// Reader reads LightGBM's text models.
type Reader struct{}

// Format returns "lightgbm".
func (Reader) Format() string { return "lightgbm" }

// Sniff looks for the name of the model's kind and the first key.
func (Reader) Sniff(head []byte, _ string, _ int64) bool {
	return bytes.HasPrefix(head, []byte("tree\nversion=v"))
}

// Open reads the whole text.
func (Reader) Open(ctx context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	f := &checkpoint.File{Format: "lightgbm"}
	m := &model{
		lines: lines{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10)},
		tree:  tree.NewBuilder(f),
	}
	if err := m.read(ctx); err != nil {
		return nil, err
	}
	return f, m.tree.Finish()
}

type model struct {
	lines
	tree *tree.Builder
	root *tree.Dict
	held int64
}

func (m *model) read(ctx context.Context) (err error) {
	if m.root, err = m.tree.Dict(nil); err != nil {
		return err
	}
	if err := m.need(); err != nil { // the word that Sniff has seen
		return err
	}
	trees, err := m.header()
	if err != nil {
		return err
	}
	p, err := m.root.Key("trees")
	if err != nil {
		return err
	}
	list, err := m.tree.List(p)
	if err != nil {
		return err
	}
	for i := range trees {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.oneTree(list.Next(), i); err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
	}
	list.End()
	if err := m.need(); err != nil {
		return err
	}
	if m.line != endOfTrees {
		return m.damaged(fmt.Sprintf("%q should follow tree %d", endOfTrees, trees-1))
	}
	if err := m.rest(); err != nil {
		return err
	}
	m.root.End()
	return nil
}

// header adds the lines before the first tree and returns the number of trees.
func (m *model) header() (trees int, err error) {
	sized := false
	for {
		if err := m.need(); err != nil {
			return 0, err
		}
		if strings.HasPrefix(m.line, "Tree=") || m.line == endOfTrees {
			m.back()
			break
		}
		key, value, ok := strings.Cut(m.line, "=")
		if key == "tree_sizes" { // lengths of the text, which are no content
			if sized {
				return 0, m.damaged("sizes of trees twice")
			}
			sized = true
			for range strings.FieldsSeq(value) {
				trees++
			}
			continue
		}
		p, err := m.root.Key(key)
		if err != nil {
			return 0, err
		}
		if ok {
			err = m.tree.String(p, value)
		} else { // a flag such as average_output
			err = m.tree.Bool(p, true)
		}
		if err != nil {
			return 0, err
		}
	}
	if !sized {
		return 0, checkpoint.Unsupported("model without the sizes of its trees, as versions before 3 wrote it")
	}
	return trees, nil
}

// oneTree adds the tree with a number. Its lines end at the next tree or the end of all.
func (m *model) oneTree(p *keypath.Path, number int) error {
	if err := m.need(); err != nil {
		return err
	}
	if m.line != "Tree="+strconv.Itoa(number) {
		return m.damaged("its first line is missing")
	}
	t, err := m.tree.Dict(p)
	if err != nil {
		return err
	}
	leaves := int64(-1)
	for {
		if err := m.need(); err != nil {
			return err
		}
		if m.line == endOfTrees || strings.HasPrefix(m.line, "Tree=") {
			m.back()
			break
		}
		key, value, _ := strings.Cut(m.line, "=")
		c, ok := columnOf(key)
		if !ok {
			return checkpoint.Unsupported("line %d: property %q", m.number, checkpoint.Clip(key, 40))
		}
		p, err := t.Key(key)
		if err != nil {
			return err
		}
		if c.extent == scalar {
			n, err := m.scalar(p, c, value)
			if err != nil {
				return err
			}
			if key == "num_leaves" {
				leaves = n
			}
			continue
		}
		if err := m.array(p, c, value, leaves); err != nil {
			return err
		}
	}
	if leaves < 1 {
		return checkpoint.Damaged("%d leaves", leaves)
	}
	t.End()
	return nil
}

// scalar adds a number, and returns it where it is an integer.
func (m *model) scalar(p *keypath.Path, c column, text string) (int64, error) {
	if c.real {
		v, err := checkpoint.ParseFloat(text)
		if err != nil {
			return 0, m.damaged("no number")
		}
		return 0, m.tree.Float(p, v)
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, m.damaged("no integer")
	}
	return v, m.tree.Int(p, big.NewInt(v))
}

// array adds a line of numbers of a tree with so many leaves. LightGBM leaves some lines empty in a tree of one leaf.
func (m *model) array(p *keypath.Path, c column, text string, leaves int64) error {
	t, err := c.parse(text, min(maxHeld-m.held, maxArray))
	if err != nil {
		var damaged *checkpoint.DamagedError
		if errors.As(err, &damaged) {
			return m.damaged(damaged.Reason)
		}
		return err
	}
	want := map[extent]int64{perLeaf: leaves, perSplit: leaves - 1, free: t.Shape[0]}[c.extent]
	if n := t.Shape[0]; n != want && !(n == 0 && leaves == 1) {
		return m.damaged(fmt.Sprintf("%d values in a tree of %d leaves", n, leaves))
	}
	m.held += t.Size()
	return m.tree.Tensor(p, t)
}

// rest adds what follows the trees: importances of features, parameters, categories.
func (m *model) rest() error {
	parameters := false
	for {
		err := m.next()
		if err == io.EOF {
			if !parameters {
				return checkpoint.Damaged("the text ends before its parameters")
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case m.line == "feature_importances:":
			err = m.importances()
		case m.line == "parameters:":
			parameters = true
			err = m.parameters()
		case strings.HasPrefix(m.line, "pandas_categorical:"):
			err = m.categories(strings.TrimPrefix(m.line, "pandas_categorical:"))
		default:
			err = checkpoint.Unsupported("line %d behind the trees: %q", m.number, checkpoint.Clip(m.line, 60))
		}
		if err != nil {
			return err
		}
	}
}

// categories adds the values of categorical columns, which the Python package writes as JSON.
func (m *model) categories(text string) error {
	if !json.Valid([]byte(text)) {
		return m.damaged("no JSON")
	}
	p, err := m.root.Key("pandas_categorical")
	if err != nil {
		return err
	}
	return m.tree.String(p, text)
}

func (m *model) importances() error {
	p, err := m.root.Key("feature_importances")
	if err != nil {
		return err
	}
	d, err := m.tree.Dict(p)
	if err != nil {
		return err
	}
	for {
		if err := m.next(); err != nil && err != io.EOF {
			return err
		} else if i := strings.LastIndexByte(m.line, '='); err == nil && i >= 0 {
			p, err := d.Key(m.line[:i])
			if err != nil {
				return err
			}
			v, err := checkpoint.ParseFloat(m.line[i+1:])
			if err != nil {
				return m.damaged("no importance")
			}
			if err := m.tree.Float(p, v); err != nil {
				return err
			}
			continue
		} else if err == nil {
			m.back()
		}
		d.End()
		return nil
	}
}

// parameters adds the lines "[name: value]".
func (m *model) parameters() error {
	p, err := m.root.Key("parameters")
	if err != nil {
		return err
	}
	d, err := m.tree.Dict(p)
	if err != nil {
		return err
	}
	for {
		if err := m.need(); err != nil {
			return err
		}
		if m.line == endOfParameters {
			d.End()
			return nil
		}
		text, ok := strings.CutPrefix(m.line, "[")
		text, ok2 := strings.CutSuffix(text, "]")
		key, value, ok3 := strings.Cut(text, ": ")
		if !ok || !ok2 || !ok3 {
			return m.damaged("no parameter")
		}
		p, err := d.Key(key)
		if err != nil {
			return err
		}
		if err := m.tree.String(p, value); err != nil {
			return err
		}
	}
}
