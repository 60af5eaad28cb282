package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// optimizerEvidence is what the optimizer's part of a checkpoint shows.
type optimizerEvidence struct {
	seen        bool
	moment      string // the first tensor of the state, but for step counters
	steps       string // the first step counter
	betas       bool   // hyperparameters of Adam and its kin
	momentum    bool   // a momentum other than 0
	noMomentum  bool   // a momentum of 0
	initialRate bool   // param_groups have initial_lr
}

func (o *optimizerEvidence) see(e *checkpoint.Entry) {
	path := component.Path(e.Name)
	if len(path) == 0 {
		return
	}
	if !e.Structure {
		o.seen = true
	}
	last := path[len(path)-1]
	group := slices.Contains(path, "param_groups")
	switch {
	case last == "step" && !group:
		if o.steps == "" {
			o.steps = e.Name
		}
	case e.Tensor() != nil && !group:
		if o.moment == "" {
			o.moment = e.Name
		}
	case group && last == "betas":
		o.betas = true
	case group && last == "momentum" && e.Kind == checkpoint.KindNumber:
		zero := e.Text == "0" || e.Text == "0.0"
		o.momentum, o.noMomentum = o.momentum || !zero, o.noMomentum || zero
	case group && last == "initial_lr":
		o.initialRate = true
	}
}

// moments judges whether the optimizer's state has what its hyperparameters call for.
func (o *optimizerEvidence) moments() (Status, string) {
	switch {
	case o.moment != "":
		return Present, o.moment
	case !o.seen:
		return Missing, "there is no optimizer"
	case o.betas:
		return Missing, "the param_groups are those of Adam or its kin, and the state has no tensors"
	case o.momentum:
		return Missing, "the param_groups have a momentum, and the state has no tensors"
	case o.noMomentum:
		return Present, "not needed: SGD without momentum has none"
	}
	return CannotTell, "the optimizer's kind is not known, and its state has no tensors"
}

// moments compares the shapes of the optimizer's state with those of the parameters. The state refers to parameters by
// their position; the model's own list is its state dictionary without buffers.
func (c *Checker) moments(file string, f *checkpoint.File, anatomy *component.Anatomy) {
	var parameters []*checkpoint.Entry
	states := map[int][]*checkpoint.Entry{}
	listed := 0
	for i := range f.Entries {
		e := &f.Entries[i]
		t := e.Tensor()
		path := component.Path(e.Name)
		switch {
		case anatomy.Of[i] == component.Model && t != nil && len(path) > 0 && !isBuffer(path[len(path)-1]):
			parameters = append(parameters, e)
		case anatomy.Of[i] != component.Optimizer:
		case t == nil:
			if at := slices.Index(path, "params"); at > 0 && at == len(path)-2 && e.Kind == checkpoint.KindNumber {
				listed++
			}
		default:
			at := slices.Index(path, "state")
			if at < 0 || at+2 >= len(path) || path[at+2] == "step" {
				continue
			}
			if n, err := strconv.Atoi(path[at+1]); err == nil {
				states[n] = append(states[n], e)
			}
		}
	}
	if listed != len(parameters) {
		return // frozen or tied parameters, or buffers of other names: positions cannot be told
	}
	for n, p := range parameters {
		for _, e := range states[n] {
			t := e.Tensor()
			if isMoment(e.Name) && !slices.Equal(t.Shape, p.Tensor().Shape) {
				c.damage = append(c.damage, Damage{Rule: "CK104", File: file, Name: e.Name, Text: fmt.Sprintf(
					"has shape %s, and %s, the parameter at its position, %s", checkpoint.ShapeText(t.Shape), p.Name, checkpoint.ShapeText(p.Tensor().Shape))})
				return
			}
		}
	}
}

func isBuffer(key string) bool {
	return key == "running_mean" || key == "running_var" || key == "num_batches_tracked"
}

// isMoment knows the states of torch.optim that have their parameter's shape.
func isMoment(name string) bool {
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg", "sum", "acc_delta", "exp_inf":
		return true
	}
	return false
}
