package tensordiff

import (
	"math"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// ulps counts the floats between two of one width, given as sign and magnitude; both zeros are one value.
func ulps(a, b, sign uint64) uint64 {
	ma, mb := a&^sign, b&^sign
	if (a^b)&sign != 0 {
		return ma + mb
	}
	if ma > mb {
		return ma - mb
	}
	return mb - ma
}

// float16 decodes IEEE 754 binary16.
func float16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	if h&0x7c00 == 0x7c00 {
		return math.Float32frombits(sign | 0x7f800000 | uint32(h&0x3ff)<<13)
	}
	// Moved into place, the exponent is 112 too small; the multiplication corrects it, for subnormals too.
	return math.Float32frombits(sign | math.Float32bits(math.Float32frombits(uint32(h&0x7fff)<<13)*0x1p112))
}

// bfloat16 is the upper half of a float32.
func bfloat16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// float8 describes an 8-bit format of the OCP "8-bit Floating Point Specification" or its FNUZ variant: E5M2 follows
// IEEE 754; E4M3FN has no infinities and one NaN per sign; the FNUZ formats have one zero, one NaN (0x80) and a bias
// larger by one; E8M0FNU holds powers of two only.
type float8 struct {
	mantissa int
	bias     int
	ieee     bool // the largest exponent is for infinities and NaN
	fnuz     bool
}

func float8Format(d checkpoint.DType) (float8, bool) {
	switch d {
	case checkpoint.Float8E5M2:
		return float8{mantissa: 2, bias: 15, ieee: true}, true
	case checkpoint.Float8E4M3FN:
		return float8{mantissa: 3, bias: 7}, true
	case checkpoint.Float8E5M2FNUZ:
		return float8{mantissa: 2, bias: 16, fnuz: true}, true
	case checkpoint.Float8E4M3FNUZ:
		return float8{mantissa: 3, bias: 8, fnuz: true}, true
	}
	return float8{}, false
}

func (f float8) decode(b byte) float64 {
	if f.fnuz && b == 0x80 {
		return math.NaN()
	}
	magnitude := int(b & 0x7f)
	exp, frac := magnitude>>f.mantissa, magnitude&(1<<f.mantissa-1)
	var v float64
	switch {
	case f.ieee && exp == 0x7f>>f.mantissa && frac != 0, !f.ieee && !f.fnuz && magnitude == 0x7f:
		return math.NaN()
	case f.ieee && exp == 0x7f>>f.mantissa:
		v = math.Inf(1)
	case exp == 0:
		v = math.Ldexp(float64(frac), 1-f.bias-f.mantissa)
	default:
		v = math.Ldexp(float64(1<<f.mantissa|frac), exp-f.bias-f.mantissa)
	}
	if b&0x80 != 0 {
		return -v
	}
	return v
}

// exponent8 decodes E8M0FNU: 2^(b-127), and NaN for 255.
func exponent8(b byte) float64 {
	if b == 0xff {
		return math.NaN()
	}
	return math.Ldexp(1, int(b)-127)
}
