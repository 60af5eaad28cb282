package tensordiff

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/compare/tensordiff/stream"
	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

// Generator says how the states of one random number generator in two files are related.
type Generator struct {
	Name string `json:"name"`
	// Kind is "python", "numpy-mt19937", "numpy-pcg64", "torch-cpu" or "torch-cuda".
	Kind string `json:"kind"`
	// SameStream tells that one state follows from the other.
	SameStream bool `json:"same_stream"`
	// Ahead counts how many numbers B has drawn more than A, on the same stream.
	Ahead int64  `json:"ahead,omitempty"`
	Text  string `json:"text"`
}

// mostGenerators bounds how many are related, each of which can take some hundredths of a second.
const mostGenerators = 64

// generators compares the random number generators that both files have under one name, and lists the first of those that
// differ. of holds the namesakes of the entries of a.
func generators(a, b *checkpoint.File, of []int32, partsA []component.ID) ([]Generator, error) {
	out := []Generator{}
	if len(a.RNG) == 0 && !slices.ContainsFunc(partsA, isGenerator) {
		return out, nil
	}
	inA, members := indexOf(a), indexOf(b)
	known := map[string]bool{} // of b
	for _, g := range b.RNG {
		known[g.Generator+" "+g.Name] = true
	}
	add := func(g Generator, relate func() (*relation, error)) error {
		if len(out) == mostGenerators {
			return nil
		}
		r, err := relate()
		if err != nil {
			return fmt.Errorf("%q: %w", checkpoint.Clip(g.Name, 80), err)
		}
		if r != nil {
			g.Text, g.Ahead, g.SameStream = r.text, r.ahead, r.same
			out = append(out, g)
		}
		return nil
	}
	for _, g := range a.RNG {
		if !known[g.Generator+" "+g.Name] {
			continue
		}
		kind, read := "python", pythonTwister
		switch g.Generator {
		case "python-random":
		case "numpy-mt19937":
			kind, read = "numpy-mt19937", numpyTwister
		default:
			continue
		}
		err := add(Generator{Name: g.Name, Kind: kind}, func() (*relation, error) {
			x, err := read(inA, g.Name)
			if x == nil || err != nil {
				return nil, err
			}
			y, err := read(members, g.Name)
			if y == nil || err != nil {
				return nil, err
			}
			return relateTwisters(x, y)
		})
		if err != nil {
			return nil, err
		}
	}
	for i := range a.Entries {
		x := &a.Entries[i]
		if of[i] < 0 {
			continue
		}
		y := &b.Entries[of[i]]
		var err error
		switch base, isPCG := strings.CutSuffix(x.Name, "bit_generator"); {
		case isPCG && partsA[i] == component.RNGNumPy && (x.Text == "PCG64" || x.Text == "PCG64DXSM") && x.Text == y.Text:
			err = add(Generator{Name: strings.TrimSuffix(base, "."), Kind: "numpy-pcg64"}, func() (*relation, error) {
				return relatePCG(inA, members, base, x.Text)
			})
		case partsA[i] == component.RNGTorch || partsA[i] == component.RNGCUDA:
			if tx, ty := x.Tensor(), y.Tensor(); tx != nil && ty != nil && tx.DType == checkpoint.Uint8 && ty.DType == checkpoint.Uint8 && tx.Size() == ty.Size() {
				kind, relate := "torch-cpu", relateTorch
				if partsA[i] == component.RNGCUDA {
					kind, relate = "torch-cuda", relatePhilox
				}
				err = add(Generator{Name: x.Name, Kind: kind}, func() (*relation, error) { return relate(tx, ty) })
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func isGenerator(id component.ID) bool {
	return id == component.RNGNumPy || id == component.RNGTorch || id == component.RNGCUDA
}

// relation is what two states have to do with each other; nil where they are equal, or not what they should be.
type relation struct {
	text  string
	ahead int64
	same  bool
}

func relateTwisters(x, y *stream.Twister) (*relation, error) {
	if *x == *y {
		return nil, nil
	}
	n, ok := x.Distance(y)
	if !ok {
		return &relation{text: "another stream, or more than 2.5 million numbers apart"}, nil
	}
	return &relation{position(n, "of 32 bits"), n, true}, nil
}

func position(n int64, what string) string {
	side := "b"
	if n < 0 {
		side, n = "a", -n
	}
	return fmt.Sprintf("the same stream, other position: %s has drawn %s %s more", side, count(int(n), "number"), what)
}

// pythonTwister reads random.getstate(): (3, 624 words and a position, None or a Gaussian).
func pythonTwister(members index, name string) (*stream.Twister, error) {
	e := members.find(name + "[1]")
	if e == nil || !e.Packed {
		return nil, nil
	}
	var words []uint64
	for text, err := range pyobject.Unpack(e.Data) {
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || len(words) > 624 {
			return nil, nil
		}
		words = append(words, n)
	}
	if len(words) != 625 || words[624] > 624 {
		return nil, nil
	}
	t := &stream.Twister{Used: int(words[624])}
	for i := range t.Words {
		t.Words[i] = uint32(words[i])
	}
	return t, nil
}

// numpyTwister reads numpy.random.get_state(): ('MT19937', 624 words, position, has_gauss, Gaussian).
func numpyTwister(members index, name string) (*stream.Twister, error) {
	keys, at := members.find(name+"[1]"), members.find(name+"[2]")
	if keys == nil || at == nil || keys.Tensor() == nil || keys.Tensor().DType != checkpoint.Uint32 || !slices.Equal(keys.Tensor().Shape, []int64{624}) {
		return nil, nil
	}
	used, err := strconv.Atoi(at.Text)
	if err != nil || used < 0 || used > 624 {
		return nil, nil
	}
	var p [4 * 624]byte
	if err := checkpoint.ReadFull(keys.Tensor(), p[:], 0); err != nil {
		return nil, err
	}
	t := &stream.Twister{Used: used}
	for i := range t.Words {
		t.Words[i] = binary.LittleEndian.Uint32(p[4*i:])
	}
	return t, nil
}

// relateTorch compares two states of PyTorch's CPU generator: the seed in 8 bytes, how many of 624 words are left in 4
// (one more than there are), 12 more bytes, the words in 8 bytes each, and what Box and Muller's method keeps
// (at::CPUGeneratorImplState).
func relateTorch(x, y *checkpoint.Tensor) (*relation, error) {
	const size = 5056
	if x.Size() != size {
		return nil, nil
	}
	var p [2][size]byte
	var seeds [2]uint64
	var states [2]*stream.Twister
	for side, t := range []*checkpoint.Tensor{x, y} {
		if err := checkpoint.ReadFull(t, p[side][:], 0); err != nil {
			return nil, err
		}
		seeds[side] = binary.LittleEndian.Uint64(p[side][:])
		left := int32(binary.LittleEndian.Uint32(p[side][8:]))
		if left < 1 || left > 625 {
			return nil, nil
		}
		states[side] = &stream.Twister{Used: 625 - int(left)}
		for i := range states[side].Words {
			states[side].Words[i] = uint32(binary.LittleEndian.Uint64(p[side][24+8*i:]))
		}
	}
	switch {
	case p[0] == p[1]:
		return nil, nil
	case seeds[0] != seeds[1]:
		return &relation{text: fmt.Sprintf("other seeds: %d and %d", seeds[0], seeds[1])}, nil
	case *states[0] == *states[1]:
		return &relation{text: "the same stream and position; another normal deviate kept for the next draw", same: true}, nil
	}
	r, err := relateTwisters(states[0], states[1])
	if r != nil && !r.same {
		r.text = fmt.Sprintf("the same seed %d, more than 2.5 million numbers apart", seeds[0])
	}
	return r, err
}

// relatePhilox compares two states of PyTorch's CUDA generators: the seed and the offset in 8 bytes each
// (at::CUDAGeneratorImpl).
func relatePhilox(x, y *checkpoint.Tensor) (*relation, error) {
	var p [2][16]byte
	if x.Size() != int64(len(p[0])) {
		return nil, nil
	}
	for side, t := range []*checkpoint.Tensor{x, y} {
		if err := checkpoint.ReadFull(t, p[side][:], 0); err != nil {
			return nil, err
		}
	}
	le := binary.LittleEndian
	if s, t := le.Uint64(p[0][:]), le.Uint64(p[1][:]); s != t {
		return &relation{text: fmt.Sprintf("other seeds: %d and %d", s, t)}, nil
	}
	s, t := le.Uint64(p[0][8:]), le.Uint64(p[1][8:])
	if s == t {
		return nil, nil
	}
	return &relation{fmt.Sprintf("the same stream, other position: offsets %d and %d", s, t), int64(t - s), true}, nil
}

// relatePCG compares two states of numpy.random.Generator.
func relatePCG(inA, inB index, base, kind string) (*relation, error) {
	var states, increments [2]*big.Int
	for side, members := range []index{inA, inB} {
		for _, x := range []struct {
			name string
			n    **big.Int
		}{{"state.state", &states[side]}, {"state.inc", &increments[side]}} {
			e := members.find(base + x.name)
			if e == nil {
				return nil, nil
			}
			n, ok := new(big.Int).SetString(e.Text, 10)
			if !ok || n.Sign() < 0 || n.BitLen() > 128 {
				return nil, nil
			}
			*x.n = n
		}
	}
	if increments[0].Cmp(increments[1]) != 0 {
		return &relation{text: "another stream"}, nil
	}
	if states[0].Cmp(states[1]) == 0 {
		return nil, nil
	}
	multiplier := stream.PCG64
	if kind == "PCG64DXSM" {
		multiplier = stream.PCG64DXSM
	}
	n, near := stream.Congruential(states[0], states[1], increments[0], multiplier)
	if !near {
		return &relation{text: "other seeds"}, nil
	}
	return &relation{position(n, "of 64 bits"), n, true}, nil
}
