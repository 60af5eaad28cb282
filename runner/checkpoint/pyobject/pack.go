package pyobject

import (
	"encoding/binary"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// The tags of packed values.
const (
	tagFloat  = 'f' // 8 bytes
	tagString = 's' // a length of 8 bytes and the text
	tagRepr   = 'r' // the same
)

// pack writes a long sequence of plain values as tags and values; ok is false where a member is a container.
func (w *walker) pack(items []pickle.Value) (packed string, ok bool, err error) {
	size, ok := packedSize(items, w.holdable())
	if !ok {
		return "", false, nil
	}
	if size > w.holdable() {
		return "", false, w.hold(size)
	}
	var b strings.Builder
	b.Grow(int(size))
	for _, item := range items {
		switch v := item.(type) {
		case float64:
			b.WriteByte(tagFloat)
			b.WriteString(FloatBytes(v))
		case string:
			head(&b, tagString, int64(len(v)))
			b.WriteString(v)
		case *pickle.Text:
			head(&b, tagString, v.Len)
			n, err := io.Copy(&b, io.NewSectionReader(w.src.File, v.Off, v.Len))
			if err == nil && n < v.Len {
				err = checkpoint.Damaged("the file ends within a text")
			}
			if err != nil {
				return "", false, err
			}
		default:
			text, _ := scalarText(v)
			head(&b, tagRepr, int64(len(text)))
			b.WriteString(text)
		}
	}
	return b.String(), true, nil
}

// packedSize is how many bytes pack writes, or some number above most where they are more.
func packedSize(items []pickle.Value, most int64) (size int64, ok bool) {
	for _, item := range items {
		if size > most {
			break
		}
		switch v := item.(type) {
		case float64:
			size += headSize
		case string:
			size += headSize + int64(len(v))
		case *pickle.Text:
			size += headSize + v.Len
		default:
			text, ok := scalarText(v)
			if !ok {
				return 0, false
			}
			size += headSize + int64(len(text))
		}
	}
	return size, true
}

// headSize is a tag and the length of a text, or a float.
const headSize = 9

func head(b *strings.Builder, tag byte, length int64) {
	b.WriteByte(tag)
	b.Write(binary.LittleEndian.AppendUint64(nil, uint64(length)))
}

// Unpack yields the members of an entry that is Packed, written as Python does. It stops with an error where the data are
// not what pack writes.
func Unpack(d checkpoint.Data) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var field [8]byte
		for off := int64(0); off < d.Size(); {
			if err := checkpoint.ReadFull(d, field[:1], off); err != nil {
				yield("", err)
				return
			}
			tag := field[0]
			if err := checkpoint.ReadFull(d, field[:], off+1); err != nil {
				yield("", err)
				return
			}
			off += 9
			n := binary.LittleEndian.Uint64(field[:])
			var text string
			switch {
			case tag == tagFloat:
				text = FloatText(math.Float64frombits(n))
			case tag != tagString && tag != tagRepr || n > uint64(d.Size()-off):
				yield("", checkpoint.Damaged("packed values are cut short"))
				return
			default:
				p := make([]byte, n)
				if err := checkpoint.ReadFull(d, p, off); err != nil {
					yield("", err)
					return
				}
				off += int64(n)
				if text = string(p); tag == tagString {
					text = strconv.Quote(text)
				}
			}
			if !yield(text, nil) {
				return
			}
		}
	}
}
