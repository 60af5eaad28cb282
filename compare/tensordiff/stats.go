// Package tensordiff compares tensors and whole checkpoints to the last bit, reading them in chunks: which values differ,
// by how much, and where first.
package tensordiff

import (
	"math"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Tolerance accepts |b-a| <= ATol + RTol*|a|, a being the first file: the formula of torch.testing.assert_close.
// The zero value accepts equal bits only.
type Tolerance struct{ RTol, ATol float64 }

// limit is the largest difference that is accepted from an expected value of magnitude a. The conversion keeps the
// compiler from fusing the sum with the product, which would make it depend on the processor.
func (t Tolerance) limit(a float64) float64 { return t.ATol + float64(t.RTol*a) }

// accepts reports whether a difference of d from an expected value of magnitude a is accepted; NaN and infinity never are.
func (t Tolerance) accepts(d, a float64) bool { return d <= t.limit(a) && !math.IsInf(d, 1) }

// DefaultTolerance returns what torch.testing.assert_close uses for an element type; integers and bool must be equal.
func DefaultTolerance(d checkpoint.DType) Tolerance {
	switch d {
	case checkpoint.Float16, checkpoint.Complex32:
		return Tolerance{1e-3, 1e-5}
	case checkpoint.BFloat16:
		return Tolerance{1.6e-2, 1e-5}
	case checkpoint.Float32, checkpoint.Complex64, "quint8", "qint8", "qint32", "quint4x2", "quint2x4":
		return Tolerance{1.3e-6, 1e-5}
	case checkpoint.Float64, checkpoint.Complex128:
		return Tolerance{1e-7, 1e-7}
	}
	return Tolerance{}
}

// Stats says how the elements of two tensors of one type and shape differ. Elements differ when their bits do.
type Stats struct {
	Elements  int64
	Different int64
	// First is the C-order index of the first element that differs, -1 where none does.
	First int64
	// Beyond counts the differing elements that the tolerance does not accept.
	Beyond int64

	// MaxAbs is the largest |b-a|, and MaxRel the largest |b-a|/|a| over elements with a finite and not 0, among pairs of numbers;
	// an infinity against anything else is infinitely far. For complex elements |.| is the modulus. Both stay 0 for types
	// without arithmetic.
	MaxAbs float64
	MaxRel float64
	// MaxULP is the largest number of floating-point values between a and b, counted through zero; of the parts for
	// complex elements, 0 for integers.
	MaxULP uint64
	// MaxAbsAt is the index of the element with MaxAbs, -1 where there is none.
	MaxAbsAt int64

	// NaNOnlyA and NaNOnlyB count NaN against a number; NaNPayload counts NaN against another NaN; SignedZero counts
	// 0 against -0. Each pair also counts in Different.
	NaNOnlyA, NaNOnlyB, NaNPayload, SignedZero int64
}

// Equal reports whether all bits are equal.
func (s *Stats) Equal() bool { return s.Different == 0 }

func newStats(elements int64) Stats { return Stats{Elements: elements, First: -1, MaxAbsAt: -1} }

// merge adds what another part of the same pair of tensors showed.
func (s *Stats) merge(o *Stats) {
	s.Different += o.Different
	s.Beyond += o.Beyond
	if o.First >= 0 && (s.First < 0 || o.First < s.First) {
		s.First = o.First
	}
	// Parts arrive in any order; the first of equal maxima is kept whatever the order.
	if o.MaxAbsAt >= 0 && (s.MaxAbsAt < 0 || o.MaxAbs > s.MaxAbs || o.MaxAbs == s.MaxAbs && o.MaxAbsAt < s.MaxAbsAt) {
		s.MaxAbs, s.MaxAbsAt = o.MaxAbs, o.MaxAbsAt
	}
	s.MaxRel = max(s.MaxRel, o.MaxRel)
	s.MaxULP = max(s.MaxULP, o.MaxULP)
	s.NaNOnlyA += o.NaNOnlyA
	s.NaNOnlyB += o.NaNOnlyB
	s.NaNPayload += o.NaNPayload
	s.SignedZero += o.SignedZero
}

// pair enters two different floats.
func (s *Stats) pair(at int64, a, b float64, ulp uint64, tol Tolerance) {
	s.differ(at)
	s.accept(math.Abs(b-a), math.Abs(a), tol)
	s.extreme(at, a, b, ulp)
}

// extreme enters the class and the distances of two different floats; |b-a| of infinities is infinite.
func (s *Stats) extreme(at int64, a, b float64, ulp uint64) {
	switch aNaN, bNaN := math.IsNaN(a), math.IsNaN(b); {
	case aNaN && bNaN:
		s.NaNPayload++
		return
	case aNaN:
		s.NaNOnlyA++
		return
	case bNaN:
		s.NaNOnlyB++
		return
	case a == 0 && b == 0:
		s.SignedZero++
	}
	s.distance(at, math.Abs(b-a), math.Abs(a))
	s.MaxULP = max(s.MaxULP, ulp)
}

// differ counts one element.
func (s *Stats) differ(at int64) {
	s.Different++
	if s.First < 0 {
		s.First = at
	}
}

// apart enters two different numbers with |b-a| = d and |a| = a.
func (s *Stats) apart(at int64, d, a float64, tol Tolerance) {
	s.differ(at)
	s.accept(d, a, tol)
	s.distance(at, d, a)
}

// distance enters |b-a| and |a| of one element.
func (s *Stats) distance(at int64, d, a float64) {
	if d > s.MaxAbs || s.MaxAbsAt < 0 {
		s.MaxAbs, s.MaxAbsAt = d, at
	}
	// Where the rounded product is above d, so is the exact one: most divisions are spared.
	if a != 0 && !(s.MaxRel*a > d) {
		if rel := d / a; rel > s.MaxRel {
			s.MaxRel = rel
		}
	}
}

// accept counts an element with |b-a| = d that the tolerance does not accept.
func (s *Stats) accept(d, a float64, tol Tolerance) {
	if tol == (Tolerance{}) || !tol.accepts(d, a) {
		s.Beyond++
	}
}

// Index turns a C-order index into one index for each dimension.
func Index(flat int64, shape []int64) []int64 {
	index := make([]int64, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		if shape[d] > 0 {
			index[d] = flat % shape[d]
			flat /= shape[d]
		}
	}
	return index
}
