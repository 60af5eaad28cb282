package tensordiff

import (
	"encoding/json"
	"iter"
	"slices"
)

// mostOfReason bounds what the text form shows for one reason.
const mostOfReason = 10

// Listing is a list of values that are there for a few reasons. There may be a hundred thousand.
type Listing[T any] struct {
	// First are those that the text form shows.
	First []T
	// Count is how many there are.
	Count int

	reasons []reason
	others  int // for further reasons
	all     spilled
}

// reason is why values are in a list, and how many.
type reason struct {
	why          string
	count, shown int
}

func newListing[T any](rest *Rest) *Listing[T] { return &Listing[T]{all: spilled{rest: rest}} }

// add enters the next value.
func (l *Listing[T]) add(x T, why string) error {
	l.Count++
	i := slices.IndexFunc(l.reasons, func(r reason) bool { return r.why == why })
	switch {
	case i < 0 && len(l.reasons) == maxLines:
		l.others++
	case i < 0:
		i = len(l.reasons)
		l.reasons = append(l.reasons, reason{why: why})
		fallthrough
	default:
		r := &l.reasons[i]
		r.count++
		if r.shown < mostOfReason && len(l.First) < maxLines {
			r.shown++
			l.First = append(l.First, x)
		}
	}
	return l.all.add(&x)
}

// Elements are the JSON forms of all values. It is an error where there are more than First and Options.Rest did not keep them.
func (l *Listing[T]) Elements() iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		if l.all.rest != nil || l.Count > len(l.First) {
			l.all.each(yield)
			return
		}
		for i := range l.First {
			if line, err := encode(&l.First[i]); !yield(line, err) {
				return
			}
		}
	}
}
