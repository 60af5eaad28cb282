package lint

import (
	"context"
	"encoding/binary"
	"math"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

func TestNonFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	f32 := func(values ...float32) (b string) {
		for _, v := range values {
			b += string(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
		}
		return b
	}
	for name, test := range map[string]struct {
		dtype checkpoint.DType
		data  string
		want  string
		mask  bool
	}{
		"finite":              {checkpoint.Float32, f32(1, 0, math.MaxFloat32, -1), "", false},
		"NaN":                 {checkpoint.Float32, f32(1, 0, nan, -1), "1 NaN, the first at [1,0]", false},
		"both":                {checkpoint.Float32, f32(1, -inf, nan, inf), "1 NaN and 2 infinite, the first at [0,1]", false},
		"mask":                {checkpoint.Float32, f32(0, -inf, 0, 0), "1 infinite, the first at [0,1]", true},
		"mask of other signs": {checkpoint.Float32, f32(0, inf, 0, 0), "1 infinite, the first at [0,1]", false},
		"with weights":        {checkpoint.Float32, f32(0, -inf, 0, 1), "1 infinite, the first at [0,1]", false},
		"complex":             {checkpoint.Complex64, f32(0, 0, 0, 0, 0, nan, 0, 0), "1 NaN, the first at [1,0]", false},
		"bfloat16":            {checkpoint.BFloat16, "\x00\x00\x80\x7f\x80\xff\xc0\x7f", "1 NaN and 2 infinite, the first at [0,1]", false},
		"float16":             {checkpoint.Float16, "\xff\x7b\x00\x7c\x00\x00\x01\x7c", "1 NaN and 1 infinite, the first at [0,1]", false},
		"float64":             {checkpoint.Float64, f32(0, 0, 0, 0, 0, 0) + "\x00\x00\x00\x00\x00\x00\xf0\x7f", "1 infinite, the first at [1,1]", false},
		"float8_e5m2":         {checkpoint.Float8E5M2, "\x7b\x7c\x7d\xfc", "1 NaN and 2 infinite, the first at [0,1]", false},
		"float8_e4m3fn":       {checkpoint.Float8E4M3FN, "\x7e\x7f\xff\x80", "2 NaN, the first at [0,1]", false},
		"float8_e4m3fnuz":     {checkpoint.Float8E4M3FNUZ, "\x7f\x00\x80\xff", "1 NaN, the first at [1,0]", false},
		"integers":            {checkpoint.Int8, "\x7f\x80\xff\x00", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			x := &checkpoint.Tensor{DType: test.dtype, Shape: []int64{2, 2}, Data: checkpoint.Text(test.data)}
			n, err := nonFinite(context.Background(), x, make([]byte, 8))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if n.any() {
				got = n.text(x.Shape)
			}
			if got != test.want || n.mask != test.mask {
				t.Errorf("%q, mask %t", got, n.mask)
			}
		})
	}
}
