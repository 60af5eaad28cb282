package lint

import (
	"encoding/binary"
	"fmt"
	"math"
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
	listed      int    // parameters that param_groups list
	with        int    // parameters that have such a tensor
	holder      string // the last of them
	steps       string // the first step counter
	made        int64  // how many steps the counters say were made
	keeps       string // a hyperparameter of optimizers that keep moments
	momentum    bool   // a momentum other than 0
	noMomentum  bool   // a momentum of 0
	initialRate bool   // param_groups have initial_lr
}

// keeping are hyperparameters in torch.optim of optimizers that have a state for each parameter, and of no others: of
// Adam and its kin, RMSprop and ASGD, Adadelta, Adagrad, Rprop, Adafactor.
var keeping = map[string]bool{"betas": true, "alpha": true, "rho": true, "lr_decay": true, "etas": true, "beta2_decay": true}

func (o *optimizerEvidence) see(e *checkpoint.Entry, path []string) error {
	if len(path) == 0 {
		return nil
	}
	o.seen = o.seen || component.IsOptimizerState(e)
	last := path[len(path)-1]
	group := slices.Contains(path, "param_groups")
	switch {
	case !group && isCounter(last, e):
		if o.steps == "" {
			o.steps = e.Name
		}
		n, err := number(e)
		o.made = max(o.made, n)
		return err
	case e.Tensor() != nil && !group && (len(e.Tensor().Shape) > 0 || isMoment(e.Name)):
		if o.moment == "" {
			o.moment = e.Name
		}
		if holder := strings.TrimSuffix(e.Name, last); holder != o.holder {
			o.with, o.holder = o.with+1, holder
		}
	case listed(e, path) > 0:
		o.listed += listed(e, path)
	case group && keeping[last]:
		o.keeps = last
	case group && last == "momentum" && e.Kind == checkpoint.KindNumber:
		zero := e.Text == "0" || e.Text == "0.0"
		o.momentum, o.noMomentum = o.momentum || !zero, o.noMomentum || zero
	case group && last == "initial_lr":
		o.initialRate = true
	}
	return nil
}

// listed returns how many positions of parameters a value of param_groups is: one, or those of a long list, which is one value.
func listed(e *checkpoint.Entry, path []string) int {
	at := slices.Index(path, "params")
	switch {
	case at > 0 && at == len(path)-2 && e.Kind == checkpoint.KindNumber:
		return 1
	case at > 0 && at == len(path)-1 && e.Packed:
		count, _, _ := strings.Cut(e.Text, " ")
		n, _ := strconv.Atoi(count)
		return n
	}
	return 0
}

// isCounter knows the counters of torch.optim, Optax and Keras.
func isCounter(last string, e *checkpoint.Entry) bool {
	if t := e.Tensor(); t != nil {
		integer := strings.HasPrefix(string(t.DType), "int") || strings.HasPrefix(string(t.DType), "uint")
		return len(t.Shape) == 0 && (last == "step" || integer)
	}
	return last == "step" && e.Kind == checkpoint.KindNumber
}

// number reads a counter, 0 where it has no number.
func number(e *checkpoint.Entry) (int64, error) {
	t := e.Tensor()
	if t == nil {
		n, _ := strconv.ParseInt(e.Text, 10, 64)
		return n, nil
	}
	var b [8]byte
	if t.Size() > int64(len(b)) {
		return 0, nil
	}
	if err := checkpoint.ReadFull(t, b[:t.Size()], 0); err != nil {
		return 0, err
	}
	switch t.DType {
	case checkpoint.Float32:
		return int64(math.Float32frombits(binary.LittleEndian.Uint32(b[:]))), nil
	case checkpoint.Int64, checkpoint.Int32:
		return int64(binary.LittleEndian.Uint64(b[:])), nil
	}
	return 0, nil
}

// moments judges whether the optimizer's state has what its hyperparameters call for.
func (o *optimizerEvidence) moments() (Status, string) {
	switch {
	case o.moment != "" && o.with < o.listed && (o.keeps != "" || o.momentum):
		return CannotTell, fmt.Sprintf("%d of %d parameters have none; none are needed only for those that never had a gradient", o.listed-o.with, o.listed)
	case o.moment != "":
		return Present, o.moment
	case !o.seen:
		return Missing, "there is no optimizer"
	case o.keeps != "":
		return Missing, fmt.Sprintf("the param_groups have %s, of an optimizer that keeps moments, and the state has no tensors", o.keeps)
	case o.momentum:
		return Missing, "the param_groups have a momentum, and the state has no tensors"
	case o.noMomentum:
		return Present, "not needed: SGD without momentum has none"
	}
	return CannotTell, "the optimizer's kind is not known, and its state has no tensors"
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
