package plan

import (
	"maps"
	"slices"
)

// optimizer is what one keeps for each parameter.
type optimizer struct {
	moments float64 // values of the parameters' type, or float32 with masters
	bytes   float64 // where they have a type of their own
	keeps   string
}

// optimizers are those of torch.optim, whose states are made with zeros_like in the parameters' type, Lion (Chen et al.,
// 2023), and those of bitsandbytes with 8 bits: bytes, and a float32 for each block of 256 of them (2048 before 0.44),
// except for tensors of fewer than 4096 values, which stay float32.
//
// Adafactor (Shazeer and Stern, 2018) keeps a row and a column of factors for a matrix, 1/rows + 1/columns of its values;
// a hundredth for one of 200 by 200, and less for larger ones.
var optimizers = map[string]optimizer{
	"adam":         {moments: 2, keeps: "exp_avg and exp_avg_sq"},
	"adamw":        {moments: 2, keeps: "exp_avg and exp_avg_sq"},
	"amsgrad":      {moments: 3, keeps: "exp_avg, exp_avg_sq and max_exp_avg_sq"},
	"nadam":        {moments: 2, keeps: "exp_avg and exp_avg_sq"},
	"radam":        {moments: 2, keeps: "exp_avg and exp_avg_sq"},
	"adamax":       {moments: 2, keeps: "exp_avg and exp_inf"},
	"adadelta":     {moments: 2, keeps: "square_avg and acc_delta"},
	"rprop":        {moments: 2, keeps: "prev and step_size"},
	"rmsprop":      {moments: 1, keeps: "square_avg"},
	"muon":         {moments: 1, keeps: "momentum_buffer"},
	"lbfgs":        {moments: 202, keeps: "old_dirs and old_stps of 100 steps, its default, d and prev_flat_grad"},
	"adagrad":      {moments: 1, keeps: "sum"},
	"asgd":         {moments: 1, keeps: "ax"},
	"sgd-momentum": {moments: 1, keeps: "momentum_buffer"},
	"lion":         {moments: 1, keeps: "exp_avg"},
	"adafactor":    {moments: 0.01, keeps: "row_var and col_var: a hundredth or less for matrices of 200 by 200 and larger"},
	"adam8bit":     {bytes: 2 + 2*4./256, keeps: "two moments of a byte, and a float32 for each 256"},
	"adamw8bit":    {bytes: 2 + 2*4./256, keeps: "two moments of a byte, and a float32 for each 256"},
	"lion8bit":     {bytes: 1 + 4./256, keeps: "a moment of a byte, and a float32 for each 256"},
	"sgd":          {},
	"none":         {},
}

// Optimizers lists the names of the optimizers that Estimate knows.
func Optimizers() []string { return slices.Sorted(maps.Keys(optimizers)) }
