package tensordiff

import (
	"bytes"
	"cmp"
	"context"
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
	if len(al.onlyA) > 0 && len(al.onlyB) > 0 {
		// A file with averaged weights alone is compared with the model that they are of.
		if !al.byPrefix(models(a, partsA, false), models(b, partsB, false)) {
			al.byPrefix(models(a, partsA, true), models(b, partsB, true))
		}
		if err := al.byContent(func(list []*checkpoint.Entry) ([]checkpoint.Sum, error) { return contentSums(ctx, list) }); err != nil {
			return nil, err
		}
	}

	r := &Result{
		Schema: SchemaVersion, A: side(a), B: side(b),
		Changed: []Change{}, Renamed: []Rename{},
		Structure: structure(a, b), Container: container(a, b),
	}
	if distributed(a) != distributed(b) {
		r.forgiveKeys(al.matches)
	}
	changes, err := r.compareMatches(ctx, al.matches, o)
	if err != nil {
		return nil, err
	}
	r.arrange(changes, &al, a, b, partsA, partsB)
	if r.Generators, err = generators(a, b, partsA); err != nil {
		return nil, err
	}
	r.Verdict = r.verdict()
	return r, nil
}

// arrange enters what differs, the model first and its layers as they follow each other.
func (r *Result) arrange(changes []change, al *alignment, a, b *checkpoint.File, partsA, partsB []component.ID) {
	renamed := slices.DeleteFunc(slices.Clone(al.matches), func(m match) bool { return m.why == "" })
	if len(changes)+len(renamed)+len(al.onlyA)+len(al.onlyB) == 0 {
		r.Missing, r.Unexpected = []Absence{}, []Absence{}
		return
	}
	orderA, orderB := newOrdering(a, partsA), newOrdering(b, partsB)
	orderA.follow(orderB, al.matches)
	slices.SortStableFunc(changes, func(x, y change) int { return orderA.compare(x.a, y.a) })
	for _, c := range changes {
		c.Part = orderA.part[c.a]
		r.Changed = append(r.Changed, *c.Change)
	}
	slices.SortStableFunc(renamed, func(x, y match) int { return orderA.compare(x.a, y.a) })
	for _, m := range renamed {
		r.Renamed = append(r.Renamed, Rename{m.a.Name, m.b.Name, m.why})
	}
	slices.SortStableFunc(al.onlyA, orderA.compare)
	slices.SortStableFunc(al.onlyB, orderB.compare)
	lacks := map[string]bool{}
	for _, list := range [][]*checkpoint.Entry{al.onlyA, al.onlyB} {
		for _, e := range list {
			lacks[e.Name] = true
		}
	}
	r.Missing = owner{a, partsA, true}.absences(al.onlyA, lacks)
	r.Unexpected = owner{b, partsB, false}.absences(al.onlyB, lacks)
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

// change is a Change of two values.
type change struct {
	*Change
	a, b *checkpoint.Entry
}

// compareMatches counts the values that are equal and returns the others, in their order.
func (r *Result) compareMatches(ctx context.Context, matches []match, o Options) ([]change, error) {
	// What is known of each pair while it is compared is held for so many at a time.
	const together = 8192
	var changes []change
	for part := range slices.Chunk(matches, together) {
		var pairs []Pair
		first := len(changes)
		for _, m := range part {
			c, pair, err := compareMatch(ctx, m, o)
			if err != nil {
				return nil, err
			}
			switch {
			case pair != nil:
				pairs = append(pairs, *pair)
				changes = append(changes, change{nil, m.a, m.b})
			case c == nil:
				r.Equal++
			default:
				changes = append(changes, change{c, m.a, m.b})
			}
		}
		stats, err := Tensors(ctx, pairs)
		if err != nil {
			return nil, err
		}
		kept := changes[:first]
		for _, c := range changes[first:] {
			if c.Change == nil {
				s := &stats[0]
				stats = stats[1:]
				if s.Equal() {
					r.Equal++
					r.EqualTensors++
					continue
				}
				c.Change = newChange(c.a, c.b, "values")
				c.fill(s, c.a.Tensor().Shape)
				if s.Elements == 1 {
					c.ValueA, c.ValueB = single(c.a.Tensor()), single(c.b.Tensor())
				}
			}
			kept = append(kept, c)
		}
		changes = kept
	}
	return changes, nil
}

func newChange(a, b *checkpoint.Entry, class string) *Change {
	return &Change{Name: a.Name, Class: class, A: describe(a), B: describe(b)}
}

// compareMatch returns how two values differ, nil where they are equal, or the pair of tensors whose elements tell.
func compareMatch(ctx context.Context, m match, o Options) (*Change, *Pair, error) {
	ta, tb := m.a.Tensor(), m.b.Tensor()
	switch {
	case (ta == nil) != (tb == nil) || m.a.Kind != m.b.Kind:
		return newChange(m.a, m.b, "kind"), nil, nil
	case ta == nil:
		equal, err := sameValue(m.a, m.b)
		if equal || err != nil {
			return nil, nil, err
		}
		c := newChange(m.a, m.b, m.a.Kind.String())
		c.Within = withinNumber(m.a, m.b, o)
		if m.a.Packed && m.b.Packed {
			c.A, c.B, err = packedDifference(m.a, m.b)
		}
		return c, nil, err
	case ta.DType != tb.DType:
		c := newChange(m.a, m.b, "dtype")
		if slices.Equal(ta.Shape, tb.Shape) {
			var err error
			if c.Precision, err = precision(ctx, ta, tb); err != nil {
				return nil, nil, fmt.Errorf("%q: %w", checkpoint.Clip(m.a.Name, 80), err)
			}
		}
		return c, nil, nil
	case !slices.Equal(ta.Shape, tb.Shape):
		return newChange(m.a, m.b, "shape"), nil, nil
	case ta.Attrs != tb.Attrs:
		c := newChange(m.a, m.b, "attributes")
		c.A, c.B = c.A+" "+strconv.Quote(ta.Attrs), c.B+" "+strconv.Quote(tb.Attrs)
		return c, nil, nil
	}
	return nil, &Pair{ta, tb, o.tolerance(ta.DType)}, nil
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

// single writes the only element of a tensor, such as a counter; "" where that is of a type that it does not know.
func single(t *checkpoint.Tensor) string {
	switch t.DType {
	case checkpoint.Bool, checkpoint.Int8, checkpoint.Uint8, checkpoint.Int16, checkpoint.Uint16, checkpoint.Int32, checkpoint.Uint32,
		checkpoint.Int64, checkpoint.Uint64, checkpoint.Float32, checkpoint.Float64:
	default:
		return ""
	}
	var raw [8]byte
	element := raw[:t.Size()]
	if err := checkpoint.ReadFull(t, element, 0); err != nil {
		return "" // it was read before
	}
	return pyobject.ScalarText(t.DType, element)
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

// contentSums identify the types, shapes and bits of tensors.
func contentSums(ctx context.Context, list []*checkpoint.Entry) ([]checkpoint.Sum, error) {
	f := &checkpoint.File{Entries: make([]checkpoint.Entry, len(list))}
	for i, e := range list {
		f.Entries[i] = *e
	}
	d, err := checkpoint.Digest(ctx, f)
	if err != nil {
		return nil, err
	}
	return d.Entries, nil
}
