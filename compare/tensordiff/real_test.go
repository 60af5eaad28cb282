package tensordiff

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// layout is what the reference knows of a floating-point format.
type layout struct {
	bits, mantissa int
	value          func(uint64) float64
}

var layouts = map[checkpoint.DType]layout{
	checkpoint.Float16:  {16, 10, func(b uint64) float64 { return float64(float16(uint16(b))) }},
	checkpoint.BFloat16: {16, 7, func(b uint64) float64 { return float64(math.Float32frombits(uint32(b) << 16)) }},
	checkpoint.Float32:  {32, 23, func(b uint64) float64 { return float64(math.Float32frombits(uint32(b))) }},
	checkpoint.Float64:  {64, 52, math.Float64frombits},
}

func (l layout) encode(values []uint64) (out []byte) {
	for _, v := range values {
		out = append(out, binary.LittleEndian.AppendUint64(nil, v)[:l.bits/8]...)
	}
	return out
}

// position counts a float from zero; both zeros are 0.
func (l layout) position(b uint64) *big.Int {
	sign := uint64(1) << (l.bits - 1)
	p := new(big.Int).SetUint64(b &^ sign)
	if b&sign != 0 {
		p.Neg(p)
	}
	return p
}

// reference computes Stats by their definitions, one element after the other.
func (l layout) reference(a, b []uint64, tol Tolerance) Stats {
	s := Stats{Elements: int64(len(a)), First: -1, MaxAbsAt: -1}
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		s.Different++
		if s.First < 0 {
			s.First = int64(i)
		}
		x, y := l.value(a[i]), l.value(b[i])
		switch {
		case math.IsNaN(x) && math.IsNaN(y):
			s.NaNPayload++
		case math.IsNaN(x):
			s.NaNOnlyA++
		case math.IsNaN(y):
			s.NaNOnlyB++
		}
		if math.IsNaN(x) || math.IsNaN(y) {
			s.Beyond++
			continue
		}
		if x == 0 && y == 0 {
			s.SignedZero++
		}
		d := math.Abs(y - x)
		within := tol.ATol + float64(tol.RTol*math.Abs(x))
		if tol == (Tolerance{}) || d > within || math.IsInf(d, 0) {
			s.Beyond++
		}
		if s.MaxAbsAt < 0 || d > s.MaxAbs {
			s.MaxAbs, s.MaxAbsAt = d, int64(i)
		}
		if x != 0 && d/math.Abs(x) > s.MaxRel {
			s.MaxRel = d / math.Abs(x)
		}
		ulp := new(big.Int).Sub(l.position(a[i]), l.position(b[i]))
		s.MaxULP = max(s.MaxULP, ulp.Abs(ulp).Uint64())
	}
	return s
}

// special returns zeros, subnormal numbers, the ends of binades, infinities and NaNs of either sign.
func (l layout) special(rng *rand.Rand) uint64 {
	infinity := (uint64(1)<<(l.bits-1-l.mantissa) - 1) << l.mantissa
	quiet := uint64(1) << (l.mantissa - 1)
	one := infinity >> (l.mantissa + 1) << l.mantissa
	all := []uint64{0, 1, 2, quiet, 1<<l.mantissa - 1, 1 << l.mantissa, 1<<l.mantissa + 1, one - 1, one, one + 1, 2 * one,
		infinity - 1, infinity, infinity + 1, infinity | quiet, infinity | quiet | 5, infinity | (quiet<<1 - 1)}
	return all[rng.IntN(len(all))] | uint64(rng.IntN(2))<<(l.bits-1)
}

// pairs makes one element of each side.
var pairs = map[string]func(l layout, rng *rand.Rand, i int) (uint64, uint64){
	"any bits": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) { return l.any(rng), l.any(rng) },
	"specials": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) { return l.special(rng), l.special(rng) },
	"a special among numbers": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) {
		x, y := l.number(rng), l.number(rng)
		if rng.IntN(500) == 0 {
			y = l.special(rng)
		}
		if rng.IntN(500) == 0 {
			x = l.special(rng)
		}
		return x, y
	},
	"some steps apart": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) {
		x := l.number(rng)
		return x, x + uint64(rng.IntN(8))
	},
	"mostly equal": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) {
		x := l.any(rng)
		if rng.IntN(3000) == 0 {
			return x, l.any(rng)
		}
		return x, x
	},
	"half of them equal": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) {
		x := l.any(rng)
		if rng.IntN(2) == 0 {
			return x, x
		}
		return x, l.number(rng)
	},
	"of the other sign": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) {
		x := l.number(rng)
		return x, x ^ 1<<(l.bits-1)
	},
	// Some pairs have more ULPs between them than all before, and no larger difference or ratio.
	"apart by ULPs alone": func(l layout, rng *rand.Rand, i int) (uint64, uint64) {
		two := (uint64(1) << (l.bits - 2 - l.mantissa)) << l.mantissa
		switch {
		case i == 0:
			return two + 10<<l.mantissa, two + 11<<l.mantissa
		case i == 1:
			return 1, two
		case i > 200 && rng.IntN(100) == 0:
			x := two + uint64(i)%(1<<l.mantissa)
			return x, x | 1<<(l.bits-1)
		}
		return two, two + 1
	},
	"twice as large": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) {
		x := l.number(rng)
		return x, x + 1<<l.mantissa
	},
	"growing": func(l layout, _ *rand.Rand, i int) (uint64, uint64) { return uint64(i), 3 * uint64(i) },
	"zeros": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) {
		x := l.number(rng)
		return []uint64{0, x, 1 << (l.bits - 1)}[rng.IntN(3)], x + uint64(rng.IntN(2))
	},
	"zeros of two signs": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) {
		return uint64(rng.IntN(2)) << (l.bits - 1), uint64(rng.IntN(2)) << (l.bits - 1)
	},
	"subnormal": func(l layout, rng *rand.Rand, _ int) (uint64, uint64) {
		small := func() uint64 { return rng.Uint64N(4<<l.mantissa) | uint64(rng.IntN(2))<<(l.bits-1) }
		return small(), small()
	},
	"constant": func(l layout, _ *rand.Rand, _ int) (uint64, uint64) {
		return 1 << l.mantissa, 1<<(l.bits-1) | 1<<l.mantissa
	},
}

func (l layout) any(rng *rand.Rand) uint64 { return rng.Uint64() >> (64 - l.bits) }

// number is of a size that trained weights have.
func (l layout) number(rng *rand.Rand) uint64 {
	one := (uint64(1)<<(l.bits-2-l.mantissa) - 1) << l.mantissa
	return one - rng.Uint64N(4<<l.mantissa) | uint64(rng.IntN(2))<<(l.bits-1)
}

// checkReals compares the kernels of a format with the reference.
func checkReals(t *testing.T, d checkpoint.DType, a, b []uint64, tol Tolerance) {
	t.Helper()
	l := layouts[d]
	want := l.reference(a, b, tol)
	for kind, formats := range map[string]map[checkpoint.DType]realFormat{"plain": plainFormats, "in use": realFormats} {
		got := newStats(int64(len(a)))
		formats[d].compare(&got, l.encode(a), l.encode(b), 0, tol)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, %s kernel, %d elements, tolerance %v: %s", d, kind, len(a), tol, diff)
		}
	}
}

func TestRealsAgainstTheReference(t *testing.T) {
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for d, l := range layouts {
				for _, n := range []int{1, 3, 31, 64, 65, 2048, 5000 + rng.IntN(3000)} {
					a, b := make([]uint64, n), make([]uint64, n)
					mask := ^uint64(0) >> (64 - l.bits)
					for i := range a {
						a[i], b[i] = pair(l, rng, i)
						a[i], b[i] = a[i]&mask, b[i]&mask
					}
					for _, tol := range []Tolerance{{}, {RTol: 1e-3, ATol: 1e-5}, {RTol: 1}, {ATol: .5}} {
						checkReals(t, d, a, b, tol)
					}
				}
			}
		})
	}
}

// Every pattern is compared with specials, on either side.
func TestEveryHalfAgainstSpecials(t *testing.T) {
	for _, d := range []checkpoint.DType{checkpoint.Float16, checkpoint.BFloat16} {
		all := make([]uint64, 1<<16)
		for i := range all {
			all[i] = uint64(i)
		}
		rng := rand.New(rand.NewPCG(3, 4))
		other := make([]uint64, len(all))
		for range 20 {
			value := layouts[d].special(rng)
			for i := range other {
				other[i] = value
			}
			checkReals(t, d, all, other, Tolerance{})
			checkReals(t, d, other, all, Tolerance{RTol: .01})
		}
	}
}

func FuzzReals(f *testing.F) {
	for i, name := range []string{"\x00\x00\x80\x3f\x00\x00\x80\x7f", "\xff\xff\xff\xff\x01\x00\x00\x80", "abcdefgh"} {
		f.Add([]byte(name), uint64(i), .0)
	}
	types := []checkpoint.DType{checkpoint.Float16, checkpoint.BFloat16, checkpoint.Float32, checkpoint.Float64}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, rtol float64) {
		if !(rtol >= 0) || math.IsInf(rtol, 0) {
			t.Skip("no tolerance")
		}
		d := types[seed%4]
		l := layouts[d]
		// The elements of the input, each followed by others that the seed makes of it.
		rng := rand.New(rand.NewPCG(seed, 0))
		var a, b []uint64
		size := l.bits / 8
		for ; len(data) >= 2*size; data = data[2*size:] {
			var x, y [8]byte
			copy(x[:], data[:size])
			copy(y[:], data[size:2*size])
			p, q := binary.LittleEndian.Uint64(x[:]), binary.LittleEndian.Uint64(y[:])
			for range rng.IntN(100) + 1 {
				a, b = append(a, p), append(b, q)
				p, q = q, (p+uint64(rng.IntN(3)))&(^uint64(0)>>(64-l.bits))
			}
		}
		checkReals(t, d, a, b, Tolerance{RTol: rtol})
	})
}

// BenchmarkAllDifferent compares tensors that lie in the cache.
func BenchmarkAllDifferent(b *testing.B) {
	for _, d := range []checkpoint.DType{checkpoint.Float32, checkpoint.BFloat16, checkpoint.Float16, checkpoint.Float64} {
		for _, kind := range []string{"any bits", "some steps apart", "of the other sign", "growing"} {
			l := layouts[d]
			rng := rand.New(rand.NewPCG(1, 2))
			x, y := make([]uint64, 64<<10), make([]uint64, 64<<10)
			for i := range x {
				x[i], y[i] = pairs[kind](l, rng, i)
			}
			data, other := l.encode(x), l.encode(y)
			b.Run(fmt.Sprintf("%s/%s", d, kind), func(b *testing.B) {
				b.SetBytes(int64(2 * len(data)))
				for b.Loop() {
					s := newStats(0)
					realFormats[d].compare(&s, data, other, 0, Tolerance{})
				}
			})
		}
	}
}
