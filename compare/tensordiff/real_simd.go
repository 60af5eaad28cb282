//go:build goexperiment.simd && amd64

package tensordiff

import (
	"maps"
	"math"
	"math/bits"
	"simd/archsimd"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// accelerated replaces loops by ones that use AVX2, where the processor has it. Package archsimd is an experiment of Go
// 1.26, which exists under GOEXPERIMENT=simd only.
func accelerated(plain map[checkpoint.DType]realFormat) map[checkpoint.DType]realFormat {
	if !archsimd.X86.AVX2() {
		return plain
	}
	formats := maps.Clone(plain)
	for d, loops := range map[checkpoint.DType]vectorLoops{
		checkpoint.Float16:  {scanFloat16Vectors, widenFloat16Vectors},
		checkpoint.BFloat16: {scanBFloat16Vectors, widenBFloat16Vectors},
		checkpoint.Float32:  {scanFloat32Vectors, widenFloat32Vectors},
		checkpoint.Float64:  {scanFloat64Vectors, func([]float64, []byte) int { return 0 }},
	} {
		f := formats[d]
		widen := f.widen
		f.scan = loops.scan
		f.widen = func(dst []float64, src []byte) {
			i := loops.widen(dst, src)
			widen(dst[i:], src[i*f.size:])
		}
		f.differing, f.exceeding = differingVectors, exceedingVectors
		formats[d] = f
	}
	return formats
}

// vectorLoops are those of a format's loops that depend on how it is encoded; they go as far as there are whole vectors.
type vectorLoops struct {
	// scan stops at the vector that has an element of interest, or where less than a vector is left.
	scan func(a, b []byte, m maxima) int
	// widen returns how many elements it decoded.
	widen func(dst []float64, src []byte) int
}

const vectorBytes = 32

func load(p []byte) archsimd.Uint8x32 { return archsimd.LoadUint8x32((*[vectorBytes]uint8)(p)) }

// differingVectors is differing on four words at a time.
func differingVectors(a, b []byte, low uint64) (n int, zeros bool) {
	sign := archsimd.BroadcastUint64x4(low<<63 | low>>1)
	rest := sign.Not()
	lowest := archsimd.BroadcastUint64x4(low)
	var zero archsimd.Uint64x4
	var none archsimd.Int8x32
	i := 0
	b = b[:len(a)]
	for ; i <= len(a)-vectorBytes; i += vectorBytes {
		x, y := load(a[i:]).AsUint64x4(), load(b[i:]).AsUint64x4()
		z := x.Xor(y)
		unequal := z.And(rest).Add(rest).Or(z).And(sign)
		n += bits.OnesCount32(unequal.AsInt8x32().Less(none).ToBits())
		z = z.Xor(sign).Or(x.And(rest))
		zero = zero.Or(z.Sub(lowest).AndNot(z))
	}
	zeros = !zero.And(sign).IsZero()
	more, others := differing(a[i:], b[i:], low)
	return n + more, zeros || others
}

// exceedingVectors is exceeding on four values at a time.
func exceedingVectors(x, y []float64, tol Tolerance) (n int, finite bool) {
	rtol, atol := archsimd.BroadcastFloat64x4(tol.RTol), archsimd.BroadcastFloat64x4(tol.ATol)
	largest := archsimd.BroadcastFloat64x4(math.MaxFloat64)
	i := 0
	finite = true
	y = y[:len(x)]
	for ; i <= len(x)-4; i += 4 {
		p, q := archsimd.LoadFloat64x4((*[4]float64)(x[i:])), archsimd.LoadFloat64x4((*[4]float64)(y[i:]))
		d := magnitude(q.Sub(p))
		finite = finite && d.LessEqual(largest).ToBits() == 0xf
		n += bits.OnesCount8(d.Greater(magnitude(p).Mul(rtol).Add(atol)).ToBits())
	}
	more, others := exceeding(x[i:], y[i:], tol)
	return n + more, finite && others
}

func magnitude(x archsimd.Float64x4) archsimd.Float64x4 {
	return x.AsInt64x4().And(archsimd.BroadcastInt64x4(math.MaxInt64)).AsFloat64x4()
}

// The scans below divide, unlike those for single elements: it costs a vector less than telling where it is needed.

// near has the lanes set in which |y-x| and |y-x| / |x| are numbers that do not exceed the maxima; with x = 0 there is no ratio.
func near(x, y, abs, rel archsimd.Float64x4) archsimd.Mask64x4 {
	var zero archsimd.Float64x4
	d := magnitude(y.Sub(x))
	ratio := d.Div(magnitude(x))
	return d.LessEqual(abs).And(ratio.LessEqual(rel).Or(x.Equal(zero)))
}

// near32 is near for floats of 32 bits.
func near32(x, y archsimd.Float32x8, abs, rel archsimd.Float64x4) bool {
	low := near(x.GetLo().ConvertToFloat64(), y.GetLo().ConvertToFloat64(), abs, rel)
	high := near(x.GetHi().ConvertToFloat64(), y.GetHi().ConvertToFloat64(), abs, rel)
	return low.And(high).ToBits() == 0xf
}

func (m maxima) lanes() (abs, rel archsimd.Float64x4) {
	return archsimd.BroadcastFloat64x4(math.Float64frombits(m.abs)), archsimd.BroadcastFloat64x4(m.rel)
}

// position16 counts floats of 16 bits from zero; both zeros are 0.
func position16(x archsimd.Uint16x16) archsimd.Int16x16 {
	return x.And(archsimd.BroadcastUint16x16(0x7fff)).AsInt16x16().CopySign(x.AsInt16x16())
}

// within16 reports whether no two floats have more than ulp steps between them.
func within16(x, y, ulp archsimd.Uint16x16) bool {
	p, q := position16(x), position16(y)
	return p.Max(q).Sub(p.Min(q)).AsUint16x16().SubSaturated(ulp).IsZero()
}

func scanBFloat16Vectors(a, b []byte, m maxima) int {
	abs, rel := m.lanes()
	ulp := archsimd.BroadcastUint16x16(uint16(m.ulp))
	i := 0
	b = b[:len(a)]
	for ; i <= len(a)-vectorBytes; i += vectorBytes {
		x, y := load(a[i:]).AsUint16x16(), load(b[i:]).AsUint16x16()
		if !within16(x, y, ulp) ||
			!near32(widenBFloat16(x.GetLo()), widenBFloat16(y.GetLo()), abs, rel) ||
			!near32(widenBFloat16(x.GetHi()), widenBFloat16(y.GetHi()), abs, rel) {
			break
		}
	}
	return i
}

func widenBFloat16Vectors(dst []float64, src []byte) int {
	i := 0
	for ; i <= len(dst)-16; i += 16 {
		x := load(src[2*i:]).AsUint16x16()
		store(dst[i:], widenBFloat16(x.GetLo()))
		store(dst[i+8:], widenBFloat16(x.GetHi()))
	}
	return i
}

// store widens 8 values.
func store(dst []float64, x archsimd.Float32x8) {
	x.GetLo().ConvertToFloat64().Store((*[4]float64)(dst))
	x.GetHi().ConvertToFloat64().Store((*[4]float64)(dst[4:]))
}

func widenBFloat16(x archsimd.Uint16x8) archsimd.Float32x8 {
	return x.ExtendToUint32().ShiftAllLeft(16).AsFloat32x8()
}

func scanFloat16Vectors(a, b []byte, m maxima) int {
	abs, rel := m.lanes()
	ulp := archsimd.BroadcastUint16x16(uint16(m.ulp))
	i := 0
	b = b[:len(a)]
	for ; i <= len(a)-vectorBytes; i += vectorBytes {
		x, y := load(a[i:]).AsUint16x16(), load(b[i:]).AsUint16x16()
		if !finite16(x) || !finite16(y) || !within16(x, y, ulp) ||
			!near32(widenFloat16(x.GetLo()), widenFloat16(y.GetLo()), abs, rel) ||
			!near32(widenFloat16(x.GetHi()), widenFloat16(y.GetHi()), abs, rel) {
			break
		}
	}
	return i
}

func widenFloat16Vectors(dst []float64, src []byte) int {
	i := 0
	for ; i <= len(dst)-16; i += 16 {
		x := load(src[2*i:]).AsUint16x16()
		if !finite16(x) {
			break
		}
		store(dst[i:], widenFloat16(x.GetLo()))
		store(dst[i+8:], widenFloat16(x.GetHi()))
	}
	return i
}

// finite16 reports whether all of 16 binary16 are finite.
func finite16(x archsimd.Uint16x16) bool {
	return x.And(archsimd.BroadcastUint16x16(0x7fff)).SubSaturated(archsimd.BroadcastUint16x16(0x7bff)).IsZero()
}

// widenFloat16 decodes finite numbers.
func widenFloat16(x archsimd.Uint16x8) archsimd.Float32x8 {
	w := x.ExtendToUint32()
	sign := w.And(archsimd.BroadcastUint32x8(0x8000))
	// As in float16.
	v := w.Xor(sign).ShiftAllLeft(13).AsFloat32x8().Mul(archsimd.BroadcastFloat32x8(0x1p112))
	return v.AsUint32x8().Or(sign.ShiftAllLeft(16)).AsFloat32x8()
}

func scanFloat32Vectors(a, b []byte, m maxima) int {
	abs, rel := m.lanes()
	ulp := archsimd.BroadcastUint32x8(uint32(m.ulp))
	i := 0
	b = b[:len(a)]
	for ; i <= len(a)-vectorBytes; i += vectorBytes {
		x, y := load(a[i:]).AsUint32x8(), load(b[i:]).AsUint32x8()
		p, q := position32(x), position32(y)
		steps := p.Max(q).Sub(p.Min(q)).AsUint32x8()
		if !steps.Max(ulp).Xor(ulp).IsZero() || !near32(x.AsFloat32x8(), y.AsFloat32x8(), abs, rel) {
			break
		}
	}
	return i
}

func widenFloat32Vectors(dst []float64, src []byte) int {
	i := 0
	for ; i <= len(dst)-8; i += 8 {
		store(dst[i:], load(src[4*i:]).AsFloat32x8())
	}
	return i
}

func position32(x archsimd.Uint32x8) archsimd.Int32x8 {
	return x.And(archsimd.BroadcastUint32x8(math.MaxInt32)).AsInt32x8().CopySign(x.AsInt32x8())
}

func scanFloat64Vectors(a, b []byte, m maxima) int {
	abs, rel := m.lanes()
	// AVX2 compares signed integers only.
	flip := archsimd.BroadcastInt64x4(math.MinInt64)
	ulp := archsimd.BroadcastInt64x4(int64(m.ulp ^ 1<<63))
	i := 0
	b = b[:len(a)]
	for ; i <= len(a)-vectorBytes; i += vectorBytes {
		x, y := load(a[i:]).AsInt64x4(), load(b[i:]).AsInt64x4()
		p, q := position64(x), position64(y)
		// p - q, negated where p is the smaller.
		less := p.Less(q).ToInt64x4()
		steps := p.Sub(q).Xor(less).Sub(less)
		if steps.Xor(flip).Greater(ulp).ToBits() != 0 ||
			near(x.AsFloat64x4(), y.AsFloat64x4(), abs, rel).ToBits() != 0xf {
			break
		}
	}
	return i
}

func position64(x archsimd.Int64x4) archsimd.Int64x4 {
	var zero archsimd.Int64x4
	negative := x.Less(zero).ToInt64x4()
	return x.And(archsimd.BroadcastInt64x4(math.MaxInt64)).Xor(negative).Sub(negative)
}
