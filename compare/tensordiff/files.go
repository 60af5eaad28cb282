package tensordiff

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/record"
)

// Options choose what counts as a difference.
type Options struct {
	// Tolerance applies to floating-point values; with DTypeDefaults the one of DefaultTolerance for each element type.
	Tolerance     Tolerance
	DTypeDefaults bool
}

func (o Options) tolerance(d checkpoint.DType) Tolerance {
	if o.DTypeDefaults {
		return DefaultTolerance(d)
	}
	switch d {
	case checkpoint.Float16, checkpoint.BFloat16, checkpoint.Float32, checkpoint.Float64, checkpoint.Complex32,
		checkpoint.BComplex32, checkpoint.Complex64, checkpoint.Complex128, checkpoint.Float8E4M3FN, checkpoint.Float8E4M3FNUZ,
		checkpoint.Float8E5M2, checkpoint.Float8E5M2FNUZ, checkpoint.Float8E8M0FNU:
		return o.Tolerance
	}
	return Tolerance{}
}

// Files compares two checkpoints, a being the expected one.
func Files(ctx context.Context, a, b *checkpoint.File, o Options) (*Result, error) {
	partsA, partsB := component.Classify(a).Of, component.Classify(b).Of
	al := align(a, b)
	// A file with averaged weights alone is compared with the model that they are of.
	if !al.byPrefix(models(a, partsA, false), models(b, partsB, false)) {
		al.byPrefix(models(a, partsA, true), models(b, partsB, true))
	}
	if err := al.byContent(func(e *checkpoint.Entry) ([sha256.Size]byte, error) { return contentSum(ctx, e) }); err != nil {
		return nil, err
	}
	orderA, orderB := newOrdering(a, partsA), newOrdering(b, partsB)
	orderA.follow(orderB, al.matches)
	slices.SortStableFunc(al.matches, func(x, y match) int { return orderA.compare(x.a, y.a) })
	slices.SortStableFunc(al.onlyA, orderA.compare)
	slices.SortStableFunc(al.onlyB, orderB.compare)

	r := &Result{
		Schema: SchemaVersion, A: side(a), B: side(b),
		Changed: []Change{}, Renamed: []Rename{},
		Structure: structure(a, b), Container: container(a, b),
	}
	if distributed(a) != distributed(b) {
		r.forgiveKeys(al.matches)
	}
	if err := r.compareMatches(ctx, al.matches, orderA.part, o); err != nil {
		return nil, err
	}
	lacks := map[string]bool{}
	for _, list := range [][]*checkpoint.Entry{al.onlyA, al.onlyB} {
		for _, e := range list {
			lacks[e.Name] = true
		}
	}
	r.Missing, r.Unexpected = absences(al.onlyA, a, partsA, lacks), absences(al.onlyB, b, partsB, lacks)
	var err error
	if r.Generators, err = generators(a, b, partsA); err != nil {
		return nil, err
	}
	r.Verdict = r.verdict()
	return r, nil
}

// forgiveKeys takes keys that are numbers for equal to the texts that one of the formats makes of them.
func (r *Result) forgiveKeys(matches []match) {
	n := 0
	for i := range matches {
		if matches[i].why == numberedKeys {
			matches[i].why = ""
			n++
		}
	}
	if n > 0 {
		r.Container = append(r.Container, fmt.Sprintf("%s: %s", numberedKeys, count(n, "value")))
	}
}

// models lists the tensors of the model, and those of its average where that is asked for.
func models(f *checkpoint.File, of []component.ID, averaged bool) map[*checkpoint.Entry]bool {
	tensors := map[*checkpoint.Entry]bool{}
	for i := range f.Entries {
		if e := &f.Entries[i]; (of[i] == component.Model || averaged && of[i] == component.EMA) && e.Tensor() != nil {
			tensors[e] = true
		}
	}
	return tensors
}

func (r *Result) verdict() Verdict {
	if len(r.Missing)+len(r.Unexpected)+len(r.Renamed)+len(r.Structure) > 0 {
		return Different
	}
	for _, c := range r.Changed {
		if !c.Within {
			return Different
		}
	}
	if len(r.Changed) > 0 {
		return WithinTolerance
	}
	return SameContent
}

func side(f *checkpoint.File) Side {
	s := Side{Format: f.Format}
	for i := range f.Entries {
		if f.Entries[i].Structure {
			continue
		}
		s.Values++
		if f.Entries[i].Tensor() != nil {
			s.Tensors++
		}
	}
	return s
}

func (r *Result) compareMatches(ctx context.Context, matches []match, parts map[*checkpoint.Entry]component.ID, o Options) error {
	var pairs []Pair
	changes := make([]*Change, len(matches))
	pairOf := make([]int, len(matches))
	for i, m := range matches {
		if m.why != "" {
			r.Renamed = append(r.Renamed, Rename{m.a.Name, m.b.Name, m.why})
		}
		pairOf[i] = -1
		ta, tb := m.a.Tensor(), m.b.Tensor()
		c := &Change{Name: m.a.Name, Part: parts[m.a], A: describe(m.a), B: describe(m.b)}
		switch {
		case (ta == nil) != (tb == nil) || m.a.Kind != m.b.Kind:
			c.Class = "kind"
		case ta == nil:
			equal, err := sameValue(m.a, m.b)
			if err != nil {
				return err
			}
			if equal {
				continue
			}
			c.Class, c.Within = string(m.a.Kind), withinNumber(m.a, m.b, o)
			if m.a.Packed && m.b.Packed {
				if c.A, c.B, err = packedDifference(m.a, m.b); err != nil {
					return err
				}
			}
		case ta.DType != tb.DType:
			c.Class = "dtype"
			if slices.Equal(ta.Shape, tb.Shape) {
				var err error
				if c.Precision, err = precision(ctx, ta, tb); err != nil {
					return fmt.Errorf("%q: %w", checkpoint.Clip(m.a.Name, 80), err)
				}
			}
		case !slices.Equal(ta.Shape, tb.Shape):
			c.Class = "shape"
		case ta.Attrs != tb.Attrs:
			c.Class = "attributes"
			c.A, c.B = c.A+" "+strconv.Quote(ta.Attrs), c.B+" "+strconv.Quote(tb.Attrs)
		default:
			c.Class = "values"
			pairOf[i] = len(pairs)
			pairs = append(pairs, Pair{ta, tb, o.tolerance(ta.DType)})
		}
		changes[i] = c
	}
	stats, err := Tensors(ctx, pairs)
	if err != nil {
		return err
	}
	for i, c := range changes {
		if c == nil {
			r.Equal++
			continue
		}
		if at := pairOf[i]; at >= 0 {
			if stats[at].Equal() {
				r.Equal++
				r.EqualTensors++
				continue
			}
			c.fill(&stats[at], matches[i].a.Tensor().Shape)
		}
		r.Changed = append(r.Changed, *c)
	}
	return nil
}

func (c *Change) fill(s *Stats, shape []int64) {
	c.Within = s.Beyond == 0
	switch nan := s.NaNOnlyA + s.NaNOnlyB + s.NaNPayload; s.Different {
	case s.SignedZero:
		c.Class = "signed-zero"
	case nan + s.SignedZero:
		c.Class = "nan"
	}
	c.Stats = &ChangeStats{
		Elements: s.Elements, Different: s.Different, Beyond: s.Beyond, First: Index(s.First, shape),
		MaxAbs: record.Float(s.MaxAbs), MaxRel: record.Float(s.MaxRel), MaxULP: s.MaxULP,
		NaNOnlyA: s.NaNOnlyA, NaNOnlyB: s.NaNOnlyB, NaNPayload: s.NaNPayload, SignedZero: s.SignedZero,
	}
	if s.MaxAbsAt >= 0 {
		c.Stats.MaxAbsAt = Index(s.MaxAbsAt, shape)
	}
}

// describe says what an entry is in a few words.
func describe(e *checkpoint.Entry) string {
	if t := e.Tensor(); t != nil {
		return string(t.DType) + checkpoint.ShapeText(t.Shape)
	}
	switch e.Kind {
	case checkpoint.KindString:
		return strconv.Quote(e.Text)
	case checkpoint.KindNumber:
		return e.Type + " " + e.Text
	}
	return e.Text
}

// sameValue compares values that are no tensors.
func sameValue(a, b *checkpoint.Entry) (bool, error) {
	if a.Type != b.Type || a.Data.Size() != b.Data.Size() {
		return false, nil
	}
	var x, y [16 << 10]byte
	for off := int64(0); off < a.Data.Size(); {
		n := min(int64(len(x)), a.Data.Size()-off)
		if err := checkpoint.ReadFull(a.Data, x[:n], off); err != nil {
			return false, fmt.Errorf("first file, %q: %w", checkpoint.Clip(a.Name, 80), err)
		}
		if err := checkpoint.ReadFull(b.Data, y[:n], off); err != nil {
			return false, fmt.Errorf("second file, %q: %w", checkpoint.Clip(b.Name, 80), err)
		}
		if !bytes.Equal(x[:n], y[:n]) {
			return false, nil
		}
		off += n
	}
	return true, nil
}

// packedDifference describes the first member in which two long sequences differ.
func packedDifference(a, b *checkpoint.Entry) (textA, textB string, err error) {
	nextA, stopA := iter.Pull2(pyobject.Unpack(a.Data))
	defer stopA()
	nextB, stopB := iter.Pull2(pyobject.Unpack(b.Data))
	defer stopB()
	for i := 0; ; i++ {
		x, errX, okX := nextA()
		y, errY, okY := nextB()
		if err := cmp.Or(errX, errY); err != nil {
			return "", "", err
		}
		if okX && okY && x == y {
			continue
		}
		member := func(e *checkpoint.Entry, text string, ok bool) string {
			if !ok {
				text = "nothing"
			}
			return fmt.Sprintf("%s, of which [%d] is %s", e.Text, i, checkpoint.Clip(text, 100))
		}
		if !okX && !okY {
			return a.Type + " of " + a.Text, b.Type + " of " + b.Text, nil
		}
		return member(a, x, okX), member(b, y, okY), nil
	}
}

// withinNumber applies the tolerance to Python floats, which are float64.
func withinNumber(a, b *checkpoint.Entry, o Options) bool {
	if a.Type != "float" || b.Type != "float" {
		return false
	}
	x, errX := strconv.ParseFloat(a.Text, 64)
	y, errY := strconv.ParseFloat(b.Text, 64)
	tol := o.tolerance(checkpoint.Float64)
	return errX == nil && errY == nil && tol != (Tolerance{}) && !math.IsInf(x-y, 0) && math.Abs(y-x) <= tol.ATol+tol.RTol*math.Abs(x)
}

// contentSum identifies a tensor's type, shape and bits.
func contentSum(ctx context.Context, e *checkpoint.Entry) (sum [sha256.Size]byte, err error) {
	d, err := checkpoint.Digest(ctx, &checkpoint.File{Entries: []checkpoint.Entry{*e}})
	if err != nil {
		return sum, err
	}
	return sha256.Sum256([]byte(d.Entries[0].String())), nil
}
