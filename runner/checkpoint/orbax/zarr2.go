package orbax

import (
	"encoding/json"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// description2 ends the key of an array's description in Zarr version 2.
const description2 = "/.zarray"

// parseZarr2 reads the file .zarray (zarr-specs.readthedocs.io, version 2). Where missing is set, chunks that are not
// stored hold the fill value.
func parseZarr2(text []byte, missing bool) (*layout, error) {
	var d struct {
		Chunks     []int64
		Compressor *struct{ ID string }
		DType      any
		FillValue  any `json:"fill_value"`
		Filters    []any
		Order      string
		Separator  *string `json:"dimension_separator"`
		Shape      []int64
		Format     int `json:"zarr_format"`
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, checkpoint.Damaged("description of an array: %v", err)
	}
	switch {
	case d.Format != 2:
		return nil, checkpoint.Unsupported("Zarr version %d", d.Format)
	case d.Order != "C":
		return nil, checkpoint.Unsupported("order %q", checkpoint.Clip(d.Order, 20))
	case len(d.Filters) > 0:
		return nil, checkpoint.Unsupported("array with filters")
	}
	name, ok := d.DType.(string)
	if !ok {
		return nil, checkpoint.Unsupported("array of records")
	}
	typ, err := elementType(name)
	if err != nil {
		return nil, err
	}
	a := &layout{typ: typ, shape: d.Shape, chunk: d.Chunks, stored: d.Chunks}
	if d.Compressor != nil {
		a.codec.packing = d.Compressor.ID
	}
	separator := "."
	if d.Separator != nil {
		separator = *d.Separator
	}
	a.key = func(index []int64) string {
		if len(index) == 0 {
			return "0"
		}
		return joined(nil, index, separator)
	}
	// TensorStore takes no fill value for zeros. Any other may be written in many ways.
	if zero, isNumber := d.FillValue.(float64); missing && (d.FillValue == nil || isNumber && zero == 0) {
		a.missing = true
	}
	return a, nil
}
