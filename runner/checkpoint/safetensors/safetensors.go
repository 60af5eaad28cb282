// Package safetensors reads Hugging Face's safetensors: the length of a JSON header, the header, the tensors.
package safetensors

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/strictjson"
)

const (
	// maxHeader is that of the reference implementation. Headers are read from front to back and not held.
	maxHeader = 100 << 20
	// maxText bounds a string of the header; some programs keep pictures and lists of files in the metadata.
	maxText = 8 << 20
	// maxTensors and maxHeld bound what is held of a header: its tensors, and the bytes of their names and shapes.
	maxTensors = 1 << 17
	maxHeld    = 16 << 20
	// maxType bounds the name of a type of the future.
	maxType = 40
)

// Reader reads safetensors files.
type Reader struct{}

// Format returns "safetensors".
func (Reader) Format() string { return "safetensors" }

// Sniff looks for a plausible length with a JSON object behind it.
func (Reader) Sniff(head []byte, _ string, size int64) bool {
	if len(head) < 9 || head[8] != '{' {
		return false
	}
	n := binary.LittleEndian.Uint64(head)
	return n >= 2 && n <= 100<<20
}

// Open reads the header and checks that the tensors fill the file without gaps or overlaps.
func (Reader) Open(_ context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	var prefix [8]byte
	if err := checkpoint.ReadFull(r, prefix[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > uint64(size-8) {
		return nil, checkpoint.Damaged("header of %d bytes in a file of %d", n, size)
	}
	if n > maxHeader {
		return nil, checkpoint.Limit("header of %d bytes", n)
	}
	text := io.NewSectionReader(r, 8, int64(n))
	if err := strictjson.CheckReader(text, maxText); err != nil {
		return nil, err
	}
	if _, err := text.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	h := &header{file: r, start: 8 + int64(n), size: size - 8 - int64(n), f: &checkpoint.File{Format: "safetensors"}, shapes: checkpoint.Shapes{}}
	h.f.Entries = append(h.f.Entries, checkpoint.Entry{Kind: checkpoint.KindObject, Type: "dict", Structure: true})
	d := json.NewDecoder(text)
	d.UseNumber()
	if err := h.parse(d); err != nil {
		return nil, err
	}
	count := strconv.Itoa(len(h.begin))
	h.f.Entries[0].Text, h.f.Entries[0].Data = count, checkpoint.Text(count)
	return h.f, h.checkLayout()
}

// header is a header that is being read.
type header struct {
	file        io.ReaderAt
	start, size int64 // of the data behind the header
	f           *checkpoint.File
	begin       []int64 // of each tensor in the data; the file's entries are the root and the tensors
	held        int
	shapes      checkpoint.Shapes
}

func (h *header) hold(n int) error {
	if h.held += n; h.held > maxHeld || len(h.begin) > maxTensors {
		return checkpoint.Limit("header of more than %d tensors, or with names and shapes of more than %d MiB", maxTensors, maxHeld>>20)
	}
	return nil
}

// add enters a tensor by its description in the header.
func (h *header) add(name, typ string, shape []int64, begin, end int64) error {
	if err := h.hold(len(name) + 8*len(shape)); err != nil {
		return err
	}
	if len(typ) > maxType { // of which two could not be told apart if they were shortened
		return checkpoint.Damaged("type with a name of %d bytes", len(typ))
	}
	if end < begin {
		return checkpoint.Damaged("ends before it begins")
	}
	if end > h.size {
		return checkpoint.Damaged("passes the end of the file")
	}
	t, err := tensor(dtypeOf(typ), h.shapes.Shared(shape), checkpoint.Section(h.file, h.start+begin, end-begin))
	if err != nil {
		return err
	}
	h.begin = append(h.begin, begin)
	h.f.Entries = append(h.f.Entries, checkpoint.TensorEntry(keypath.Join("", name), t))
	return nil
}

func tensor(dtype checkpoint.DType, shape []int64, data checkpoint.Data) (*checkpoint.Tensor, error) {
	n, err := checkpoint.Elements(shape)
	if err != nil {
		return nil, err
	}
	if bits := dtype.Bits(); bits > 0 {
		if bits < 8 && n*int64(bits)%8 != 0 {
			return nil, checkpoint.Damaged("%s%s does not fill its last byte", dtype, checkpoint.ShapeText(shape))
		}
		return checkpoint.NewTensor(dtype, bits, shape, data)
	}
	// A type of the future: its bytes can be compared, nothing more.
	return &checkpoint.Tensor{DType: dtype, Shape: shape, Data: data}, nil
}

func dtypeOf(name string) checkpoint.DType {
	switch name {
	case "BOOL":
		return checkpoint.Bool
	case "U8":
		return checkpoint.Uint8
	case "I8":
		return checkpoint.Int8
	case "U16":
		return checkpoint.Uint16
	case "I16":
		return checkpoint.Int16
	case "U32":
		return checkpoint.Uint32
	case "I32":
		return checkpoint.Int32
	case "U64":
		return checkpoint.Uint64
	case "I64":
		return checkpoint.Int64
	case "F16":
		return checkpoint.Float16
	case "BF16":
		return checkpoint.BFloat16
	case "F32":
		return checkpoint.Float32
	case "F64":
		return checkpoint.Float64
	case "C64":
		return checkpoint.Complex64
	case "F8_E4M3":
		return checkpoint.Float8E4M3FN
	case "F8_E5M2":
		return checkpoint.Float8E5M2
	case "F8_E4M3FNUZ":
		return checkpoint.Float8E4M3FNUZ
	case "F8_E5M2FNUZ":
		return checkpoint.Float8E5M2FNUZ
	case "F8_E8M0":
		return checkpoint.Float8E8M0FNU
	case "F4":
		return "float4_e2m1fn"
	case "F6_E2M3":
		return "float6_e2m3fn"
	case "F6_E3M2":
		return "float6_e3m2fn"
	}
	return checkpoint.DType("safetensors:" + name)
}

// checkLayout requires the tensors to have names of their own and to cover the data exactly, as the format demands.
func (h *header) checkLayout() error {
	if twice := checkpoint.RepeatedNames(h.f.Entries[1:]); len(twice) > 0 {
		return checkpoint.Damaged("header has the key %q twice", checkpoint.Clip(h.f.Entries[1+twice[0]].Name, 80))
	}
	order := make([]int32, len(h.begin))
	for i := range order {
		order[i] = int32(i)
	}
	end := func(i int32) int64 { return h.begin[i] + h.f.Entries[1+i].Data.Size() }
	slices.SortFunc(order, func(i, j int32) int {
		return cmp.Or(cmp.Compare(h.begin[i], h.begin[j]), cmp.Compare(end(i), end(j)))
	})
	at := int64(0)
	for _, i := range order {
		name := checkpoint.Clip(h.f.Entries[1+i].Name, 80)
		switch begin := h.begin[i]; {
		case begin < at:
			return checkpoint.Damaged("tensor %q overlaps another one", name)
		case begin > at:
			return checkpoint.Damaged("%d bytes before tensor %q belong to no tensor", begin-at, name)
		}
		at = end(i)
	}
	if at != h.size {
		return checkpoint.Damaged("the tensors take %d bytes, the file has %d", at, h.size)
	}
	return nil
}

// parse reads the header token by token, because encoding/json keeps the last of two equal keys.
func (h *header) parse(d *json.Decoder) error {
	metadata := false
	err := eachMember(d, func(name string) error {
		if name == "__metadata__" {
			if metadata {
				return checkpoint.Damaged("header has the key %q twice", name)
			}
			metadata = true
			return h.metadata(d)
		}
		if err := h.description(d, name); err != nil {
			return fmt.Errorf("tensor %q: %w", checkpoint.Clip(name, 80), err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return checkpoint.Damaged("header goes on behind its object")
	}
	return nil
}

func (h *header) metadata(d *json.Decoder) error {
	seen := map[string]bool{}
	return eachMember(d, func(key string) error {
		if seen[key] {
			return checkpoint.Damaged("header has the key %q twice", checkpoint.Clip(key, 80))
		}
		seen[key] = true
		value, err := stringToken(d)
		if err != nil {
			return err
		}
		fact := checkpoint.Fact{Key: "metadata " + checkpoint.Clip(key, 200), Value: checkpoint.Clip(value, 1000)}
		h.f.Facts = append(h.f.Facts, fact)
		return h.hold(len(key) + len(fact.Value) + 100)
	})
}

// description reads the properties of one tensor.
func (h *header) description(d *json.Decoder, name string) error {
	var typ string
	var shape, offsets []int64
	err := eachMember(d, func(key string) (err error) {
		twice := false
		switch key {
		case "dtype":
			twice = typ != ""
			typ, err = stringToken(d)
		case "shape":
			twice = shape != nil
			shape, err = integers(d)
		case "data_offsets":
			twice = offsets != nil
			if offsets, err = integers(d); err == nil && len(offsets) != 2 {
				err = checkpoint.Damaged("%d offsets", len(offsets))
			}
		default:
			err = checkpoint.Unsupported("property %q", checkpoint.Clip(key, 40))
		}
		if twice && err == nil {
			err = checkpoint.Damaged("header has the key %q twice", key)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case typ == "" || shape == nil || offsets == nil:
		return checkpoint.Damaged("without type, shape or offsets")
	}
	return h.add(name, typ, shape, offsets[0], offsets[1])
}

// eachMember calls visit for every key of an object, which reads the value.
func eachMember(d *json.Decoder, visit func(key string) error) error {
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return checkpoint.Damaged("header: an object is missing before offset %d", d.InputOffset())
	}
	for d.More() {
		key, err := stringToken(d)
		if err != nil {
			return err
		}
		if err := visit(key); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return checkpoint.Damaged("header: %v", err)
	}
	return nil
}

func stringToken(d *json.Decoder) (string, error) {
	tok, err := d.Token()
	s, ok := tok.(string)
	if err != nil || !ok {
		return "", checkpoint.Damaged("header: a string is missing before offset %d", d.InputOffset())
	}
	return s, nil
}

func integers(d *json.Decoder) ([]int64, error) {
	if tok, err := d.Token(); err != nil || tok != json.Delim('[') {
		return nil, checkpoint.Damaged("header: a list is missing before offset %d", d.InputOffset())
	}
	list := []int64{}
	for d.More() {
		tok, err := d.Token()
		n, ok := tok.(json.Number)
		if err != nil || !ok {
			return nil, checkpoint.Damaged("header: a number is missing before offset %d", d.InputOffset())
		}
		v, err := strconv.ParseInt(n.String(), 10, 64)
		if err != nil || v < 0 || len(list) >= 64 {
			return nil, checkpoint.Damaged("header: bad list of sizes before offset %d", d.InputOffset())
		}
		list = append(list, v)
	}
	_, err := d.Token()
	if err != nil {
		return nil, checkpoint.Damaged("header: %v", err)
	}
	return list, nil
}
