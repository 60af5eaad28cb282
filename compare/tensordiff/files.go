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
	"sync"

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
	// Rest, where set, keeps the changes after those that are shown as text, as the JSON form of a Result needs.
	Rest *Rest
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
	of := namesakes(a, b)
	share(a, b, of)
	partsA, partsB := component.Classify(a).Of, component.Classify(b).Of
	al := align(a, b, of)
	if len(al.onlyA) > 0 && len(al.onlyB) > 0 {
		// A file with averaged weights alone is compared with the model that they are of.
		if !al.byPrefix(models(a, partsA, false), models(b, partsB, false)) {
			al.byPrefix(models(a, partsA, true), models(b, partsB, true))
		}
		if err := al.byContent(func(f *checkpoint.File, list []int32) ([]contentSum, error) { return contentSums(ctx, f, list) }); err != nil {
			return nil, err
		}
	}

	r := &Result{
		Schema: SchemaVersion, A: side(a), B: side(b), Changed: &Changes{more: spilled{rest: o.Rest}},
		Missing: newListing[Absence](o.Rest), Unexpected: newListing[Absence](o.Rest), Renamed: newListing[Rename](o.Rest),
		Structure: structure(a, b), Container: container(a, b, of),
	}
	if distributed(a) != distributed(b) {
		r.forgiveKeys(al.matches)
	}
	orderA, orderB := newOrdering(a, partsA), newOrdering(b, partsB)
	orderA.follow(orderB, al.matches)
	// What differs is told in this order, the model first and its layers as they follow each other.
	slices.SortFunc(al.matches, func(x, y match) int { return orderA.compare(x.a, y.a) })
	for _, m := range al.matches {
		if m.why != "" {
			if err := r.Renamed.add(Rename{a.Entries[m.a].Name, b.Entries[m.b].Name, m.why}, m.why); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(al.onlyA, orderA.compare)
	slices.SortFunc(al.onlyB, orderB.compare)
	if err := (owner{a, partsA, true}).absences(al.onlyA, r.Missing); err != nil {
		return nil, err
	}
	if err := (owner{b, partsB, false}).absences(al.onlyB, r.Unexpected); err != nil {
		return nil, err
	}
	if err := r.compareMatches(ctx, al, partsA, o); err != nil {
		return nil, err
	}
	var err error
	if r.Generators, err = generators(a, b, of, partsA); err != nil {
		return nil, err
	}
	if r.Verdict = r.verdict(); r.Verdict == SameContent {
		r.Container = append(r.Container, classesThatDiffer(a, b)...)
	}
	return r, nil
}

// share lets entries of two files that are alike hold their names and shapes once.
func share(a, b *checkpoint.File, of []int32) {
	for i, j := range of {
		if j < 0 {
			continue
		}
		x, y := &a.Entries[i], &b.Entries[j]
		y.Name = x.Name
		if slices.Equal(x.Shape, y.Shape) {
			y.Shape = x.Shape
		}
	}
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

// models marks the tensors of the model, and those of its average where that is asked for.
func models(f *checkpoint.File, of []component.ID, averaged bool) marks {
	m := make(marks, len(f.Entries))
	for i, id := range of {
		m[i] = f.Entries[i].Kind == checkpoint.KindTensor && (id == component.Model || averaged && id == component.EMA)
	}
	return m
}

func (r *Result) verdict() Verdict {
	if r.Missing.Count+r.Unexpected.Count+r.Renamed.Count+len(r.Structure) > 0 {
		return Different
	}
	switch {
	case r.Changed.Count > r.Changed.Within:
		return Different
	case r.Changed.Count > 0:
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

// compareMatches counts the values that are equal and enters the others, in their order.
func (r *Result) compareMatches(ctx context.Context, al *alignment, parts []component.ID, o Options) error {
	// What is known of each pair while it is compared is held for so many at a time.
	const together = 2048
	for part := range slices.Chunk(al.matches, together) {
		changes := make([]*Change, len(part))
		var pairs []Pair
		var compared []int // of part
		for n, m := range part {
			c, pair, err := compareMatch(ctx, &al.a.Entries[m.a], &al.b.Entries[m.b], o)
			if err != nil {
				return err
			}
			if changes[n] = c; pair != nil {
				pairs, compared = append(pairs, *pair), append(compared, n)
			}
		}
		stats, err := Tensors(ctx, pairs)
		if err != nil {
			return err
		}
		for k, n := range compared {
			s, pair := &stats[k], pairs[k]
			if s.Equal() {
				r.EqualTensors++
				continue
			}
			c := newChange(&al.a.Entries[part[n].a], &al.b.Entries[part[n].b], "values")
			c.fill(s, pair.A.Shape)
			if s.Elements == 1 {
				c.ValueA, c.ValueB = single(pair.A), single(pair.B)
			}
			changes[n] = c
		}
		for n, c := range changes {
			if c == nil {
				r.Equal++
				continue
			}
			c.Part = parts[part[n].a]
			if err := r.Changed.add(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func newChange(a, b *checkpoint.Entry, class string) *Change {
	return &Change{Name: a.Name, Class: class, A: describe(a), B: describe(b)}
}

// compareMatch returns how two values differ, nil where they are equal, or the pair of tensors whose elements tell.
func compareMatch(ctx context.Context, a, b *checkpoint.Entry, o Options) (*Change, *Pair, error) {
	ta, tb := a.Tensor(), b.Tensor()
	switch {
	case (ta == nil) != (tb == nil) || a.Kind != b.Kind:
		return newChange(a, b, "kind"), nil, nil
	case ta == nil:
		equal, err := sameValue(a, b)
		if equal || err != nil {
			return nil, nil, err
		}
		c := newChange(a, b, a.Kind.String())
		c.Within = withinNumber(a, b, o)
		if a.Packed && b.Packed {
			c.A, c.B, err = packedDifference(a, b)
		} else {
			err = c.excerpts(a, b)
		}
		return c, nil, err
	case ta.DType != tb.DType:
		c := newChange(a, b, "dtype")
		if slices.Equal(ta.Shape, tb.Shape) {
			var err error
			if c.Precision, err = precision(ctx, ta, tb); err != nil {
				return nil, nil, fmt.Errorf("%q: %w", checkpoint.Clip(a.Name, 80), err)
			}
		}
		return c, nil, nil
	case !slices.Equal(ta.Shape, tb.Shape):
		return newChange(a, b, "shape"), nil, nil
	case ta.Attrs != tb.Attrs:
		c := newChange(a, b, "attributes")
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

// valueBuffers are passed on from one value to the next, of which a file may have a hundred thousand.
var valueBuffers = sync.Pool{New: func() any { return new([2][16 << 10]byte) }}

// sameValue compares values that are no tensors.
func sameValue(a, b *checkpoint.Entry) (bool, error) {
	if a.Type != b.Type || a.Data.Size() != b.Data.Size() {
		return false, nil
	}
	buffers := valueBuffers.Get().(*[2][16 << 10]byte)
	defer valueBuffers.Put(buffers)
	x, y := buffers[0][:], buffers[1][:]
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

// floatNumbers are the types of floating-point numbers that are no tensors, by what Python and NumPy call them.
var floatNumbers = map[string]checkpoint.DType{
	"float": checkpoint.Float64, "numpy.float64": checkpoint.Float64, "numpy.float32": checkpoint.Float32, "numpy.float16": checkpoint.Float16,
}

// withinNumber applies the tolerance to floating-point numbers of one type.
func withinNumber(a, b *checkpoint.Entry, o Options) bool {
	dtype, ok := floatNumbers[a.Type]
	if !ok || a.Type != b.Type {
		return false
	}
	x, errX := strconv.ParseFloat(a.Text, 64)
	y, errY := strconv.ParseFloat(b.Text, 64)
	tol := o.tolerance(dtype)
	return errX == nil && errY == nil && tol != (Tolerance{}) && !math.IsInf(x-y, 0) && math.Abs(y-x) <= tol.ATol+tol.RTol*math.Abs(x)
}

// contentSum is the first half of a Sum, which is enough to tell the values of two files from each other.
type contentSum [len(checkpoint.Sum{}) / 2]byte

// contentSums identify the types, shapes and bits of tensors.
func contentSums(ctx context.Context, f *checkpoint.File, list []int32) ([]contentSum, error) {
	const together = 8192 // entries that are held twice
	sums := make([]contentSum, 0, len(list))
	for part := range slices.Chunk(list, together) {
		some := &checkpoint.File{Entries: make([]checkpoint.Entry, len(part))}
		for n, i := range part {
			some.Entries[n] = f.Entries[i]
		}
		d, err := checkpoint.Digest(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, s := range d.Entries {
			sums = append(sums, contentSum(s[:len(contentSum{})]))
		}
	}
	return sums, nil
}
