package metrics

import (
	"bytes"

	"github.com/reprocheck/reprocheck/runner/record"
)

// role says what a number on a line is.
type role uint8

const (
	measured role = iota
	coarse        // an epoch, a round, an episode
	fine          // a step or batch, perhaps within an epoch
	global        // a step counted over the whole training
	bar           // how far a progress bar has come
	leading       // an integer in brackets at the start of the line: a step if a named number follows
)

// stepRole tells whether a label names a step: "epoch", "Train Epoch", "end of epoch", "global_step" do, "best epoch" and
// "steps per epoch" do not.
func stepRole(label []byte) role {
	if len(label) > 40 {
		return measured
	}
	var words [6][]byte
	n := 0
	for i := 0; i < len(label); {
		if !isLetter(label[i]) && !isDigit(label[i]) {
			i++
			continue
		}
		j := i
		for j < len(label) && (isLetter(label[j]) || isDigit(label[j])) {
			j++
		}
		if n == len(words) {
			return measured
		}
		words[n] = label[i:j]
		n++
		i = j
	}
	if n == 0 {
		return measured
	}
	r := stepWord(words[n-1])
	if r == measured {
		return measured
	}
	for _, w := range words[:n-1] {
		switch {
		case bytes.EqualFold(w, []byte("global")):
			r = global
		case !stepAdjective(w):
			return measured
		}
	}
	return r
}

func stepWord(w []byte) role {
	var b [10]byte
	if len(w) > len(b) {
		return measured
	}
	for i, c := range w {
		b[i] = c | 0x20
	}
	switch string(b[:len(w)]) {
	case "epoch", "ep", "round", "episode", "generation":
		return coarse
	case "step", "iter", "iteration", "batch", "iterate", "update", "timestep", "minibatch", "it", "itr":
		return fine
	case "globalstep":
		return global
	}
	return measured
}

func stepAdjective(w []byte) bool {
	for _, a := range [...]string{"train", "training", "test", "val", "valid", "validation", "eval", "trainer", "end", "of", "at", "the",
		"current", "optimizer", "opt", "starting", "start", "finished", "completed", "after", "in", "on", "for", "during"} {
		if string(bytes.ToLower(w)) == a {
			return true
		}
	}
	return false
}

// position is where in the training a line was printed.
type position struct {
	coarse, fine, global, bar                   int64
	hasCoarse, hasFine, hasGlobal, hasBar, full bool
}

func (p position) named() bool { return p.hasCoarse || p.hasFine || p.hasGlobal }

func (p position) step() int64 {
	switch {
	case p.hasGlobal:
		return p.global
	case p.hasCoarse && p.hasFine && p.coarse < 1<<32 && p.fine < record.EpochStride:
		return p.coarse*record.EpochStride + p.fine
	case p.hasFine:
		return p.fine
	}
	return p.coarse
}

// positionOf gathers the steps on a line. Of two fine steps the first is the coarser.
func positionOf(fields []field) (p position) {
	for i := range fields {
		f := &fields[i]
		v := int64(f.value)
		switch f.role {
		case coarse:
			if !p.hasCoarse {
				p.coarse, p.hasCoarse = v, true
			}
		case fine:
			switch {
			case !p.hasFine:
				p.fine, p.hasFine = v, true
			case !p.hasCoarse:
				p.coarse, p.hasCoarse = p.fine, true
				p.fine = v
			}
		case global:
			p.global, p.hasGlobal = v, true
		case bar:
			p.bar, p.hasBar, p.full = v, true, f.full
		}
	}
	return p
}
