package lint

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// fitEvidence is what tells whether the moments of an optimizer are of the shapes of the parameters. An optimizer's state
// refers to parameters by their positions in its groups, which need not be in the order of the model: weights with decay
// come before biases without, and a head after its backbone. So it is their shapes that are counted.
type fitEvidence struct {
	shapes     map[string]int32 // numbers of shapes
	parameters []int32          // shapes of the model's tensors without buffers, tied ones once, in their order
	seen       map[uint64]bool  // storages and shapes of those that may be tied
	listed     int              // parameters in groups
	groups     int              // of all optimizers
	moments    []moment         // the first of each parameter
	holder     string           // what the last one is a member of
	apart      Damage           // the first parameter with moments of two shapes
	projected  bool             // moments are of projections of the gradients, as GaLore's
}

// moment is one tensor of an optimizer's state that has the shape of its parameter.
type moment struct {
	file, name string
	at         int // position of its parameter
	shape      int32
}

var seed = maphash.MakeSeed()

func (f *fitEvidence) see(file string, e *checkpoint.Entry, id component.ID, path []string) {
	switch {
	case len(path) == 0:
	case id == component.Model && e.Tensor() != nil && !isBuffer(path[len(path)-1]):
		f.parameter(file, e)
	case id != component.Optimizer:
	case slices.Contains(path, "projector"):
		f.projected = true
	case e.Tensor() == nil:
		if n := listed(e, path); n > 0 {
			f.listed += n
			if path[len(path)-1] == "0" || e.Packed {
				f.groups++
			}
		}
	case isMoment(e.Name):
		at := slices.Index(path, "state")
		if at < 0 || at+2 >= len(path) {
			return
		}
		if n, err := strconv.Atoi(path[at+1]); err == nil {
			f.moment(file, e, n)
		}
	}
}

func (f *fitEvidence) parameter(file string, e *checkpoint.Entry) {
	if block, ok := e.Tensor().Block(); ok {
		key := maphash.Comparable(seed, block) ^ maphash.String(seed, file+"\x00"+checkpoint.ShapeText(e.Shape))
		if f.seen[key] {
			return
		}
		if f.seen == nil {
			f.seen = map[uint64]bool{}
		}
		f.seen[key] = true
	}
	f.parameters = append(f.parameters, f.shape(e.Shape))
}

func (f *fitEvidence) shape(shape []int64) int32 {
	text := checkpoint.ShapeText(shape)
	n, ok := f.shapes[text]
	if !ok {
		if f.shapes == nil {
			f.shapes = map[string]int32{}
		}
		n = int32(len(f.shapes))
		f.shapes[text] = n
	}
	return n
}

func (f *fitEvidence) moment(file string, e *checkpoint.Entry, at int) {
	m := moment{file, e.Name, at, f.shape(e.Shape)}
	holder := e.Name[:strings.LastIndexByte(e.Name, '.')+1]
	if holder != f.holder || len(f.moments) == 0 {
		f.holder = holder
		f.moments = append(f.moments, m)
		return
	}
	if first := f.moments[len(f.moments)-1]; first.shape != m.shape && f.apart.Rule == "" {
		f.apart = f.misfit(m, fmt.Sprintf("and %s, a moment of the same parameter, %s", first.name, f.text(first.shape)))
	}
}

func (f *fitEvidence) text(shape int32) string {
	for text, n := range f.shapes {
		if n == shape {
			return text
		}
	}
	return ""
}

func (f *fitEvidence) misfit(m moment, text string) Damage {
	return Damage{Rule: "CK104", File: m.file, Name: m.name, Text: fmt.Sprintf("has shape %s, %s", f.text(m.shape), text)}
}

// judge returns a moment that does not fit. Where the groups list other parameters than the model has, as where some are frozen or
// buffers have names of their own, nothing can be said.
func (f *fitEvidence) judge() (Damage, bool) {
	if f.apart.Rule != "" {
		return f.apart, true
	}
	if f.projected || f.listed != len(f.parameters) {
		return Damage{}, false
	}
	left := map[int32]int{}
	for _, shape := range f.parameters {
		left[shape]++
	}
	for _, m := range f.moments {
		if left[m.shape]--; left[m.shape] < 0 {
			return f.misfit(m, "as no parameter that is left without moments"), true
		}
	}
	return f.swapped()
}

// swapped finds two moments that have each other's shapes, where all others of one group lie in the order of the model.
func (f *fitEvidence) swapped() (Damage, bool) {
	const enough = 6 // parameters, of which two that have changed places are a fault rather than an order of their own
	if f.groups != 1 || len(f.parameters) < enough {
		return Damage{}, false
	}
	var wrong []moment
	for _, m := range f.moments {
		if m.at >= len(f.parameters) || f.parameters[m.at] != m.shape {
			wrong = append(wrong, m)
		}
		if len(wrong) > 2 {
			return Damage{}, false
		}
	}
	if len(wrong) != 2 || wrong[0].at >= len(f.parameters) {
		return Damage{}, false
	}
	return f.misfit(wrong[0], fmt.Sprintf("and the parameter at its position %s", f.text(f.parameters[wrong[0].at]))), true
}
