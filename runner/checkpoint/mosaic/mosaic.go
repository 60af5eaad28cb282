// Package mosaic puts tensors together that a checkpoint keeps in parts.
package mosaic

import (
	"cmp"
	"io"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Tile is a part of a tensor and where it belongs: the index of its first element in the whole.
type Tile struct {
	Offsets []int64
	Tensor  *checkpoint.Tensor
}

// maxTiles bounds the parts of one tensor: one for each rank of a very large job.
const maxTiles = 4096

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
	slices.SortFunc(tiles, func(a, b Tile) int { return cmp.Compare(a.Offsets[0], b.Offsets[0]) })
	return checkpoint.NewTensor(dtype, bits, shape, &mosaic{shape, int64(bits / 8), total * int64(bits/8), tiles})
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
}

func (m *mosaic) Size() int64 { return m.size }

// Sequential holds where a part is to be read from front to back.
func (m *mosaic) Sequential() bool {
	return slices.ContainsFunc(m.tiles, func(t Tile) bool { return checkpoint.IsSequential(t.Tensor) })
}

func (m *mosaic) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= m.size {
			return done, io.EOF
		}
		n, err := m.run(p[done:], at)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// run reads as much as lies together in one tile, starting at byte at.
func (m *mosaic) run(p []byte, at int64) (int, error) {
	index := make([]int64, len(m.shape))
	rest := at / m.item
	for d := len(m.shape) - 1; d >= 0; d-- {
		index[d] = rest % m.shape[d]
		rest /= m.shape[d]
	}
	for _, t := range m.tiles {
		inside := true
		for d, i := range index {
			inside = inside && i >= t.Offsets[d] && i < t.Offsets[d]+t.Tensor.Shape[d]
		}
		if !inside {
			continue
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
	return 0, checkpoint.Damaged("no part has element %s", checkpoint.ShapeText(index))
}
