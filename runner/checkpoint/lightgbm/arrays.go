package lightgbm

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// extent says how many values a line of a tree has.
type extent int

const (
	scalar extent = iota
	perLeaf
	perSplit // one fewer than leaves
	free     // categories and linear models say their own lengths
)

// column is what a line of a tree holds.
type column struct {
	real   bool
	extent extent
}

// columnOf returns what a key of a tree means (Tree::ToString in LightGBM's src/io/tree.cpp). The text does not tell the
// width of a number, so integers are read as int64 and reals as float64.
func columnOf(key string) (column, bool) {
	switch key {
	case "num_leaves", "num_cat", "is_linear":
		return column{}, true
	case "shrinkage":
		return column{real: true}, true
	case "leaf_value", "leaf_weight", "leaf_const":
		return column{true, perLeaf}, true
	case "leaf_count", "num_features":
		return column{false, perLeaf}, true
	case "split_gain", "threshold", "internal_value", "internal_weight":
		return column{true, perSplit}, true
	case "split_feature", "decision_type", "left_child", "right_child", "internal_count":
		return column{false, perSplit}, true
	case "cat_boundaries", "cat_threshold", "leaf_features":
		return column{false, free}, true
	case "leaf_coeff":
		return column{true, free}, true
	}
	return column{}, false
}

// parse reads the numbers of a line, whose tensor may take up to most bytes.
func (c column) parse(text string, most int64) (*checkpoint.Tensor, error) {
	var data []byte
	n := int64(0)
	for word := range strings.FieldsSeq(text) {
		bits, err := c.bits(word)
		if err != nil {
			return nil, err
		}
		data = binary.LittleEndian.AppendUint64(data, bits)
		if n++; int64(len(data)) > most {
			return nil, checkpoint.Limit("trees of more than %d MiB, or an array of more than %d MiB", maxHeld>>20, maxArray>>20)
		}
	}
	dtype := checkpoint.Int64
	if c.real {
		dtype = checkpoint.Float64
	}
	shape := []int64{n}
	if c.extent == scalar {
		shape = []int64{}
	}
	return checkpoint.NewTensor(dtype, 64, shape, bytes.NewReader(data))
}

func (c column) bits(word string) (uint64, error) {
	if c.real {
		v, err := checkpoint.ParseFloat(word)
		return math.Float64bits(v), err
	}
	v, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return 0, checkpoint.Damaged("no integer: %q", checkpoint.Clip(word, 40))
	}
	return uint64(v), nil
}
