package gguf

import (
	"bytes"
	"math"
	"math/big"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

// The types of metadata values (enum gguf_type in ggml/include/gguf.h).
const (
	typeUint8 = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

// value adds the next value of the stream.
func value(s *stream, b *tree.Builder, p *keypath.Path, typ uint32) error {
	switch typ {
	case typeUint8:
		return b.Int(p, big.NewInt(int64(s.u8())))
	case typeInt8:
		return b.Int(p, big.NewInt(int64(int8(s.u8()))))
	case typeUint16:
		return b.Int(p, big.NewInt(int64(s.u16())))
	case typeInt16:
		return b.Int(p, big.NewInt(int64(int16(s.u16()))))
	case typeUint32:
		return b.Int(p, big.NewInt(int64(s.u32())))
	case typeInt32:
		return b.Int(p, big.NewInt(int64(int32(s.u32()))))
	case typeUint64:
		return b.Int(p, new(big.Int).SetUint64(s.u64()))
	case typeInt64:
		return b.Int(p, big.NewInt(int64(s.u64())))
	case typeFloat32:
		return b.Float(p, float64(math.Float32frombits(s.u32())))
	case typeFloat64:
		return b.Float(p, math.Float64frombits(s.u64()))
	case typeBool:
		v := s.u8()
		if v > 1 {
			return checkpoint.Damaged("truth value %d", v)
		}
		return b.Bool(p, v == 1)
	case typeString:
		return b.String(p, s.text())
	case typeArray:
		return array(s, b, p)
	}
	return checkpoint.Unsupported("metadata value of type %d", typ)
}

// array adds an array: a tensor of one dimension where it has numbers, else a list.
func array(s *stream, b *tree.Builder, p *keypath.Path) error {
	typ := s.u32()
	if dtype := numberType(typ); dtype != "" {
		item := int64(dtype.Bits() / 8)
		n := s.count(item)
		data := s.bytes(uint64(n) * uint64(item))
		if s.err != nil {
			return s.err
		}
		if dtype == checkpoint.Bool && bytes.ContainsFunc(data, func(r rune) bool { return r > 1 }) {
			return checkpoint.Damaged("truth value other than 0 and 1")
		}
		t, err := checkpoint.NewTensor(dtype, dtype.Bits(), []int64{int64(n)}, bytes.NewReader(data))
		if err != nil {
			return err
		}
		return b.Tensor(p, t)
	}
	switch typ {
	case typeString:
		return b.Strings(p, s.count(8), func() (string, error) { return s.text(), s.err })
	case typeArray:
		list, err := b.List(p)
		if err != nil {
			return err
		}
		for range s.count(12) {
			if err := array(s, b, list.Next()); err != nil {
				return err
			}
		}
		list.End()
		return s.err
	}
	return checkpoint.Unsupported("metadata array of type %d", typ)
}

// numberType returns the element type of an array of numbers, "" for any other.
func numberType(typ uint32) checkpoint.DType {
	switch typ {
	case typeUint8:
		return checkpoint.Uint8
	case typeInt8:
		return checkpoint.Int8
	case typeUint16:
		return checkpoint.Uint16
	case typeInt16:
		return checkpoint.Int16
	case typeUint32:
		return checkpoint.Uint32
	case typeInt32:
		return checkpoint.Int32
	case typeFloat32:
		return checkpoint.Float32
	case typeBool:
		return checkpoint.Bool
	case typeUint64:
		return checkpoint.Uint64
	case typeInt64:
		return checkpoint.Int64
	case typeFloat64:
		return checkpoint.Float64
	}
	return ""
}
