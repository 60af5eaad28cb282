package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/compare/tensordiff"
)

func diffCommand(p process) *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "compare two checkpoints to the last bit, and say where they first differ",
		UsageText: "reprocheck checkpoint diff [--rtol R] [--atol A] [--dtype-tolerances] [--json FILE] A B",
		Description: `A and B are files, indices of sharded models, or directories, whose files are paired by name, or by
name but for numbers where nothing else is like them. A is the expected side: a difference is accepted where
|b-a| <= ATOL + RTOL*|a|, as in torch.testing.assert_close. Without a tolerance equal means equal bits. Integers and booleans, such as counters and states of generators, have to be equal under any tolerance.

   reprocheck checkpoint diff run1/last.ckpt run2/last.ckpt
   reprocheck checkpoint diff --dtype-tolerances gpu.safetensors cpu.safetensors

Exit status: 0 the same content, or within the tolerance; 1 different; ` + checkpointStatusHelp,
		Flags: []cli.Flag{
			&cli.Float64Flag{Name: "rtol", Usage: "accept a difference of up to `R` times the value in A"},
			&cli.Float64Flag{Name: "atol", Usage: "accept a difference of up to `A`"},
			&cli.BoolFlag{Name: "dtype-tolerances", Usage: "accept what torch.testing.assert_close does for each element type"},
			checkpointJSONFlag(),
		},
		Action: func(c *cli.Context) error {
			args, err := paths(c, 2)
			if err != nil {
				return err
			}
			options, err := diffOptions(c)
			if err != nil {
				return err
			}
			if c.String("json") != "" {
				options.Rest = new(tensordiff.Rest)
				defer options.Rest.Close()
			}
			comparison, err := tensordiff.Paths(c.Context, args[0], args[1], options)
			if err != nil {
				return unreadable(err)
			}
			if err := p.show(c, comparison, p.paged(comparison.WriteText)); err != nil {
				return err
			}
			if n := len(comparison.Unreadable); n > 0 {
				return usagef("%d pair%s of files could not be read; what is said of the others holds", n, plural(n))
			}
			if comparison.Verdict == tensordiff.Different {
				return status(1)
			}
			return nil
		},
	}
}

func diffOptions(c *cli.Context) (tensordiff.Options, error) {
	o := tensordiff.Options{
		Tolerance:     tensordiff.Tolerance{RTol: c.Float64("rtol"), ATol: c.Float64("atol")},
		DTypeDefaults: c.Bool("dtype-tolerances"),
	}
	if o.DTypeDefaults && (c.IsSet("rtol") || c.IsSet("atol")) {
		return o, usagef("--dtype-tolerances chooses tolerances itself; give either that, or --rtol and --atol")
	}
	for name, v := range map[string]float64{"rtol": o.Tolerance.RTol, "atol": o.Tolerance.ATol} {
		if !(v >= 0) || math.IsInf(v, 0) {
			return o, usagef("--%s %v: a tolerance is a number of at least 0", name, v)
		}
	}
	return o, nil
}

// valueByValue adds to a report what `checkpoint diff` says of two files whose tensors differ.
func valueByValue(ctx context.Context, p process, a, b string) error {
	for _, path := range []string{a, b} {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return nil
		}
	}
	comparison, err := tensordiff.Paths(ctx, a, b, tensordiff.Options{})
	if err != nil || !slices.ContainsFunc(comparison.Files, func(r *tensordiff.Result) bool { return r.A.Tensors+r.B.Tensors > 0 }) {
		return ctx.Err()
	}
	if _, err := fmt.Fprint(p.stdout, "\nValue by value, as `reprocheck checkpoint diff` does it:\n\n"); err != nil {
		return err
	}
	return p.paged(comparison.WriteText)(p.stdout)
}
