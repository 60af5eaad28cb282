// Package plan computes what checkpoints will take on a disk, before a training is started.
//
// The formulas count values: a model of N parameters stores N of its element type, and an optimizer for each parameter what
// the table of optimizers says. With float32 masters (Apex O2, Megatron-LM, DeepSpeed; "Mixed Precision Training",
// Micikevicius et al., 2018) the file holds a float32 copy of the parameters too and the moments are float32: 2+4+4+4 bytes
// a parameter for bfloat16 and Adam, the 16 bytes of the ZeRO paper (Rajbhandari et al., 2020) less the gradients, which
// are not saved. Buffers, the container (some hundred bytes a tensor) and step counters (4 bytes a tensor) come on top.
package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// SchemaVersion names the JSON form of a Document.
const SchemaVersion = "reprocheck.checkpoint-plan/v1"

// Size is what one full checkpoint takes.
type Size struct {
	Model     int64 `json:"model"`     // weights and buffers, what a model-only checkpoint keeps
	Masters   int64 `json:"masters"`   // float32 copies of the weights
	Optimizer int64 `json:"optimizer"` // moments
	Averages  int64 `json:"averages"`  // averaged weights (EMA)
	Other     int64 `json:"other"`     // everything else: random states, settings, the container
	// Source says where the numbers come from, and Formulas, for N parameters, how they were computed.
	Source   string   `json:"source"`
	Formulas []string `json:"formulas,omitempty"`
	// WithMasters is what a checkpoint takes if the training of 16-bit weights keeps float32 masters, where that was not said.
	WithMasters int64 `json:"with_masters,omitempty"`
}

// Full is the size of a checkpoint to resume from.
func (s Size) Full() int64 { return s.Model + s.Masters + s.Optimizer + s.Averages + s.Other }

// Training describes a model that does not exist yet.
type Training struct {
	Parameters float64 // a count; flags give it as 3e9
	DType      string  // "float32", "bfloat16", "float16", "float64", or a short name: "fp32", "bf16", "fp16"
	Optimizer  string  // one of Optimizers
	Masters    bool    // float32 copies of the weights and float32 moments
	EMA        bool    // an average of the weights, in their own type
}

// Estimate applies the formulas of the package's documentation.
func Estimate(t Training) (Size, error) {
	if !(t.Parameters >= 1 && t.Parameters <= 1e15) {
		return Size{}, fmt.Errorf("number of parameters %v is not between 1 and 1e15", t.Parameters)
	}
	n := int64(math.Round(t.Parameters))
	if math.Abs(float64(n)-t.Parameters) > 1e-12*t.Parameters { // 1.1B is rounded
		return Size{}, fmt.Errorf("%v parameters are no whole number", t.Parameters)
	}
	width, ok := map[string]int64{
		"float64": 8, "fp64": 8, "float32": 4, "fp32": 4, "bfloat16": 2, "bf16": 2, "float16": 2, "fp16": 2, "fp8": 1,
	}[t.DType]
	if !ok {
		return Size{}, fmt.Errorf("element type %q is not known: use fp64, fp32, bf16, fp16 or fp8", t.DType)
	}
	if t.Masters && width >= 4 {
		return Size{}, fmt.Errorf("weights of %s have no float32 masters, which are copies of narrower ones: use another element type, such as bf16", t.DType)
	}
	o, ok := optimizers[t.Optimizer]
	if !ok {
		return Size{}, fmt.Errorf("optimizer %q is not known: use %s", t.Optimizer, strings.Join(Optimizers(), ", "))
	}
	s := Size{Model: n * width, Source: fmt.Sprintf("%d parameters of %s, %s", n, t.DType, t.Optimizer)}
	s.Formulas = append(s.Formulas, fmt.Sprintf("model: N*%d", width))
	momentWidth := width
	if t.Masters {
		s.Masters, momentWidth = 4*n, 4
		s.Source += ", float32 masters"
		s.Formulas = append(s.Formulas, "float32 masters: N*4 (Micikevicius et al., 2018; Rajbhandari et al., 2020)")
	}
	if o.bytes > 0 {
		s.Optimizer = int64(math.Ceil(o.bytes * float64(n)))
		s.Formulas = append(s.Formulas, fmt.Sprintf("optimizer moments: N*%s, %s", strconv.FormatFloat(o.bytes, 'f', -1, 64), o.keeps))
	}
	if o.moments > 0 {
		s.Optimizer = int64(math.Ceil(o.moments * float64(n*momentWidth)))
		s.Formulas = append(s.Formulas, fmt.Sprintf("optimizer moments: %s*N*%d, %s", strconv.FormatFloat(o.moments, 'f', -1, 64), momentWidth, o.keeps))
	}
	if t.EMA {
		s.Averages = n * width
		s.Source += ", averaged weights"
		s.Formulas = append(s.Formulas, fmt.Sprintf("averaged weights: N*%d", width))
	}
	if width <= 2 && !t.Masters && t.Optimizer != "none" {
		t.Masters = true
		mixed, err := Estimate(t)
		if err != nil {
			return Size{}, err
		}
		s.WithMasters = mixed.Full()
	}
	return s, nil
}

// Policy says which checkpoints are kept.
type Policy struct {
	// Last and Best are how many of the newest and of the best are kept, each to resume from.
	Last int `json:"last"`
	Best int `json:"best"`
	// Every keeps each so many-th one for good; 0 keeps none so.
	Every int `json:"every"`
	// ModelOnlyPeriodic and ModelOnlyBest keep the model alone of those.
	ModelOnlyPeriodic bool `json:"model_only_periodic"`
	ModelOnlyBest     bool `json:"model_only_best"`
}

// String writes the policy as flags.
func (p Policy) String() string {
	s := fmt.Sprintf("--last %d --best %d", p.Last, p.Best)
	if p.Every > 0 {
		s += fmt.Sprintf(" --every %d", p.Every)
	}
	if p.ModelOnlyPeriodic {
		s += " --model-only-periodic"
	}
	if p.ModelOnlyBest {
		s += " --model-only-best"
	}
	return s
}

// totals are what the kept checkpoints take after the last of saves, and while that one is written beside all of them. One
// that is kept for two reasons counts twice, but there are never more whole ones than saves.
func (p Policy) totals(s Size, saves int) (steady, peak int64) {
	whole, models := int64(min(p.Last, saves)), int64(0)
	count := func(n int, modelOnly bool) {
		if modelOnly {
			models += int64(n)
		} else {
			whole += int64(n)
		}
	}
	count(min(p.Best, saves), p.ModelOnlyBest)
	if p.Every > 0 {
		count(saves/p.Every, p.ModelOnlyPeriodic)
	}
	light := mul(models, s.Model)
	return add(light, mul(min(whole, int64(saves)), s.Full())), add(light, mul(min(whole+1, int64(saves)), s.Full()))
}

// mul and add stop at the largest number instead of overflowing.
func mul(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Document is a plan.
type Document struct {
	Schema string `json:"schema"`
	Size   Size   `json:"size"`
	Full   int64  `json:"full"`
	Policy Policy `json:"policy"`
	// Saves is how many checkpoints the training writes.
	Saves int `json:"saves"`
	// Steady is what is kept at the end; Peak is while the last one is written, before the one it replaces is deleted.
	Steady int64 `json:"steady"`
	Peak   int64 `json:"peak"`
	// Disk is what there is, 0 where none was given.
	Disk int64 `json:"disk,omitempty"`
	Fits bool  `json:"fits"`
	// Nearest is the policy nearest to the one asked for that fits; nil where it fits itself or none does.
	Nearest *Alternative `json:"nearest,omitempty"`
}

// Alternative is another policy and what it takes.
type Alternative struct {
	Policy Policy `json:"policy"`
	Steady int64  `json:"steady"`
	Peak   int64  `json:"peak"`
}

// Make plans the checkpoints of a training that saves that many times, on a disk of that many bytes (0 for no limit).
func Make(s Size, p Policy, saves int, disk int64) (*Document, error) {
	switch {
	case p.Last < 1:
		return nil, fmt.Errorf("a policy that keeps %d of the newest checkpoints cannot be resumed from", p.Last)
	case p.Best < 0 || p.Every < 0 || saves < 1 || disk < 0:
		return nil, fmt.Errorf("numbers of a policy cannot be negative, and a training saves at least once")
	case s.Full() <= 0:
		return nil, fmt.Errorf("a checkpoint of %d bytes", s.Full())
	}
	d := &Document{Schema: SchemaVersion, Size: s, Full: s.Full(), Policy: p, Saves: saves, Disk: disk}
	d.Steady, d.Peak = p.totals(s, saves)
	d.Fits = disk == 0 || d.Peak <= disk
	if !d.Fits {
		d.Nearest = nearest(s, p, saves, disk)
	}
	return d, nil
}
