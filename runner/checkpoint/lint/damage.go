package lint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// prefixes looks for names that a wrapper of the model left: a key that every tensor of a state dictionary has. The key of
// the dictionary itself, such as DeepSpeed's "module", is none, nor is the "module" of an AveragedModel beside its counter.
func (c *Checker) prefixes(file string, f *checkpoint.File, anatomy *component.Anatomy) {
	own := map[string]bool{}
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Structure {
			own[e.Name] = true
		}
		if parent, ok := strings.CutSuffix(e.Name, "n_averaged"); ok {
			own[parent+"module"] = true
		}
	}
	type group struct {
		all, count   int
		key, example string
	}
	groups := map[string]*group{} // by what stands before the prefix
	for i := range f.Entries {
		e := &f.Entries[i]
		if anatomy.Of[i] != component.Model || e.Tensor() == nil {
			continue
		}
		before, rest := "", e.Name
		for depth := 0; depth < 3; depth++ {
			g := groups[before]
			if g == nil {
				g = &group{}
				groups[before] = g
			}
			g.all++
			key, after, ok := strings.Cut(rest, ".")
			if !ok {
				break
			}
			before, rest = strings.TrimPrefix(before+"."+key, "."), after
			if (key == "module" || key == "_orig_mod") && !own[before] && (anatomy.Layout != "deepspeed" || depth > 0) {
				if g.count == 0 {
					g.key, g.example = key, e.Name
				}
				g.count++
				break
			}
		}
	}
	count, example := 0, ""
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		if g.count == 0 || g.count < g.all {
			continue
		}
		if c.wrapped = c.wrapped || g.key == "module"; count == 0 {
			example = g.example
		}
		count += g.count
	}
	if count > 0 {
		c.damage = append(c.damage, Damage{Rule: "CK105", File: file, Name: example, Text: fmt.Sprintf("%d names have a wrapper's prefix", count)})
	}
}

// values reads all weights and moments for NaN and infinities, and the container for its checksums.
func (c *Checker) values(ctx context.Context, file string, f *checkpoint.File, anatomy *component.Anatomy) error {
	if f.Verify != nil {
		if err := f.Verify(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.damage = append(c.damage, Damage{Rule: "CK102", File: file, Text: err.Error()})
		}
	}
	buf := make([]byte, 256<<10)
	for i := range f.Entries {
		e := &f.Entries[i]
		t := e.Tensor()
		if t == nil {
			continue
		}
		n, err := nonFinite(ctx, t, buf)
		var damaged *checkpoint.DamagedError
		switch {
		case errors.As(err, &damaged):
			c.damage = append(c.damage, Damage{Rule: "CK102", File: file, Name: e.Name, Text: err.Error()})
		case err != nil:
			return fmt.Errorf("reading %q of %s: %w", checkpoint.Clip(e.Name, 80), file, err)
		case n.any() && isWeight(anatomy.Of[i]) && !endless(e.Name) && !n.mask:
			c.damage = append(c.damage, Damage{Rule: "CK103", File: file, Name: e.Name, Text: n.text(t.Shape)})
		}
	}
	return nil
}

// isWeight reports whether a number that is not finite is a fault. A best metric may be infinite before there is one.
func isWeight(id component.ID) bool {
	return id == component.Model || id == component.EMA || id == component.Optimizer
}

// endless knows buffers that hold infinities on purpose: masks, and the ranges of quantisation's observers before they
// have seen a value.
func endless(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return strings.Contains(last, "mask") || strings.Contains(last, "alibi") || last == "min_val" || last == "max_val"
}
