package lint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// prefixes looks for names that a wrapper of the model left.
func (c *Checker) prefixes(file string, f *checkpoint.File, anatomy *component.Anatomy) {
	count, example := 0, ""
	for i := range f.Entries {
		e := &f.Entries[i]
		if anatomy.Of[i] != component.Model || e.Tensor() == nil {
			continue
		}
		path := component.Path(e.Name)
		for at, key := range path[:max(len(path)-1, 0)] {
			if at > 2 || key != "module" && key != "_orig_mod" {
				continue
			}
			// DeepSpeed's own layout keeps the model under the key "module".
			if key == "module" && anatomy.Layout == "deepspeed" && at == 0 {
				continue
			}
			c.wrapped = c.wrapped || key == "module"
			if count == 0 {
				example = e.Name
			}
			count++
			break
		}
	}
	if count > 0 {
		c.damage = append(c.damage, Damage{Rule: "CK105", File: file, Name: example, Text: fmt.Sprintf("%d names have a wrapper's prefix", count)})
	}
}

// values reads all weights and moments for NaN and infinities, and the container for its checksums.
func (c *Checker) values(ctx context.Context, file string, f *checkpoint.File) error {
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
		n, err := countNonFinite(ctx, t, buf)
		var damaged *checkpoint.DamagedError
		switch {
		case errors.As(err, &damaged):
			c.damage = append(c.damage, Damage{Rule: "CK102", File: file, Name: e.Name, Text: err.Error()})
		case err != nil:
			return fmt.Errorf("reading %q of %s: %w", checkpoint.Clip(e.Name, 80), file, err)
		case n > 0 && !isMask(e.Name):
			c.damage = append(c.damage, Damage{Rule: "CK103", File: file, Name: e.Name, Text: fmt.Sprintf("%d elements are NaN or infinite", n)})
		}
	}
	return nil
}

// isMask knows buffers that hold infinities on purpose.
func isMask(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return strings.Contains(last, "mask")
}

// countNonFinite counts elements of IEEE types, parts of complex ones, whose exponent has all bits set.
func countNonFinite(ctx context.Context, t *checkpoint.Tensor, buf []byte) (count int64, err error) {
	var size int64
	var nonFinite func(p []byte) bool
	le := binary.LittleEndian
	switch t.DType {
	case checkpoint.Float32, checkpoint.Complex64:
		size, nonFinite = 4, func(p []byte) bool { return le.Uint32(p)&0x7f800000 == 0x7f800000 }
	case checkpoint.Float64, checkpoint.Complex128:
		size, nonFinite = 8, func(p []byte) bool { return le.Uint64(p)&0x7ff0000000000000 == 0x7ff0000000000000 }
	case checkpoint.Float16, checkpoint.Complex32:
		size, nonFinite = 2, func(p []byte) bool { return le.Uint16(p)&0x7c00 == 0x7c00 }
	case checkpoint.BFloat16:
		size, nonFinite = 2, func(p []byte) bool { return le.Uint16(p)&0x7f80 == 0x7f80 }
	default:
		return 0, nil
	}
	for off := int64(0); off < t.Size(); {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		p := buf[:min(int64(len(buf)), t.Size()-off)]
		if err := checkpoint.ReadFull(t, p, off); err != nil {
			return 0, err
		}
		for i := int64(0); i+size <= int64(len(p)); i += size {
			if nonFinite(p[i:]) {
				count++
			}
		}
		off += int64(len(p))
	}
	return count, nil
}
