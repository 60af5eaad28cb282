package tensordiff

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

func tensor(t testing.TB, dtype checkpoint.DType, data []byte) *checkpoint.Tensor {
	t.Helper()
	n := int64(len(data)) * 8 / int64(dtype.Bits())
	x, err := checkpoint.NewTensor(dtype, dtype.Bits(), []int64{n}, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func compare(t testing.TB, dtype checkpoint.DType, a, b []byte, tol Tolerance) Stats {
	t.Helper()
	s, err := Tensors(context.Background(), []Pair{{tensor(t, dtype, a), tensor(t, dtype, b), tol}})
	if err != nil {
		t.Fatal(err)
	}
	return s[0]
}

func float32s(values ...float32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func float64s(values ...float64) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func bits16(values ...uint16) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func TestStats(t *testing.T) {
	nan := float32(math.NaN())
	otherNaN := math.Float32frombits(math.Float32bits(nan) ^ 1)
	inf := float32(math.Inf(1))
	none := Tolerance{}
	for name, test := range map[string]struct {
		dtype checkpoint.DType
		a, b  []byte
		tol   Tolerance
		want  Stats
	}{
		"equal, NaN and zeros included": {checkpoint.Float32, float32s(1, nan, 0), float32s(1, nan, 0), none,
			Stats{Elements: 3, First: -1, MaxAbsAt: -1}},
		"one step": {checkpoint.Float32, float32s(0, 2, 1), float32s(0, 2, math.Nextafter32(1, 2)), none,
			Stats{Elements: 3, Different: 1, First: 2, Beyond: 1, MaxAbs: 0x1p-23, MaxRel: 0x1p-23, MaxULP: 1, MaxAbsAt: 2}},
		"the largest of several": {checkpoint.Float32, float32s(1, 10, 4), float32s(2, 14, 5), none,
			Stats{Elements: 3, Different: 3, First: 0, Beyond: 3, MaxAbs: 4, MaxRel: 1, MaxULP: 1 << 23, MaxAbsAt: 1}},
		"signed zero": {checkpoint.Float32, float32s(0), float32s(float32(math.Copysign(0, -1))), none,
			Stats{Elements: 1, Different: 1, First: 0, Beyond: 1, MaxAbsAt: 0, SignedZero: 1}},
		"across zero": {checkpoint.Float32, float32s(math.SmallestNonzeroFloat32), float32s(-math.SmallestNonzeroFloat32), none,
			Stats{Elements: 1, Different: 1, First: 0, Beyond: 1, MaxAbs: 2 * math.SmallestNonzeroFloat32, MaxRel: 2, MaxULP: 2, MaxAbsAt: 0}},
		"NaN classes": {checkpoint.Float32, float32s(nan, 1, nan, 7), float32s(1, nan, otherNaN, 7), Tolerance{1, 1},
			Stats{Elements: 4, Different: 3, First: 0, Beyond: 3, MaxAbsAt: -1, NaNOnlyA: 1, NaNOnlyB: 1, NaNPayload: 1}},
		"infinities": {checkpoint.Float32, float32s(inf, inf, 3), float32s(inf, -inf, inf), Tolerance{1, 1},
			Stats{Elements: 3, Different: 2, First: 1, Beyond: 2, MaxAbs: math.Inf(1), MaxRel: math.Inf(1), MaxULP: 2 * 0x7f800000, MaxAbsAt: 1}},
		"tolerance": {checkpoint.Float32, float32s(100, 100), float32s(101, 102), Tolerance{RTol: .01, ATol: .5},
			Stats{Elements: 2, Different: 2, First: 0, Beyond: 1, MaxAbs: 2, MaxRel: .02, MaxULP: 2 << 17, MaxAbsAt: 1}},
		"float64": {checkpoint.Float64, float64s(1, 2), float64s(1, math.Nextafter(2, 1)), none,
			Stats{Elements: 2, Different: 1, First: 1, Beyond: 1, MaxAbs: 0x1p-52, MaxRel: 0x1p-53, MaxULP: 1, MaxAbsAt: 1}},
		"float16 1.5 and 1.25": {checkpoint.Float16, bits16(0x3e00), bits16(0x3d00), none,
			Stats{Elements: 1, Different: 1, First: 0, Beyond: 1, MaxAbs: .25, MaxRel: 1. / 6, MaxULP: 0x100, MaxAbsAt: 0}},
		"bfloat16 1 and 2": {checkpoint.BFloat16, bits16(0x3f80), bits16(0x4000), none,
			Stats{Elements: 1, Different: 1, First: 0, Beyond: 1, MaxAbs: 1, MaxRel: 1, MaxULP: 0x80, MaxAbsAt: 0}},
		"complex with the same infinity in both": {checkpoint.Complex64, float32s(inf, 1, 1, 1), float32s(inf, 2, 5, 1), Tolerance{1, 1},
			Stats{Elements: 2, Different: 2, First: 0, Beyond: 2, MaxAbs: math.Inf(1), MaxRel: 4 / math.Hypot(1, 1), MaxULP: 9 << 21, MaxAbsAt: 0}},
		"complex": {checkpoint.Complex64, float32s(3, 4, 1, 1), float32s(0, 0, 1, 1), none,
			Stats{Elements: 2, Different: 1, First: 0, Beyond: 1, MaxAbs: 5, MaxRel: 1, MaxULP: 0x40800000, MaxAbsAt: 0}},
		"int8": {checkpoint.Int8, []byte{0x80, 5}, []byte{0x7f, 5}, none,
			Stats{Elements: 2, Different: 1, First: 0, Beyond: 1, MaxAbs: 255, MaxRel: 255. / 128, MaxAbsAt: 0}},
		"int64 ends": {checkpoint.Int64, float64s(math.Float64frombits(1 << 63)), float64s(math.Float64frombits(1<<63 - 1)), none,
			Stats{Elements: 1, Different: 1, First: 0, Beyond: 1, MaxAbs: 0x1p64, MaxRel: 2, MaxAbsAt: 0}},
		"float8_e4m3fn 448 and NaN": {checkpoint.Float8E4M3FN, []byte{0x7e}, []byte{0x7f}, none,
			Stats{Elements: 1, Different: 1, First: 0, Beyond: 1, MaxAbsAt: -1, NaNOnlyB: 1}},
		"float8_e5m2 1 and 2": {checkpoint.Float8E5M2, []byte{0x3c}, []byte{0x40}, none,
			Stats{Elements: 1, Different: 1, First: 0, Beyond: 1, MaxAbs: 1, MaxRel: 1, MaxULP: 4, MaxAbsAt: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, compare(t, test.dtype, test.a, test.b, test.tol)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestEveryChunkCounts compares tensors of several jobs against a plain loop.
func TestEveryChunkCounts(t *testing.T) {
	const n = 5<<20 + 3 // elements: more than one job, and no whole number of chunks
	rng := rand.New(rand.NewPCG(1, 2))
	a, b := make([]float32, n), make([]float32, n)
	want := Stats{Elements: n, First: -1, MaxAbsAt: -1}
	for i := range a {
		a[i] = rng.Float32()
		b[i] = a[i]
	}
	for _, i := range []int64{123_456, 65_535, 65_536, 4_194_304, n - 1} {
		b[i] += float32(i+1) / n
		want.Different++
		want.Beyond++
		d := math.Abs(float64(b[i]) - float64(a[i]))
		if d > want.MaxAbs {
			want.MaxAbs, want.MaxAbsAt = d, i
		}
		want.MaxRel = max(want.MaxRel, d/float64(a[i]))
		want.MaxULP = max(want.MaxULP, uint64(math.Float32bits(b[i])-math.Float32bits(a[i])))
	}
	want.First = 65_535
	if diff := cmp.Diff(want, compare(t, checkpoint.Float32, float32s(a...), float32s(b...), Tolerance{})); diff != "" {
		t.Error(diff)
	}
}

func TestFloat16DecodesEveryPattern(t *testing.T) {
	for h := range 1 << 16 {
		exp, frac := h>>10&31, h&1023
		want := math.Ldexp(float64(frac), -24)
		switch {
		case exp == 31 && frac > 0:
			want = math.NaN()
		case exp == 31:
			want = math.Inf(1)
		case exp > 0:
			want = math.Ldexp(float64(1024+frac), exp-25)
		}
		if h>>15 == 1 {
			want = -want
		}
		if got := float64(float16(uint16(h))); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%#04x: got %v, want %v", h, got, want)
		}
	}
}

func TestTensorsOfOtherShapesAreRefused(t *testing.T) {
	a, b := tensor(t, checkpoint.Float32, float32s(1, 2)), tensor(t, checkpoint.Float32, float32s(1))
	if _, err := Tensors(context.Background(), []Pair{{A: a, B: b}}); err == nil {
		t.Error("tensors of 2 and 1 elements were compared")
	}
}

func TestIndex(t *testing.T) {
	if got := Index(17, []int64{2, 3, 4}); !cmp.Equal(got, []int64{1, 1, 1}) {
		t.Errorf("element 17 of 2x3x4: %v", got)
	}
}

func BenchmarkFloat32AllDifferent(b *testing.B) {
	x, y := make([]float32, 4<<20), make([]float32, 4<<20)
	for i := range x {
		x[i] = float32(i)
		y[i] = float32(i) * 1.0001
	}
	pair := []Pair{{A: tensor(b, checkpoint.Float32, float32s(x...)), B: tensor(b, checkpoint.Float32, float32s(y...))}}
	b.SetBytes(2 * 16 << 20)
	for b.Loop() {
		if _, err := Tensors(context.Background(), pair); err != nil {
			b.Fatal(err)
		}
	}
}
