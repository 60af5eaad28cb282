// Package safetensors reads Hugging Face's safetensors: the length of a JSON header, the header, the tensors.
package safetensors

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/strictjson"
)

// maxHeader is far above any header in use (2,000 tensors take about 200 kB), and keeps the memory of parsing one small.
// The reference implementation stops at 100 MB.
const maxHeader = 8 << 20

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

// tensorInfo is one tensor's description in the header.
type tensorInfo struct {
	name       string
	dtype      string
	shape      []int64
	begin, end int64
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
	text := make([]byte, n)
	if err := checkpoint.ReadFull(r, text, 8); err != nil {
		return nil, err
	}
	f := &checkpoint.File{Format: "safetensors"}
	infos, err := parseHeader(text, f)
	if err != nil {
		return nil, err
	}
	start := 8 + int64(n)
	if err := checkLayout(infos, size-start); err != nil {
		return nil, err
	}
	f.Entries = append(f.Entries, checkpoint.Entry{
		Kind: checkpoint.KindObject, Type: "dict", Text: strconv.Itoa(len(infos)), Structure: true,
		Data: checkpoint.Text(strconv.Itoa(len(infos))),
	})
	for _, info := range infos {
		t, err := info.tensor(r, start)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", checkpoint.Clip(info.name, 80), err)
		}
		f.Entries = append(f.Entries, checkpoint.Entry{Name: info.name, Kind: checkpoint.KindTensor, Type: string(t.DType), Data: t})
	}
	return f, nil
}

func (info *tensorInfo) tensor(r io.ReaderAt, start int64) (*checkpoint.Tensor, error) {
	dtype := dtypeOf(info.dtype)
	data := checkpoint.Section(r, start+info.begin, info.end-info.begin)
	if bits := dtype.Bits(); bits > 0 {
		if n, err := checkpoint.Elements(info.shape); err == nil && bits < 8 && n*int64(bits)%8 != 0 {
			return nil, checkpoint.Damaged("%s%s does not fill its last byte", dtype, checkpoint.ShapeText(info.shape))
		}
		return checkpoint.NewTensor(dtype, bits, info.shape, data)
	}
	// A type of the future: its bytes can be compared, nothing more.
	if _, err := checkpoint.Elements(info.shape); err != nil {
		return nil, err
	}
	return &checkpoint.Tensor{DType: dtype, Shape: info.shape, Data: data}, nil
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
	return checkpoint.DType("safetensors:" + checkpoint.Clip(name, 40))
}

// checkLayout requires the tensors to cover the data exactly, as the format demands.
func checkLayout(infos []tensorInfo, size int64) error {
	byBegin := slices.Clone(infos)
	slices.SortFunc(byBegin, func(a, b tensorInfo) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	at := int64(0)
	for _, info := range byBegin {
		switch {
		case info.end < info.begin:
			return checkpoint.Damaged("tensor %q ends before it begins", checkpoint.Clip(info.name, 80))
		case info.begin < at:
			return checkpoint.Damaged("tensor %q overlaps another one", checkpoint.Clip(info.name, 80))
		case info.begin > at:
			return checkpoint.Damaged("%d bytes before tensor %q belong to no tensor", info.begin-at, checkpoint.Clip(info.name, 80))
		}
		at = info.end
	}
	if at != size {
		return checkpoint.Damaged("the tensors take %d bytes, the file has %d", at, size)
	}
	return nil
}

// parseHeader reads the header token by token, because encoding/json keeps the last of two equal keys.
func parseHeader(text []byte, f *checkpoint.File) ([]tensorInfo, error) {
	if err := strictjson.Check(text); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var infos []tensorInfo
	err := eachMember(d, func(name string) error {
		if name == "__metadata__" {
			return eachMember(d, func(key string) error {
				value, err := stringToken(d)
				f.Facts = append(f.Facts, checkpoint.Fact{Key: "metadata " + checkpoint.Clip(key, 200), Value: checkpoint.Clip(value, 1000)})
				return err
			})
		}
		info := tensorInfo{name: name, begin: -1, end: -1}
		err := eachMember(d, func(key string) (err error) {
			switch key {
			case "dtype":
				info.dtype, err = stringToken(d)
			case "shape":
				info.shape, err = integers(d)
			case "data_offsets":
				var off []int64
				if off, err = integers(d); err == nil && len(off) != 2 {
					err = checkpoint.Damaged("%d offsets", len(off))
				}
				if err == nil {
					info.begin, info.end = off[0], off[1]
				}
			default:
				err = checkpoint.Unsupported("property %q", checkpoint.Clip(key, 40))
			}
			return err
		})
		if err == nil && (info.dtype == "" || info.shape == nil || info.begin < 0) {
			err = checkpoint.Damaged("without type, shape or offsets")
		}
		if err != nil {
			return fmt.Errorf("tensor %q: %w", checkpoint.Clip(name, 80), err)
		}
		infos = append(infos, info)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, checkpoint.Damaged("header goes on behind its object")
	}
	return infos, nil
}

// eachMember calls visit for every key of an object, which reads the value.
func eachMember(d *json.Decoder, visit func(key string) error) error {
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return checkpoint.Damaged("header: an object is missing before offset %d", d.InputOffset())
	}
	seen := map[string]struct{}{}
	for d.More() {
		key, err := stringToken(d)
		if err != nil {
			return err
		}
		if _, ok := seen[key]; ok {
			return checkpoint.Damaged("header has the key %q twice", checkpoint.Clip(key, 80))
		}
		seen[key] = struct{}{}
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
