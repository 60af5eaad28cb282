package msgpack

import (
	"encoding/binary"
	"io"
	"math"
	"sort"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

// parseArray reads the content of flax's types ndarray and npscalar: MessagePack of (shape, name of the type, bytes).
func parseArray(file io.ReaderAt, at, end int64) (*checkpoint.Tensor, error) {
	d := newDecoder(file, at, end, 64)
	head, err := d.next()
	if err != nil {
		return nil, err
	}
	if head.kind != array || head.n != 3 {
		return nil, checkpoint.Damaged("array without shape, type and bytes")
	}
	if head, err = d.next(); err != nil {
		return nil, err
	}
	if head.kind != array || head.n > 64 {
		return nil, checkpoint.Damaged("array without a shape")
	}
	shape := []int64{}
	for range head.n {
		extent, err := d.next()
		if err != nil {
			return nil, err
		}
		if extent.kind != integer || !extent.i.IsInt64() {
			return nil, checkpoint.Damaged("array with an extent that is no integer")
		}
		shape = append(shape, extent.i.Int64())
	}
	if head, err = d.next(); err != nil {
		return nil, err
	}
	if head.kind != text || head.n > 40 {
		return nil, checkpoint.Damaged("array without a type")
	}
	name, err := d.bytes(head.n)
	if err != nil {
		return nil, err
	}
	dtype := checkpoint.DType(name)
	if dtype.Bits() == 0 || dtype.Bits()%8 != 0 {
		return nil, checkpoint.Unsupported("array of type %q", name)
	}
	if head, err = d.next(); err != nil {
		return nil, err
	}
	if head.kind != binaries || d.at+head.n != end {
		return nil, checkpoint.Damaged("array whose bytes do not fill it")
	}
	return checkpoint.NewTensor(dtype, dtype.Bits(), shape, checkpoint.Section(file, d.at, head.n))
}

// scalarEntry returns the entry of a NumPy scalar, without its name.
func scalarEntry(t *checkpoint.Tensor) (checkpoint.Entry, error) {
	if len(t.Shape) > 0 {
		return checkpoint.Entry{}, checkpoint.Damaged("array scalar of shape %s", checkpoint.ShapeText(t.Shape))
	}
	raw := make([]byte, t.Size())
	if err := checkpoint.ReadFull(t, raw, 0); err != nil {
		return checkpoint.Entry{}, err
	}
	return checkpoint.Entry{
		Kind: checkpoint.KindNumber, Type: "numpy." + string(t.DType), Text: scalarText(t.DType, raw), Data: checkpoint.Text(string(raw)),
	}, nil
}

// scalarText writes the types that counters and rates have; any other is shown by its bytes.
func scalarText(dtype checkpoint.DType, raw []byte) string {
	le := binary.LittleEndian
	switch dtype {
	case checkpoint.Int32:
		return strconv.FormatInt(int64(int32(le.Uint32(raw))), 10)
	case checkpoint.Uint32:
		return strconv.FormatUint(uint64(le.Uint32(raw)), 10)
	case checkpoint.Int64:
		return strconv.FormatInt(int64(le.Uint64(raw)), 10)
	case checkpoint.Uint64:
		return strconv.FormatUint(le.Uint64(raw), 10)
	case checkpoint.Float32:
		return strconv.FormatFloat(float64(math.Float32frombits(le.Uint32(raw))), 'g', -1, 32)
	case checkpoint.BFloat16:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(le.Uint16(raw))<<16)), 'g', -1, 32)
	case checkpoint.Float64:
		return pyobject.FloatText(math.Float64frombits(le.Uint64(raw)))
	}
	return strconv.Quote(string(raw))
}

// chunks shows the pieces of a large array as one.
type chunks struct {
	parts []checkpoint.Data
	ends  []int64 // offset behind each part
}

func (c *chunks) add(part checkpoint.Data) {
	c.parts = append(c.parts, part)
	c.ends = append(c.ends, c.Size()+part.Size())
}

func (c *chunks) Size() int64 {
	if len(c.ends) == 0 {
		return 0
	}
	return c.ends[len(c.ends)-1]
}

func (c *chunks) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for i := sort.Search(len(c.ends), func(i int) bool { return c.ends[i] > off }); done < len(p); i++ {
		if i >= len(c.parts) {
			return done, io.EOF
		}
		start := c.ends[i] - c.parts[i].Size()
		from := off + int64(done) - start
		n := min(int64(len(p)-done), c.parts[i].Size()-from)
		if err := checkpoint.ReadFull(c.parts[i], p[done:done+int(n)], from); err != nil {
			return done, err
		}
		done += int(n)
	}
	return done, nil
}
