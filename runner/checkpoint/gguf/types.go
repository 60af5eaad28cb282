package gguf

import "github.com/reprocheck/reprocheck/runner/checkpoint"

// element is a tensor type of ggml: elements are stored in blocks of so many, of so many bytes.
type element struct {
	name         checkpoint.DType
	block, bytes int64
}

// elementOf returns the type with a number of ggml_type (ggml/include/ggml.h); the sizes of blocks are those of
// GGML_QUANT_SIZES in gguf-py. Quantised blocks keep ggml's names and are compared as bytes.
func elementOf(n uint32) (element, error) {
	switch n {
	case 0:
		return element{checkpoint.Float32, 1, 4}, nil
	case 1:
		return element{checkpoint.Float16, 1, 2}, nil
	case 2:
		return element{"q4_0", 32, 18}, nil
	case 3:
		return element{"q4_1", 32, 20}, nil
	case 6:
		return element{"q5_0", 32, 22}, nil
	case 7:
		return element{"q5_1", 32, 24}, nil
	case 8:
		return element{"q8_0", 32, 34}, nil
	case 9:
		return element{"q8_1", 32, 40}, nil
	case 10:
		return element{"q2_k", 256, 84}, nil
	case 11:
		return element{"q3_k", 256, 110}, nil
	case 12:
		return element{"q4_k", 256, 144}, nil
	case 13:
		return element{"q5_k", 256, 176}, nil
	case 14:
		return element{"q6_k", 256, 210}, nil
	case 15:
		return element{"q8_k", 256, 292}, nil
	case 16:
		return element{"iq2_xxs", 256, 66}, nil
	case 17:
		return element{"iq2_xs", 256, 74}, nil
	case 18:
		return element{"iq3_xxs", 256, 98}, nil
	case 19:
		return element{"iq1_s", 256, 50}, nil
	case 20:
		return element{"iq4_nl", 32, 18}, nil
	case 21:
		return element{"iq3_s", 256, 110}, nil
	case 22:
		return element{"iq2_s", 256, 82}, nil
	case 23:
		return element{"iq4_xs", 256, 136}, nil
	case 24:
		return element{checkpoint.Int8, 1, 1}, nil
	case 25:
		return element{checkpoint.Int16, 1, 2}, nil
	case 26:
		return element{checkpoint.Int32, 1, 4}, nil
	case 27:
		return element{checkpoint.Int64, 1, 8}, nil
	case 28:
		return element{checkpoint.Float64, 1, 8}, nil
	case 29:
		return element{"iq1_m", 256, 56}, nil
	case 30:
		return element{checkpoint.BFloat16, 1, 2}, nil
	case 34:
		return element{"tq1_0", 256, 54}, nil
	case 35:
		return element{"tq2_0", 256, 66}, nil
	case 39:
		return element{"mxfp4", 32, 17}, nil
	case 40:
		return element{"nvfp4", 64, 36}, nil
	case 41:
		return element{"q1_0", 128, 18}, nil
	}
	return element{}, checkpoint.Unsupported("ggml tensor type %d", n)
}

// size returns the bytes that a tensor takes, whose rows consist of whole blocks.
func (e element) size(shape []int64) (int64, error) {
	n, err := checkpoint.Elements(shape)
	if err != nil {
		return 0, err
	}
	row := int64(1)
	if len(shape) > 0 {
		row = shape[len(shape)-1]
	}
	if row%e.block != 0 {
		return 0, checkpoint.Damaged("rows of %d elements in blocks of %d", row, e.block)
	}
	return n / e.block * e.bytes, nil
}
