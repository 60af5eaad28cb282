package tensordiff

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// floating is an IEEE 754 type, or bfloat16: what its bits stand for.
type floating struct {
	size   int
	decode func(bits uint64) float64
}

var floatings = map[checkpoint.DType]floating{
	checkpoint.Float16:  {2, func(b uint64) float64 { return float64(float16(uint16(b))) }},
	checkpoint.BFloat16: {2, func(b uint64) float64 { return float64(bfloat16(uint16(b))) }},
	checkpoint.Float32:  {4, func(b uint64) float64 { return float64(math.Float32frombits(uint32(b))) }},
	checkpoint.Float64:  {8, math.Float64frombits},
}

func (r floating) bits(p []byte) uint64 {
	switch r.size {
	case 2:
		return uint64(binary.LittleEndian.Uint16(p))
	case 4:
		return uint64(binary.LittleEndian.Uint32(p))
	}
	return binary.LittleEndian.Uint64(p)
}

// nearest reports whether no other number of the type is nearer to x than the one of these bits.
func (r floating) nearest(bits uint64, x float64) bool {
	y := r.decode(bits)
	if y == x || math.IsNaN(x) && math.IsNaN(y) {
		return true
	}
	if math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) {
		return false
	}
	sign := uint64(1) << (8*r.size - 1)
	magnitude := bits &^ sign
	if magnitude == 0 {
		return math.Abs(x) <= r.decode(1)/2
	}
	if math.Signbit(y) {
		x, y = -x, -y
	}
	below := r.decode(magnitude - 1)
	above := r.decode(magnitude + 1)
	switch {
	case math.IsInf(y, 0): // what is half a step or more beyond the largest number
		return x >= below+(below-r.decode(magnitude-2))/2
	case math.IsInf(above, 0) || math.IsNaN(above):
		above = y + (y - below)
	}
	return x >= below+(y-below)/2 && x <= y+(above-y)/2
}

// precision says how values of two floating-point types are related; empty where there is nothing to say.
func precision(ctx context.Context, a, b *checkpoint.Tensor) (string, error) {
	ra, okA := floatings[a.DType]
	rb, okB := floatings[b.DType]
	n, err := checkpoint.Elements(a.Shape)
	if !okA || !okB || err != nil || n == 0 {
		return "", err
	}
	const elements = 1 << 15
	var equal, rounded int64
	var maxAbs, maxRel float64
	bufA, bufB := make([]byte, elements*ra.size), make([]byte, elements*rb.size)
	for at := int64(0); at < n; at += elements {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		count := int(min(elements, n-at))
		pa, pb := bufA[:count*ra.size], bufB[:count*rb.size]
		if err := checkpoint.ReadFull(a, pa, at*int64(ra.size)); err != nil {
			return "", fmt.Errorf("first file: %w", err)
		}
		if err := checkpoint.ReadFull(b, pb, at*int64(rb.size)); err != nil {
			return "", fmt.Errorf("second file: %w", err)
		}
		for i := range count {
			bitsA, bitsB := ra.bits(pa[i*ra.size:]), rb.bits(pb[i*rb.size:])
			x, y := ra.decode(bitsA), rb.decode(bitsB)
			if x == y || math.IsNaN(x) && math.IsNaN(y) {
				equal++
				rounded++
				continue
			}
			if rb.size < ra.size && rb.nearest(bitsB, x) || ra.size < rb.size && ra.nearest(bitsA, y) {
				rounded++
			}
			if d := math.Abs(y - x); d > maxAbs {
				maxAbs = d
			}
			if d := math.Abs(y-x) / math.Abs(x); d > maxRel {
				maxRel = d
			}
		}
	}
	difference := fmt.Sprintf("max abs %.3g, max rel %.3g", maxAbs, maxRel)
	switch {
	case equal == n:
		return "every value is the same number", nil
	case rounded == n && rb.size < ra.size:
		return fmt.Sprintf("every value of b is that of a, rounded to %s; %s", b.DType, difference), nil
	case rounded == n && ra.size < rb.size:
		return fmt.Sprintf("every value of a is that of b, rounded to %s; %s", a.DType, difference), nil
	case ra.size == rb.size:
		return fmt.Sprintf("%d of %d are other numbers; %s", n-equal, n, difference), nil
	}
	return fmt.Sprintf("%d of %d are no roundings of each other; %s", n-rounded, n, difference), nil
}
