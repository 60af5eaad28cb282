package tensordiff

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"sync"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// A realFormat is a floating-point format of 16, 32 or 64 bits. Where every element of a large checkpoint differs, it is
// these loops that take the time. A block is first counted word by word; then scan skips the elements that change no
// maximum, which are nearly all, and only the stretch around one that does is looked at element by element.
type realFormat struct {
	size int // bytes of an element
	// low has the lowest bit of every element in a word of 64 bits.
	low uint64
	// scan returns the offset of an element up to which no pair exceeds a maximum or has a NaN, len(a) where none does.
	// It may stop too early, by a pair that is equal or as large as a maximum.
	scan func(a, b []byte, m maxima) int
	// widen decodes len(dst) elements.
	widen func(dst []float64, src []byte)
	// differing counts the elements of two blocks that differ, and reports whether some are zeros of two signs.
	differing func(a, b []byte, low uint64) (n int, zeros bool)
	// exceeding counts the pairs of values that a tolerance does not accept, and reports whether all differences are finite.
	exceeding func(x, y []float64, tol Tolerance) (n int, finite bool)
}

// maxima are what a pair has to exceed to be of interest.
type maxima struct {
	abs uint64 // the bits of the largest |b-a|, as a float64
	rel float64
	ulp uint64
}

func (s *Stats) maxima() maxima {
	// No two floats of up to 53 bits are relatively as near as 2^-60. Being positive, it keeps scans from stopping at
	// zeros before the first difference.
	return maxima{math.Float64bits(s.MaxAbs), max(s.MaxRel, 0x1p-60), s.MaxULP}
}

// plainFormats are the formats by element type, without instructions of one kind of processor.
var plainFormats = map[checkpoint.DType]realFormat{
	checkpoint.Float16:  half(float16),
	checkpoint.BFloat16: half(bfloat16),
	checkpoint.Float32:  {4, 0x0000_0001_0000_0001, scanFloat32, widenFloat32, differing, exceeding},
	checkpoint.Float64:  {8, 1, scanFloat64, widenFloat64, differing, exceeding},
}

var realFormats = accelerated(plainFormats)

// half is a format of 16 bits. A table of the values of all patterns has 256 KiB, which stay in a core's second-level
// cache, and is faster than decoding; it is made when first needed.
func half(decode func(uint16) float32) realFormat {
	table := sync.OnceValue(func() *[1 << 16]float32 {
		var values [1 << 16]float32
		for h := range values {
			values[h] = decode(uint16(h))
		}
		return &values
	})
	return realFormat{
		size: 2, low: 0x0001_0001_0001_0001, differing: differing, exceeding: exceeding,
		scan:  func(a, b []byte, m maxima) int { return scanHalf(table(), a, b, m) },
		widen: func(dst []float64, src []byte) { widenHalf(table(), dst, src) },
	}
}

// stretchBytes is how much is looked at element by element where a scan stops.
const stretchBytes = 256

// compare is a kernel.
func (f realFormat) compare(s *Stats, a, b []byte, base int64, tol Tolerance) {
	var w widened
	blocks(a, b, func(at int, a, b []byte) {
		first := base + int64(at/f.size)
		n, zeros := f.differing(a, b, f.low)
		s.Different += int64(n)
		if s.First < 0 {
			s.First = first + int64(f.firstDifference(a, b))
		}
		if tol == (Tolerance{}) {
			s.Beyond += int64(n)
		} else {
			s.Beyond += f.beyond(a, b, tol, &w)
		}
		for at := 0; ; {
			if !zeros {
				at += f.scan(a[at:], b[at:], s.maxima())
			}
			if at >= len(a) {
				break
			}
			end := min(at+stretchBytes, len(a))
			f.look(s, a[at:end], b[at:end], first+int64(at/f.size), &w)
			at = end
		}
	})
}

// widened is room for the values of a stretch of two tensors.
type widened [2][stretchBytes / 2]float64

func (f realFormat) widenBoth(w *widened, a, b []byte) (x, y []float64) {
	x, y = w[0][:len(a)/f.size], w[1][:len(a)/f.size]
	f.widen(x, a)
	f.widen(y, b)
	return x, y
}

func (f realFormat) firstDifference(a, b []byte) int {
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i / f.size
}

// bits returns the first element of p as an unsigned integer.
func (f realFormat) bits(p []byte) uint64 {
	switch f.size {
	case 2:
		return uint64(binary.LittleEndian.Uint16(p))
	case 4:
		return uint64(binary.LittleEndian.Uint32(p))
	}
	return binary.LittleEndian.Uint64(p)
}

// look enters the classes and the maxima of a stretch of elements.
func (f realFormat) look(s *Stats, a, b []byte, first int64, w *widened) {
	x, y := f.widenBoth(w, a, b)
	sign := uint64(1) << (8*f.size - 1)
	for i := range x {
		if p, q := f.bits(a[i*f.size:]), f.bits(b[i*f.size:]); p != q {
			s.extreme(first+int64(i), x[i], y[i], ulps(p, q, sign))
		}
	}
}

// beyond counts the differing elements that a tolerance does not accept.
func (f realFormat) beyond(a, b []byte, tol Tolerance, w *widened) (n int64) {
	for len(a) > 0 {
		end := min(stretchBytes, len(a))
		x, y := f.widenBoth(w, a[:end], b[:end])
		far, finite := f.exceeding(x, y, tol)
		if !finite {
			far = 0
			for i := range x {
				if f.bits(a[i*f.size:]) != f.bits(b[i*f.size:]) && !tol.accepts(math.Abs(y[i]-x[i]), math.Abs(x[i])) {
					far++
				}
			}
		}
		n += int64(far)
		a, b = a[end:], b[end:]
	}
	return n
}

// exceeding counts pairs that a tolerance does not accept, which is meaningful where all differences are finite. It has
// no branches, which would often be mispredicted: the order of positive floats is that of their bits.
func exceeding(x, y []float64, tol Tolerance) (n int, finite bool) {
	var largest uint64
	y = y[:len(x)]
	for i := range x {
		d := math.Float64bits(y[i]-x[i]) &^ (1 << 63)
		largest = max(largest, d)
		n += int((math.Float64bits(tol.limit(math.Abs(x[i]))) - d) >> 63)
	}
	return n, largest < math.Float64bits(math.Inf(1))
}

// differing treats all elements of a word at once. The sign bit of an element of (z & low bits) + low bits | z, low bits
// being all but the sign, is set where z is not zero; that of (z - 1) &^ z in the lowest element where it is zero.
func differing(a, b []byte, low uint64) (n int, zeros bool) {
	sign := low<<63 | low>>1
	rest := ^sign
	var zero uint64
	i := 0
	b = b[:len(a)]
	for ; i <= len(a)-8; i += 8 {
		x, y := binary.LittleEndian.Uint64(a[i:i+8]), binary.LittleEndian.Uint64(b[i:i+8])
		z := x ^ y
		n += bits.OnesCount64((z&rest + rest | z) & sign)
		// Zero where x is a zero and only the sign of y is another.
		z = z ^ sign | x&rest
		zero |= (z - low) &^ z
	}
	zeros = zero&sign != 0
	if i < len(a) {
		var x, y [8]byte
		copy(x[:], a[i:])
		copy(y[:], b[i:])
		more, z := differing(x[:], y[:], low)
		return n + more, zeros || z
	}
	return n, zeros
}

// The scans below differ in how an element is decoded. A difference is of interest by any of:
//   - |y-x| above the maximum. Compared as integers, infinities and NaN are above all numbers.
//   - |y-x| / |x| above the maximum. It is tested without division: where the rounded product of the maximum and |x| is
//     above |y-x|, so is the exact one, and where they are equal, as if all numbers were halved, it is divided.
//     Subtracting 1 makes a product of zero the largest, for x = 0 has no ratio.
//   - the ULPs between them above the maximum. Clearing a negative number's sign and inverting the rest gives integers in
//     the order of the numbers. -0 being next to 0 there, numbers of two signs are one too far apart: they are counted anew.
//
// Doubling the bits of a float64 drops its sign.

// ratio is |y-x| / |x|, the former given as doubled bits.
func ratio(d uint64, x float64) float64 { return math.Abs(math.Float64frombits(d>>1) / x) }

func scanFloat32(a, b []byte, m maxima) int {
	abs, ulp := m.abs<<1, int64(m.ulp)
	b = b[:len(a)]
	i := 0
	for ; i <= len(a)-4; i += 4 {
		x, y := binary.LittleEndian.Uint32(a[i:i+4]), binary.LittleEndian.Uint32(b[i:i+4])
		fx := float64(math.Float32frombits(x))
		d := math.Float64bits(float64(math.Float32frombits(y))-fx) << 1
		p := math.Float64bits(m.rel*fx)<<1 - 1
		u := int64(int32(x^uint32(int32(x)>>31)>>1)) - int64(int32(y^uint32(int32(y)>>31)>>1))
		if d > abs || d > p && ratio(d, fx) > m.rel || uint64(u+ulp) > uint64(2*ulp) && ulps(uint64(x), uint64(y), 1<<31) > m.ulp {
			break
		}
	}
	return i
}

func scanHalf(values *[1 << 16]float32, a, b []byte, m maxima) int {
	abs, ulp := m.abs<<1, int32(m.ulp)
	b = b[:len(a)]
	i := 0
	for ; i <= len(a)-2; i += 2 {
		x, y := binary.LittleEndian.Uint16(a[i:i+2]), binary.LittleEndian.Uint16(b[i:i+2])
		fx := float64(values[x])
		d := math.Float64bits(float64(values[y])-fx) << 1
		p := math.Float64bits(m.rel*fx)<<1 - 1
		u := int32(int16(x^uint16(int16(x)>>15)>>1)) - int32(int16(y^uint16(int16(y)>>15)>>1))
		if d > abs || d > p && ratio(d, fx) > m.rel || uint32(u+ulp) > uint32(2*ulp) && ulps(uint64(x), uint64(y), 1<<15) > m.ulp {
			break
		}
	}
	return i
}

func scanFloat64(a, b []byte, m maxima) int {
	// Below it, the product with a ratio of 2^-60 could be rounded to zero.
	const tiny = 63 << 52
	abs := m.abs << 1
	b = b[:len(a)]
	i := 0
	for ; i <= len(a)-8; i += 8 {
		x, y := binary.LittleEndian.Uint64(a[i:i+8]), binary.LittleEndian.Uint64(b[i:i+8])
		fx := math.Float64frombits(x)
		d := math.Float64bits(math.Float64frombits(y)-fx) << 1
		p := math.Float64bits(m.rel*fx)<<1 - 1
		kx, ky := int64(x^uint64(int64(x)>>63)>>1), int64(y^uint64(int64(y)>>63)>>1)
		u := uint64(max(kx, ky)) - uint64(min(kx, ky))
		if d > abs || d > p && ratio(d, fx) > m.rel || u > m.ulp && ulps(x, y, 1<<63) > m.ulp || x<<1-1 < tiny<<1-1 {
			break
		}
	}
	return i
}

func widenHalf(values *[1 << 16]float32, dst []float64, src []byte) {
	for i := range dst {
		dst[i] = float64(values[binary.LittleEndian.Uint16(src[2*i:])])
	}
}

func widenFloat32(dst []float64, src []byte) {
	for i := range dst {
		dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:])))
	}
}

func widenFloat64(dst []float64, src []byte) {
	for i := range dst {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
	}
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
