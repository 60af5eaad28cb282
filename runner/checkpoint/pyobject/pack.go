package pyobject

import (
	"encoding/binary"
	"iter"
	"math"
	"strconv"

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
	var b []byte
	for _, item := range items {
		if int64(len(b)) > w.held {
			return "", false, w.hold(int64(len(b)))
		}
		switch v := item.(type) {
		case float64:
			b = append(b, tagFloat)
			b = append(b, FloatBytes(v)...)
		case string:
			b = appendText(b, tagString, v)
		case *pickle.Text:
			if err := w.hold(v.Len); err != nil {
				return "", false, err
			}
			text := make([]byte, v.Len)
			if err := checkpoint.ReadFull(w.src.File, text, v.Off); err != nil {
				return "", false, err
			}
			b = appendText(b, tagString, string(text))
		default:
			text, ok := scalarText(v)
			if !ok {
				return "", false, nil
			}
			b = appendText(b, tagRepr, text)
		}
	}
	return string(b), true, nil
}

func appendText(b []byte, tag byte, text string) []byte {
	b = append(b, tag)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(text)))
	return append(b, text...)
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
