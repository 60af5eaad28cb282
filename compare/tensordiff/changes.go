package tensordiff

import (
	"encoding/json"
	"iter"
)

// Changes are the values that both sides have, with different content, in the order of A. There may be a hundred thousand.
type Changes struct {
	// First are those that the text form shows.
	First []Change
	// Count is how many there are, and Within how many of them a tolerance accepts.
	Count, Within int
	// Shapes counts those after the first that have another shape, as a new last layer has, and Misfits are the first of them.
	Shapes  int
	Misfits []Change

	more spilled // those after the first
}

// add enters the next change.
func (c *Changes) add(x *Change) error {
	c.Count++
	if x.Within {
		c.Within++
	}
	if len(c.First) == maxLines && x.Class == "shape" {
		if c.Shapes++; len(c.Misfits) < maxMisfits {
			c.Misfits = append(c.Misfits, *x)
		}
	}
	switch {
	case len(c.First) < maxLines:
		c.First = append(c.First, *x)
	default:
		return c.more.add(x)
	}
	return nil
}

// Elements are the JSON forms of all changes. It is an error where Options.Rest did not keep them.
func (c *Changes) Elements() iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for i := range c.First {
			if line, err := encode(&c.First[i]); !yield(line, err) {
				return
			}
		}
		c.more.each(yield)
	}
}
