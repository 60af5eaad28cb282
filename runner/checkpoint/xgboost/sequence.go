package xgboost

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

const (
	// maxHeld bounds the bytes of arrays that are held in memory.
	maxHeld = 32 << 20
	// maxNumbers bounds one of them, which are mostly as long as a tree has nodes.
	maxNumbers = 1 << 21
)

// memory is what may still be held of a file.
type memory int64

// take counts n bytes more, of an array of so many numbers.
func (m *memory) take(n, numbers int) error {
	if *m -= memory(n); *m < 0 || numbers > maxNumbers {
		return checkpoint.Limit("arrays of more than %d MiB, or %d numbers; a model saved as .ubj is read without holding them",
			maxHeld>>20, maxNumbers)
	}
	return nil
}

// sequence adds an array whose members arrive one by one: a tensor where they are numbers of one kind, else a list.
type sequence struct {
	builder *tree.Builder
	path    *keypath.Path
	memory  *memory
	ints    []int64
	reals   []float64
	double  bool // a real is not of single precision
	list    *tree.List
}

// int adds an integer.
func (s *sequence) int(v int64) error {
	if s.list == nil && len(s.reals) == 0 {
		s.ints = append(s.ints, v)
		return s.memory.take(8, len(s.ints))
	}
	p, err := s.next()
	if err != nil {
		return err
	}
	return s.builder.Int(p, big.NewInt(v))
}

// real adds a real.
func (s *sequence) real(v float64, double bool) error {
	if s.list == nil && len(s.ints) == 0 {
		s.reals = append(s.reals, v)
		s.double = s.double || double
		return s.memory.take(4, len(s.reals))
	}
	p, err := s.next()
	if err != nil {
		return err
	}
	return s.builder.Float(p, v)
}

// next returns the place of a member that makes the array a list, and first adds those that were collected.
func (s *sequence) next() (*keypath.Path, error) {
	if s.list == nil {
		var err error
		if s.list, err = s.builder.List(s.path); err != nil {
			return nil, err
		}
		for _, v := range s.ints {
			if err := s.builder.Int(s.list.Next(), big.NewInt(v)); err != nil {
				return nil, err
			}
		}
		for _, v := range s.reals {
			if err := s.builder.Float(s.list.Next(), v); err != nil {
				return nil, err
			}
		}
		s.ints, s.reals = nil, nil
	}
	return s.list.Next(), nil
}

// end adds what was collected. An array without members is a list, because it has no type in JSON.
func (s *sequence) end() error {
	var data []byte
	dtype, n := checkpoint.Int64, len(s.ints)
	for _, v := range s.ints {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	if len(s.reals) > 0 {
		dtype, n = checkpoint.Float32, len(s.reals)
		if s.double {
			dtype = checkpoint.Float64
		}
	}
	for _, v := range s.reals {
		if s.double {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		} else {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
		}
	}
	if n > 0 {
		t, err := checkpoint.NewTensor(dtype, dtype.Bits(), []int64{int64(n)}, bytes.NewReader(data))
		if err != nil {
			return err
		}
		return s.builder.Tensor(s.path, t)
	}
	if s.list == nil {
		var err error
		if s.list, err = s.builder.List(s.path); err != nil {
			return err
		}
	}
	s.list.End()
	return nil
}
