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
func choose(t *checkpoint.Tensor, elements int64) (kernel, int64) {
	if f, ok := realFormats[t.DType]; ok {
		return f.compare, int64(f.size)
	}
	switch t.DType {
	case checkpoint.Complex32:
		return complexKernel(2, func(p []byte) (float64, uint64) {
			bits := binary.LittleEndian.Uint16(p)
			return float64(float16(bits)), uint64(bits) << 48
		}, 48), 4
	case checkpoint.BComplex32:
		return complexKernel(2, func(p []byte) (float64, uint64) {
			bits := binary.LittleEndian.Uint16(p)
			return float64(bfloat16(bits)), uint64(bits) << 48
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
	d := math.Hypot(real(b)-real(a), imag(b)-imag(a))
	if math.IsNaN(d) {
		d = math.Inf(1) // parts that are the same infinity
	}
	s.apart(at, d, math.Hypot(real(a), imag(a)), tol)
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
				s.apart(index, float64(d), math.Abs(float64(x)), tol)
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
			s.apart(index, float64(max(x, y)-min(x, y)), float64(x), tol)
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
