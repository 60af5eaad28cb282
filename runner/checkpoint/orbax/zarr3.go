package orbax

import (
	"encoding/json"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npy"
)

// description3 ends the key of an array's description in Zarr version 3.
const description3 = "/zarr.json"

// codec3 is one step of how an array becomes bytes.
type codec3 struct {
	Name   string `json:"name"`
	Config struct {
		Endian        string   `json:"endian"`
		Order         []int    `json:"order"`
		ChunkShape    []int64  `json:"chunk_shape"`
		Codecs        []codec3 `json:"codecs"`
		IndexCodecs   []codec3 `json:"index_codecs"`
		IndexLocation string   `json:"index_location"`
	} `json:"configuration"`
}

// parseZarr3 reads the file zarr.json of an array (zarr-specs.readthedocs.io, version 3). Where missing is set, chunks
// that are not stored hold the fill value.
func parseZarr3(text []byte, missing bool) (*layout, error) {
	var d struct {
		Format   int    `json:"zarr_format"`
		Node     string `json:"node_type"`
		Shape    []int64
		DataType any `json:"data_type"`
		Grid     struct {
			Name   string
			Config struct {
				Shape []int64 `json:"chunk_shape"`
			} `json:"configuration"`
		} `json:"chunk_grid"`
		Keys struct {
			Name   string
			Config struct{ Separator *string } `json:"configuration"`
		} `json:"chunk_key_encoding"`
		Codecs       []codec3
		FillValue    any   `json:"fill_value"`
		Transformers []any `json:"storage_transformers"`
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, checkpoint.Damaged("description of an array: %v", err)
	}
	switch {
	case d.Format != 3 || d.Node != "array":
		return nil, checkpoint.Unsupported("Zarr version %d, node %q", d.Format, checkpoint.Clip(d.Node, 20))
	case d.Grid.Name != "regular":
		return nil, checkpoint.Unsupported("chunks in a grid %q", checkpoint.Clip(d.Grid.Name, 20))
	case len(d.Transformers) > 0:
		return nil, checkpoint.Unsupported("array with storage transformers")
	}
	typ, err := elementType3(d.DataType)
	if err != nil {
		return nil, err
	}
	a := &layout{typ: typ, shape: d.Shape, chunk: d.Grid.Config.Shape, stored: d.Grid.Config.Shape}
	switch name := d.Keys.Name; name {
	case "default":
		separator := "/"
		if s := d.Keys.Config.Separator; s != nil {
			separator = *s
		}
		a.key = func(index []int64) string { return joined([]string{"c"}, index, separator) }
	case "v2":
		separator := "."
		if s := d.Keys.Config.Separator; s != nil {
			separator = *s
		}
		a.key = func(index []int64) string {
			if len(index) == 0 {
				return "0"
			}
			return joined(nil, index, separator)
		}
	default:
		return nil, checkpoint.Unsupported("chunk keys %q", checkpoint.Clip(name, 20))
	}
	if err := a.codecs(d.Codecs, false); err != nil {
		return nil, err
	}
	if missing {
		switch v := d.FillValue.(type) {
		case float64:
			if v == 0 {
				a.missing = true
			}
		case bool:
			if !v {
				a.missing = true
			}
		}
	}
	return a, nil
}

func elementType3(v any) (npy.Type, error) {
	name, ok := v.(string)
	switch dtype := checkpoint.DType(name); dtype {
	case checkpoint.Bool, checkpoint.Uint8, checkpoint.Uint16, checkpoint.Uint32, checkpoint.Uint64,
		checkpoint.Int8, checkpoint.Int16, checkpoint.Int32, checkpoint.Int64,
		checkpoint.Float16, checkpoint.BFloat16, checkpoint.Float32, checkpoint.Float64, checkpoint.Complex64, checkpoint.Complex128,
		checkpoint.Float8E4M3FN, checkpoint.Float8E4M3FNUZ, checkpoint.Float8E5M2, checkpoint.Float8E5M2FNUZ, checkpoint.Float8E8M0FNU:
		if ok {
			return npy.Type{Name: dtype, Item: int64(dtype.Bits() / 8)}, nil
		}
	}
	return npy.Type{}, checkpoint.Unsupported("array of type %q", checkpoint.Clip(name, 20))
}

// codecs reads the steps by which a chunk became bytes: one that arranges the elements, then those that pack the bytes.
func (a *layout) codecs(list []codec3, inShard bool) error {
	arranged := false
	for _, c := range list {
		if a.codec.crc {
			return checkpoint.Unsupported("codec %q behind a checksum", checkpoint.Clip(c.Name, 20))
		}
		switch {
		case c.Name == "transpose" && !arranged:
			for i, d := range c.Config.Order {
				if i != d {
					return checkpoint.Unsupported("transposed chunks")
				}
			}
		case c.Name == "bytes" && !arranged:
			arranged = true
			switch c.Config.Endian {
			case "", "little":
			case "big":
				a.typ.Swap = a.typ.Item
				if a.typ.Name == checkpoint.Complex64 || a.typ.Name == checkpoint.Complex128 {
					a.typ.Swap /= 2
				}
			default:
				return checkpoint.Unsupported("byte order %q", checkpoint.Clip(c.Config.Endian, 20))
			}
		case c.Name == "sharding_indexed" && !arranged && !inShard:
			if len(list) != 1 {
				return checkpoint.Unsupported("packed shards")
			}
			return a.sharding(c)
		case (c.Name == "zstd" || c.Name == "gzip" || c.Name == "blosc") && arranged && a.codec.packing == "":
			a.codec.packing = c.Name
		case c.Name == "crc32c" && arranged:
			a.codec.crc = true
		default:
			return checkpoint.Unsupported("codec %q", checkpoint.Clip(c.Name, 20))
		}
	}
	if !arranged {
		return checkpoint.Unsupported("array without the codec \"bytes\"")
	}
	return nil
}

// sharding reads the codec whose values hold many chunks and an index.
func (a *layout) sharding(c codec3) error {
	a.sharded, a.chunk = true, c.Config.ChunkShape
	if len(a.chunk) != len(a.stored) {
		return checkpoint.Damaged("chunks of %d dimensions in shards of %d", len(a.chunk), len(a.stored))
	}
	if err := positive(a.chunk); err != nil {
		return err
	}
	if err := positive(a.stored); err != nil {
		return err
	}
	for i, n := range a.chunk {
		if a.stored[i]%n != 0 {
			return checkpoint.Damaged("chunks of shape %s in shards of shape %s", checkpoint.ShapeText(a.chunk), checkpoint.ShapeText(a.stored))
		}
	}
	switch c.Config.IndexLocation {
	case "", "end":
	case "start":
		a.indexFirst = true
	default:
		return checkpoint.Unsupported("index of a shard at %q", checkpoint.Clip(c.Config.IndexLocation, 20))
	}
	for i, x := range c.Config.IndexCodecs {
		switch {
		case i == 0 && x.Name == "bytes" && (x.Config.Endian == "little" || x.Config.Endian == ""):
		case i == 1 && x.Name == "crc32c":
			a.indexCRC = true
		default:
			return checkpoint.Unsupported("codec %q of the index of a shard", checkpoint.Clip(x.Name, 20))
		}
	}
	return a.codecs(c.Config.Codecs, true)
}
