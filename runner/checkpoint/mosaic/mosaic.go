// Package mosaic puts tensors together that a checkpoint keeps in parts.
package mosaic

import (
	"io"
	"slices"
	"sync/atomic"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Tile is a part of a tensor and where it belongs: the index of its first element in the whole.
type Tile struct {
	Offsets []int64
	Tensor  *checkpoint.Tensor
}

const (
	// maxTiles bounds the parts of one tensor: one for each rank of a very large job.
	maxTiles = 4096
	// maxSearched bounds the work of finding them.
	maxSearched = 1 << 28
)

// Assemble puts tiles together, elements of bits each, which must cover the shape without gaps or overlaps.
func Assemble(shape []int64, dtype checkpoint.DType, bits int, tiles []Tile) (*checkpoint.Tensor, error) {
	total, err := checkpoint.Elements(shape)
	if err != nil {
		return nil, err
	}
	if len(tiles) == 1 && slices.Equal(tiles[0].Tensor.Shape, shape) {
		return tiles[0].Tensor, nil
	}
	if len(tiles) > maxTiles {
		return nil, checkpoint.Limit("tensor in %d parts", len(tiles))
	}
	covered := int64(0)
	for i, t := range tiles {
		n := int64(1)
		for d, size := range t.Tensor.Shape {
			if t.Offsets[d] < 0 || size > shape[d] || t.Offsets[d] > shape[d]-size {
				return nil, checkpoint.Damaged("part at %s of shape %s leaves a tensor of shape %s",
					checkpoint.ShapeText(t.Offsets), checkpoint.ShapeText(t.Tensor.Shape), checkpoint.ShapeText(shape))
			}
			n *= size
		}
		covered += n
		for _, other := range tiles[:i] {
			if overlap(t, other) {
				return nil, checkpoint.Damaged("parts at %s and %s overlap", checkpoint.ShapeText(t.Offsets), checkpoint.ShapeText(other.Offsets))
			}
		}
	}
	if covered != total || len(shape) == 0 {
		return nil, checkpoint.Damaged("parts hold %d of %d elements", covered, total)
	}
	if bits == 0 || bits%8 != 0 {
		return nil, checkpoint.Unsupported("parts of type %s", dtype)
	}
	slices.SortFunc(tiles, func(a, b Tile) int { return slices.Compare(a.Offsets, b.Offsets) })
	return checkpoint.NewTensor(dtype, bits, shape, &mosaic{shape: shape, item: int64(bits / 8), size: total * int64(bits/8), tiles: tiles})
}

func overlap(a, b Tile) bool {
	for d := range a.Offsets {
		if a.Offsets[d]+a.Tensor.Shape[d] <= b.Offsets[d] || b.Offsets[d]+b.Tensor.Shape[d] <= a.Offsets[d] {
			return false
		}
	}
	return true
}

// mosaic reads tiles in the C order of the whole.
type mosaic struct {
	shape []int64
	item  int64
	size  int64
	tiles []Tile
	// searched counts the tiles that were looked at in vain.
	searched atomic.Int64
}

func (m *mosaic) Size() int64 { return m.size }

// Sequential holds where a part is to be read from front to back.
func (m *mosaic) Sequential() bool {
	return slices.ContainsFunc(m.tiles, func(t Tile) bool { return checkpoint.IsSequential(t.Tensor) })
}

func (m *mosaic) ReadAt(p []byte, off int64) (int, error) {
	done, tiles := 0, position{}
	for done < len(p) {
		at := off + int64(done)
		if at >= m.size {
			return done, io.EOF
		}
		n, err := m.run(p[done:], at, &tiles)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// position is where in the order of tiles a read has come: to the tile of the run before, and to one that was searched for, with
// which rows begin.
type position struct{ last, row int }

// find returns the tile that has the element at index. Most follow the one before, or begin a row again.
func (m *mosaic) find(index []int64, at *position) (Tile, error) {
	inside := func(t Tile) bool {
		for d, i := range index {
			if i < t.Offsets[d] || i >= t.Offsets[d]+t.Tensor.Shape[d] {
				return false
			}
		}
		return true
	}
	for _, i := range []int{at.last + 1, at.row} {
		if i < len(m.tiles) && inside(m.tiles[i]) {
			at.last = i
			return m.tiles[i], nil
		}
	}
	for i, t := range m.tiles {
		if inside(t) {
			if m.searched.Add(int64(i)) > maxSearched {
				return Tile{}, checkpoint.Limit("tensor in %d parts that lie in no order", len(m.tiles))
			}
			*at = position{i, i}
			return t, nil
		}
	}
	return Tile{}, checkpoint.Damaged("no part has element %s", checkpoint.ShapeText(index))
}

// run reads as much as lies together in one tile, starting at byte at.
func (m *mosaic) run(p []byte, at int64, tiles *position) (int, error) {
	index := make([]int64, len(m.shape))
	rest := at / m.item
	for d := len(m.shape) - 1; d >= 0; d-- {
		index[d] = rest % m.shape[d]
		rest /= m.shape[d]
	}
	t, err := m.find(index, tiles)
	if err != nil {
		return 0, err
	}
	// Elements follow each other in both up to the end of the tile's row, or of more where the tile spans the inner
	// dimensions whole.
	inner := int64(1)
	from := int64(0)
	length := int64(0)
	whole := true
	for d := len(m.shape) - 1; d >= 0; d-- {
		local := index[d] - t.Offsets[d]
		from += local * inner
		if whole {
			length = inner*(t.Tensor.Shape[d]-local) - (from - local*inner)
		}
		whole = whole && t.Tensor.Shape[d] == m.shape[d]
		inner *= t.Tensor.Shape[d]
	}
	skip := at % m.item
	n := min(int64(len(p)), length*m.item-skip)
	return int(n), checkpoint.ReadFull(t.Tensor, p[:n], from*m.item+skip)
}
