package tensordiff

import (
	"encoding/hex"
	"io"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// shown is how much of a long text an excerpt has, and before how much of it lies before the first difference.
const (
	shown  = 60
	before = 20
)

// excerpts replaces what describes two long texts, or bytes, by what is around their first difference.
func (c *Change) excerpts(a, b *checkpoint.Entry) error {
	if a.Kind != checkpoint.KindString && a.Kind != checkpoint.KindBytes || a.Type != b.Type ||
		a.Kind == checkpoint.KindString && max(a.Data.Size(), b.Data.Size()) <= shown {
		return nil
	}
	at, err := firstDifference(a.Data, b.Data)
	if err != nil {
		return err
	}
	c.FirstByte = &at
	if c.A, err = excerpt(a, at); err != nil {
		return err
	}
	c.B, err = excerpt(b, at)
	return err
}

// firstDifference returns the offset of the first byte in which two values differ, or at which one of them ends.
func firstDifference(a, b checkpoint.Data) (int64, error) {
	buffers := valueBuffers.Get().(*[2][16 << 10]byte)
	defer valueBuffers.Put(buffers)
	end := min(a.Size(), b.Size())
	for off := int64(0); off < end; {
		n := min(int64(len(buffers[0])), end-off)
		x, y := buffers[0][:n], buffers[1][:n]
		if err := checkpoint.ReadFull(a, x, off); err != nil {
			return 0, err
		}
		if err := checkpoint.ReadFull(b, y, off); err != nil {
			return 0, err
		}
		for i := range x {
			if x[i] != y[i] {
				return off + int64(i), nil
			}
		}
		off += n
	}
	return end, nil
}

// excerpt writes what is around an offset: characters of a text, the next eight bytes of others.
func excerpt(e *checkpoint.Entry, at int64) (string, error) {
	size := e.Data.Size()
	if e.Kind == checkpoint.KindBytes {
		p := make([]byte, min(8, size-at))
		_, err := io.ReadFull(io.NewSectionReader(e.Data, at, int64(len(p))), p)
		return strings.TrimSpace(strconv.FormatInt(size, 10) + " bytes " + hex.EncodeToString(p)), err
	}
	from := max(0, at-before)
	p := make([]byte, min(shown, size-from))
	if _, err := io.ReadFull(io.NewSectionReader(e.Data, from, int64(len(p))), p); err != nil {
		return "", err
	}
	text := strings.ToValidUTF8(string(p), "")
	if from > 0 {
		text = "…" + text
	}
	if from+int64(len(p)) < size {
		text += "…"
	}
	return strconv.Quote(text), nil
}
