package tensordiff

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// kernel compares the elements of two equally long buffers that hold whole elements; base is the index of the first.
type kernel func(s *Stats, a, b []byte, base int64, tol Tolerance)

// equalBlock is the stretch that is first compared as bytes, which is much faster than element by element.
const equalBlock = 4 << 10

// choose returns the comparison for a tensor's element type, and the bytes of an element. Types without arithmetic
// are compared bit by bit; elements below a byte or above a chunk are counted in bytes.
func (k *kernels) choose(t *checkpoint.Tensor, elements int64) (kernel, int64) {
	switch t.DType {
	case checkpoint.Float32:
		return diffFloat32, 4
	case checkpoint.Float64:
		return diffFloat64, 8
	case checkpoint.Float16:
		return k.half(&k.float16, float16, 0x7c00), 2
	case checkpoint.BFloat16:
		return k.half(&k.bfloat16, bfloat16, 0x7f80), 2
	case checkpoint.Complex32:
		return complexKernel(2, func(p []byte) (float64, uint64) {
			bits := binary.LittleEndian.Uint16(p)
			return float64(float16(bits)), uint64(bits) << 48
		}, 48), 4
	case checkpoint.Complex64:
		return complexKernel(4, func(p []byte) (float64, uint64) {
			bits := binary.LittleEndian.Uint32(p)
			return float64(math.Float32frombits(bits)), uint64(bits) << 32
		}, 32), 8
	case checkpoint.Complex128:
		return complexKernel(8, func(p []byte) (float64, uint64) {
			bits := binary.LittleEndian.Uint64(p)
			return math.Float64frombits(bits), bits
		}, 0), 16
	case checkpoint.Float8E8M0FNU:
		return byteKernel(exponent8, 0), 1
	case checkpoint.Int8, "qint8":
		return integerKernel(1, func(p []byte) int64 { return int64(int8(p[0])) }), 1
	case checkpoint.Uint8, checkpoint.Bool, "quint8":
		return integerKernel(1, func(p []byte) int64 { return int64(p[0]) }), 1
	case checkpoint.Int16:
		return integerKernel(2, func(p []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(p))) }), 2
	case checkpoint.Uint16:
		return integerKernel(2, func(p []byte) int64 { return int64(binary.LittleEndian.Uint16(p)) }), 2
	case checkpoint.Int32, "qint32":
		return integerKernel(4, func(p []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(p))) }), 4
	case checkpoint.Uint32:
		return integerKernel(4, func(p []byte) int64 { return int64(binary.LittleEndian.Uint32(p)) }), 4
	case checkpoint.Int64:
		return integerKernel(8, func(p []byte) int64 { return int64(binary.LittleEndian.Uint64(p)) }), 8
	case checkpoint.Uint64:
		return diffUint64, 8
	}
	if f, ok := float8Format(t.DType); ok {
		return byteKernel(f.decode, 0x80), 1
	}
	item := int64(1)
	if n := t.Size(); elements > 0 && n%elements == 0 && n/elements <= chunkBytes {
		item = max(1, n/elements)
	}
	return rawKernel(item), item
}

// blocks calls visit for every stretch of a and b that differs somewhere.
func blocks(a, b []byte, visit func(at int, a, b []byte)) {
	for at := 0; at < len(a); at += equalBlock {
		end := min(at+equalBlock, len(a))
		if !bytes.Equal(a[at:end], b[at:end]) {
			visit(at, a[at:end], b[at:end])
		}
	}
}

func diffFloat32(s *Stats, a, b []byte, base int64, tol Tolerance) {
	blocks(a, b, func(at int, a, b []byte) { s.floats(a, b, base+int64(at/4), tol) })
}

// floats enters a block of float32. Where every element differs this loop is what takes the time: it keeps the maxima in
// local variables, and leaves zeros, infinities and NaN to pair, which takes any two floats. A tolerance is applied there
// too.
func (s *Stats) floats(a, b []byte, first int64, tol Tolerance) {
	const infinity = 0x7f800000
	limit := uint32(infinity)
	if tol != (Tolerance{}) {
		limit = 1 // every pair takes the long way
	}
	maxAbs, maxRel, maxULP, at := float64(-1), s.MaxRel, int64(0), int64(-1)
	different := int64(0)
	for n := first; len(a) >= 4 && len(b) >= 4; n++ {
		x, y := binary.LittleEndian.Uint32(a), binary.LittleEndian.Uint32(b)
		a, b = a[4:], b[4:]
		if x == y {
			continue
		}
		mx, my := x&^(1<<31), y&^(1<<31)
		// One comparison for both zero (0-1 is the largest uint32) and for an exponent that may be that of infinity.
		if (mx|my)-1 >= limit-1 {
			s.MaxRel = maxRel
			s.pair(n, float64(math.Float32frombits(x)), float64(math.Float32frombits(y)), ulps(uint64(x), uint64(y), 1<<31), tol)
			maxRel = s.MaxRel
			continue
		}
		if different == 0 && s.First < 0 {
			s.First = n
		}
		different++
		fx := float64(math.Float32frombits(x))
		d := math.Abs(float64(math.Float32frombits(y)) - fx)
		if d > maxAbs {
			maxAbs, at = d, n
		}
		if m := math.Abs(fx); d > maxRel*m && m > 0 {
			maxRel = d / m
		}
		// Two's complement of sign and magnitude counts through zero.
		sx, sy := int64(int32(x)>>31), int64(int32(y)>>31)
		u := (int64(mx) ^ sx) - sx - (int64(my) ^ sy) + sy
		if u < 0 {
			u = -u
		}
		if u > maxULP {
			maxULP = u
		}
	}
	s.maxima(different, maxAbs, at, maxRel, uint64(maxULP))
}

// maxima enters what a loop over ordinary numbers found: how many differ, the largest difference and where, -1 for none.
func (s *Stats) maxima(different int64, maxAbs float64, at int64, maxRel float64, maxULP uint64) {
	s.Different += different
	s.Beyond += different
	s.MaxRel, s.MaxULP = maxRel, max(s.MaxULP, maxULP)
	if at >= 0 && (s.MaxAbsAt < 0 || maxAbs > s.MaxAbs || maxAbs == s.MaxAbs && at < s.MaxAbsAt) {
		s.MaxAbs, s.MaxAbsAt = maxAbs, at
	}
}

// kernels holds what the comparisons of many tensors share: the values of all patterns of the 16-bit types. A table of
// 256 KiB stays in a core's second-level cache and is faster than decoding.
type kernels struct{ float16, bfloat16 *[1 << 16]float32 }

// half compares 16-bit floats; infinity is the pattern of +Inf.
func (k *kernels) half(table **[1 << 16]float32, decode func(uint16) float32, infinity uint16) kernel {
	if *table == nil {
		*table = new([1 << 16]float32)
		for h := range *table {
			(*table)[h] = decode(uint16(h))
		}
	}
	values := *table
	return func(s *Stats, a, b []byte, base int64, tol Tolerance) {
		blocks(a, b, func(at int, a, b []byte) { s.halves(a, b, base+int64(at/2), tol, values, infinity) })
	}
}

// halves is floats for 16-bit types.
func (s *Stats) halves(a, b []byte, first int64, tol Tolerance, table *[1 << 16]float32, infinity uint16) {
	limit := infinity
	if tol != (Tolerance{}) {
		limit = 1
	}
	maxAbs, maxRel, maxULP, at := float64(-1), s.MaxRel, int32(0), int64(-1)
	different := int64(0)
	for n := first; len(a) >= 2 && len(b) >= 2; n++ {
		x, y := binary.LittleEndian.Uint16(a), binary.LittleEndian.Uint16(b)
		a, b = a[2:], b[2:]
		if x == y {
			continue
		}
		mx, my := x&^(1<<15), y&^(1<<15)
		if (mx|my)-1 >= limit-1 {
			s.MaxRel = maxRel
			s.pair(n, float64(table[x]), float64(table[y]), ulps(uint64(x), uint64(y), 1<<15), tol)
			maxRel = s.MaxRel
			continue
		}
		if different == 0 && s.First < 0 {
			s.First = n
		}
		different++
		fx := float64(table[x])
		d := math.Abs(float64(table[y]) - fx)
		if d > maxAbs {
			maxAbs, at = d, n
		}
		if m := math.Abs(fx); d > maxRel*m && m > 0 {
			maxRel = d / m
		}
		sx, sy := int32(int16(x))>>15, int32(int16(y))>>15
		u := (int32(mx) ^ sx) - sx - (int32(my) ^ sy) + sy
		if u < 0 {
			u = -u
		}
		if u > maxULP {
			maxULP = u
		}
	}
	s.maxima(different, maxAbs, at, maxRel, uint64(maxULP))
}

func diffFloat64(s *Stats, a, b []byte, base int64, tol Tolerance) {
	blocks(a, b, func(at int, a, b []byte) {
		first := base + int64(at/8)
		for i := 0; i+8 <= len(a) && i+8 <= len(b); i += 8 {
			x, y := binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:])
			if x != y {
				s.pair(first+int64(i/8), math.Float64frombits(x), math.Float64frombits(y), ulps(x, y, 1<<63), tol)
			}
		}
	})
}

// byteKernel compares 8-bit floats; sign is their sign bit, 0 for a format without one.
func byteKernel(decode func(byte) float64, sign uint64) kernel {
	return func(s *Stats, a, b []byte, base int64, tol Tolerance) {
		blocks(a, b, func(at int, a, b []byte) {
			for i := range a {
				if a[i] != b[i] {
					s.pair(base+int64(at+i), decode(a[i]), decode(b[i]), ulps(uint64(a[i]), uint64(b[i]), sign), tol)
				}
			}
		})
	}
}

// complexKernel compares pairs of floats of size bytes; decode returns a part and its bits moved to the top by shift.
func complexKernel(size int, decode func([]byte) (float64, uint64), shift uint) kernel {
	return func(s *Stats, a, b []byte, base int64, tol Tolerance) {
		blocks(a, b, func(at int, a, b []byte) {
			for i := 0; i+2*size <= len(a); i += 2 * size {
				if bytes.Equal(a[i:i+2*size], b[i:i+2*size]) {
					continue
				}
				index := base + int64((at+i)/(2*size))
				ar, arBits := decode(a[i:])
				ai, aiBits := decode(a[i+size:])
				br, brBits := decode(b[i:])
				bi, biBits := decode(b[i+size:])
				s.complexPair(index, complex(ar, ai), complex(br, bi),
					max(ulps(arBits, brBits, 1<<63)>>shift, ulps(aiBits, biBits, 1<<63)>>shift), tol)
			}
		})
	}
}

func (s *Stats) complexPair(at int64, a, b complex128, ulp uint64, tol Tolerance) {
	isNaN := func(c complex128) bool { return math.IsNaN(real(c)) || math.IsNaN(imag(c)) }
	if isNaN(a) || isNaN(b) || a == b {
		// As a pair of reals it falls into the same class: NaN by either part, or zeros of two signs.
		x, y := 0.0, 0.0
		if isNaN(a) {
			x = math.NaN()
		}
		if isNaN(b) {
			y = math.NaN()
		}
		s.pair(at, x, y, 0, tol)
		return
	}
	s.differ(at)
	s.distance(at, math.Hypot(real(b)-real(a), imag(b)-imag(a)), math.Hypot(real(a), imag(a)), tol)
	s.MaxULP = max(s.MaxULP, ulp)
}

// integerKernel compares integers that fit an int64. Their differences are exact up to 2^53.
func integerKernel(size int, decode func([]byte) int64) kernel {
	return func(s *Stats, a, b []byte, base int64, tol Tolerance) {
		blocks(a, b, func(at int, a, b []byte) {
			for i := 0; i+size <= len(a); i += size {
				x, y := decode(a[i:]), decode(b[i:])
				if x == y {
					continue
				}
				// The difference of two int64 always fits a uint64.
				d := uint64(x) - uint64(y)
				if x < y {
					d = -d
				}
				index := base + int64((at+i)/size)
				s.differ(index)
				s.distance(index, float64(d), math.Abs(float64(x)), tol)
			}
		})
	}
}

func diffUint64(s *Stats, a, b []byte, base int64, tol Tolerance) {
	blocks(a, b, func(at int, a, b []byte) {
		for i := 0; i+8 <= len(a); i += 8 {
			x, y := binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:])
			if x == y {
				continue
			}
			index := base + int64((at+i)/8)
			s.differ(index)
			s.distance(index, float64(max(x, y)-min(x, y)), float64(x), tol)
		}
	})
}

// rawKernel counts elements whose bytes differ.
func rawKernel(item int64) kernel {
	return func(s *Stats, a, b []byte, base int64, _ Tolerance) {
		for i := int64(0); i < int64(len(a)); i += item {
			end := min(i+item, int64(len(a)))
			if !bytes.Equal(a[i:end], b[i:end]) {
				s.differ(base + i/item)
				s.Beyond++
			}
		}
	}
}
