package checkpoint

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

// elementwise is the definition of a strided view, one element at a time.
func elementwise(src []byte, v View) []byte {
	var out []byte
	index := make([]int64, len(v.Shape))
	n, _ := Elements(v.Shape)
	for range n {
		at := v.Base
		for d := range index {
			at += index[d] * v.Stride[d] * v.Item
		}
		out = append(out, src[at:at+v.Item]...)
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < v.Shape[d] {
				break
			}
			index[d] = 0
		}
	}
	return out
}

func TestStridedViewsReadInCOrder(t *testing.T) {
	src := make([]byte, 18<<20)
	for i := range src {
		src[i] = byte(i ^ i>>8 ^ i>>16)
	}
	for name, v := range map[string]View{
		"contiguous":           {4, 8, []int64{3, 5}, []int64{5, 1}},
		"scalar":               {8, 16, nil, nil},
		"empty":                {4, 0, []int64{0, 5}, []int64{5, 1}},
		"transposed":           {4, 0, []int64{7, 9}, []int64{1, 7}},
		"every third":          {2, 6, []int64{50}, []int64{3}},
		"expanded":             {4, 4, []int64{3, 4, 5}, []int64{0, 1, 0}},
		"permuted":             {1, 0, []int64{4, 3, 2, 5}, []int64{1, 20, 60, 4}},
		"ones":                 {4, 0, []int64{1, 6, 1, 2}, []int64{99, 2, 77, 1}},
		"channels last":        {4, 0, []int64{2, 3, 50, 70}, []int64{10500, 1, 210, 3}},
		"tall transposed":      {4, 0, []int64{1500, 2000}, []int64{1, 1500}},
		"wide rows, far":       {4, 0, []int64{3, 900000}, []int64{1, 3}},
		"rows over one block":  {4, 0, []int64{2, 2200000}, []int64{1, 2}},
		"reversed":             {8, 8, []int64{9, 10, 11, 12, 13}, []int64{1, 9, 90, 990, 11880}},
		"mixed, with gaps":     {2, 0, []int64{7, 40, 9, 30, 11}, []int64{31, 220, 9000, 1, 90000}},
		"windows":              {4, 0, []int64{3000, 128}, []int64{1, 1}},
		"far columns":          {4, 0, []int64{1000, 900}, []int64{1, 5000}},
		"far columns of three": {4, 4, []int64{500, 3, 300}, []int64{3, 1, 15000}},
		"items of 12 bytes":    {12, 0, []int64{300, 400}, []int64{1, 300}},
		"outer and inner":      {1, 0, []int64{3, 5, 700, 1000}, []int64{1, 3, 15, 10500}},
	} {
		t.Run(name, func(t *testing.T) {
			want := elementwise(src, v)
			d, err := Strided(bytes.NewReader(src), int64(len(src)), v)
			if err != nil {
				t.Fatal(err)
			}
			if d.Size() != int64(len(want)) {
				t.Fatalf("size %d, want %d", d.Size(), len(want))
			}
			got := make([]byte, len(want))
			for at := 0; at < len(got); { // in pieces that fit no block
				n := min(len(got)-at, 100_003)
				if err := ReadFull(d, got[at:at+n], int64(at)); err != nil {
					t.Fatal(err)
				}
				at += n
			}
			if !bytes.Equal(got, want) {
				t.Error("bytes differ from those read element by element")
			}
			if len(want) > 10 { // and somewhere in the middle, after the end
				piece := make([]byte, 5)
				at := len(want)/2 - 1
				if err := ReadFull(d, piece, int64(at)); err != nil || !bytes.Equal(piece, want[at:at+5]) {
					t.Errorf("reading at %d: %v", at, err)
				}
			}
		})
	}
}

func TestStridedViewsOutsideTheirStorageAreRefused(t *testing.T) {
	src := bytes.NewReader(make([]byte, 100))
	for name, v := range map[string]View{
		"one too many":     {4, 0, []int64{26}, []int64{1}},
		"offset":           {4, 4, []int64{25}, []int64{1}},
		"offset outside":   {4, 104, []int64{1}, []int64{1}},
		"negative offset":  {4, -4, []int64{1}, []int64{1}},
		"negative stride":  {4, 40, []int64{2}, []int64{-1}},
		"negative extent":  {4, 0, []int64{-1}, []int64{1}},
		"stride overflows": {4, 0, []int64{3, 3}, []int64{math.MaxInt64 / 2, math.MaxInt64 / 2}},
		"extent overflows": {4, 0, []int64{math.MaxInt64, 2}, []int64{0, 0}},
		"more strides":     {4, 0, []int64{1}, []int64{1, 1}},
	} {
		if d, err := Strided(src, 100, v); err == nil {
			t.Errorf("%s: accepted as %d bytes", name, d.Size())
		} else if !refusal(err) {
			t.Errorf("%s: untyped error %v", name, err)
		}
	}
}

func refusal(err error) bool {
	var damaged *DamagedError
	var unsupported *UnsupportedError
	var limit *LimitError
	return errors.As(err, &damaged) || errors.As(err, &unsupported) || errors.As(err, &limit)
}

func TestSwapBytesReadsBigEndianAnywhere(t *testing.T) {
	d := SwapBytes(bytes.NewReader([]byte{1, 2, 3, 4, 5, 6, 7, 8}), 4)
	for at := range 8 {
		for n := 1; at+n <= 8; n++ {
			got := make([]byte, n)
			if err := ReadFull(d, got, int64(at)); err != nil || !bytes.Equal(got, []byte{4, 3, 2, 1, 8, 7, 6, 5}[at:at+n]) {
				t.Errorf("%d bytes at %d: %v %v", n, at, got, err)
			}
		}
	}
}
