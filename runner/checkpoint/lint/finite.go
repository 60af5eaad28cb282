package lint

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// nonFinites counts the elements of a tensor that are no finite numbers; parts of complex ones count by themselves.
type nonFinites struct {
	nans, infinite int64
	first          int64 // the element of the first of them, in C order
	// mask tells that all others are 0, and these are negative: the tensor is added to the scores of an attention.
	mask bool
}

func (n *nonFinites) any() bool { return n.nans+n.infinite > 0 }

func (n *nonFinites) text(shape []int64) string {
	what := fmt.Sprintf("%d NaN", n.nans)
	switch {
	case n.nans == 0:
		what = fmt.Sprintf("%d infinite", n.infinite)
	case n.infinite > 0:
		what += fmt.Sprintf(" and %d infinite", n.infinite)
	}
	index := make([]int64, len(shape))
	flat := n.first
	for d := len(shape) - 1; d >= 0; d-- {
		index[d], flat = flat%shape[d], flat/shape[d]
	}
	return what + ", the first at " + checkpoint.ShapeText(index)
}

// float says how what is not finite looks in a floating-point type.
type float struct {
	size  int64
	parts int64 // of an element
	bits  func(p []byte) uint64
	// All bits of exponent are set in infinities and NaN, and some of fraction in NaN alone.
	exponent, fraction uint64
}

var (
	bits16 = func(p []byte) uint64 { return uint64(binary.LittleEndian.Uint16(p)) }
	bits32 = func(p []byte) uint64 { return uint64(binary.LittleEndian.Uint32(p)) }
	bits64 = binary.LittleEndian.Uint64
	bits8  = func(p []byte) uint64 { return uint64(p[0]) }
	// Of the types called FNUZ, the only NaN has the bits 0x80.
	fnuz = func(p []byte) uint64 { return uint64(^(p[0] ^ 0x80)) }
)

var floats = map[checkpoint.DType]float{
	checkpoint.Float64:        {8, 1, bits64, 0x7ff << 52, 1<<52 - 1},
	checkpoint.Complex128:     {8, 2, bits64, 0x7ff << 52, 1<<52 - 1},
	checkpoint.Float32:        {4, 1, bits32, 0xff << 23, 1<<23 - 1},
	checkpoint.Complex64:      {4, 2, bits32, 0xff << 23, 1<<23 - 1},
	checkpoint.Float16:        {2, 1, bits16, 0x1f << 10, 1<<10 - 1},
	checkpoint.Complex32:      {2, 2, bits16, 0x1f << 10, 1<<10 - 1},
	checkpoint.BFloat16:       {2, 1, bits16, 0xff << 7, 1<<7 - 1},
	checkpoint.BComplex32:     {2, 2, bits16, 0xff << 7, 1<<7 - 1},
	checkpoint.Float8E5M2:     {1, 1, bits8, 0x1f << 2, 1<<2 - 1},
	checkpoint.Float8E4M3FN:   {1, 1, bits8, 0x7f, 0x7f},
	checkpoint.Float8E5M2FNUZ: {1, 1, fnuz, 0xff, 0xff},
	checkpoint.Float8E4M3FNUZ: {1, 1, fnuz, 0xff, 0xff},
}

// nonFinite counts what is not finite in a tensor.
func nonFinite(ctx context.Context, t *checkpoint.Tensor, buf []byte) (n nonFinites, err error) {
	f, ok := floats[t.DType]
	if !ok {
		return n, nil
	}
	err = f.each(ctx, t, buf, func(at int64, bits uint64) bool {
		if bits&f.exponent != f.exponent {
			return true
		}
		if !n.any() {
			n.first = at / f.parts
		}
		if bits&f.fraction != 0 {
			n.nans++
		} else {
			n.infinite++
		}
		return true
	})
	if err != nil || n.nans > 0 || n.infinite == 0 {
		return n, err
	}
	n.mask = true
	err = f.each(ctx, t, buf, func(_ int64, bits uint64) bool {
		positive := bits == f.exponent
		n.mask = bits&^f.exponent&f.fraction == 0 && (bits&f.exponent == 0 || bits&f.exponent == f.exponent && !positive)
		return n.mask
	})
	return n, err
}

// each calls visit for the bits of every number of a tensor, until it returns false.
func (f float) each(ctx context.Context, t *checkpoint.Tensor, buf []byte, visit func(at int64, bits uint64) bool) error {
	for off := int64(0); off < t.Size(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := buf[:min(int64(len(buf)), t.Size()-off)]
		if err := checkpoint.ReadFull(t, p, off); err != nil {
			return err
		}
		for i := int64(0); i+f.size <= int64(len(p)); i += f.size {
			if !visit((off+i)/f.size, f.bits(p[i:])) {
				return nil
			}
		}
		off += int64(len(p))
	}
	return nil
}
