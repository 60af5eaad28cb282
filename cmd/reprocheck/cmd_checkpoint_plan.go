package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/runner/checkpoint/plan"
)

func planCommand(p process) *cli.Command {
	return &cli.Command{
		Name:  "plan",
		Usage: "compute what the checkpoints of a training will take on a disk",
		UsageText: "reprocheck checkpoint plan --params N [--dtype T] [--optimizer O] [--masters] [--ema] [POLICY] [--disk SIZE] [--json FILE]\n" +
			"reprocheck checkpoint plan [POLICY] [--disk SIZE] [--json FILE] CHECKPOINT",
		Description: `The size of one checkpoint comes from a real one, or from the number of parameters. The policy says which are kept. The peak
is while a new checkpoint is written before the one that it replaces is deleted. If that does not fit on the disk, the
nearest policy that does is named.

   reprocheck checkpoint plan --params 3e9 --dtype bf16 --optimizer adamw --last 2 --best 1 --disk 50GB
   reprocheck checkpoint plan --every 20 --model-only-periodic --saves 400 --disk 200GB last.ckpt

Exit status: 0 it fits, or no disk was given; 1 it does not fit; ` + checkpointStatusHelp,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "params", Usage: "the model has `N` parameters, such as 3e9 or 7B"},
			&cli.StringFlag{Name: "dtype", Value: "fp32", Usage: "their element type is `T`: fp64, fp32, bf16, fp16, fp8"},
			&cli.StringFlag{Name: "optimizer", Value: "adamw", Usage: "the optimizer is `O`: " + strings.Join(plan.Optimizers(), ", ")},
			&cli.BoolFlag{Name: "masters", Usage: "mixed precision keeps float32 copies of the weights, and float32 moments"},
			&cli.BoolFlag{Name: "ema", Usage: "an average of the weights is saved too"},
			&cli.IntFlag{Name: "last", Value: 1, Usage: "keep the newest `N`"},
			&cli.IntFlag{Name: "best", Usage: "keep the best `N`"},
			&cli.IntFlag{Name: "every", Usage: "keep every `N`th for good; 0 none"},
			&cli.BoolFlag{Name: "model-only-periodic", Usage: "keep the weights alone of every Nth"},
			&cli.BoolFlag{Name: "model-only-best", Usage: "keep the weights alone of the best"},
			&cli.IntFlag{Name: "saves", Value: 100, Usage: "the training saves `N` times"},
			&cli.StringFlag{Name: "disk", Usage: "the disk has `SIZE`, such as 50GB or 46.5GiB"},
			checkpointJSONFlag(),
		},
		Action: func(c *cli.Context) error {
			size, err := planSize(c)
			if err != nil {
				return err
			}
			var disk int64
			if c.IsSet("disk") {
				if disk, err = plan.ParseBytes(c.String("disk")); err != nil {
					return usagef("--disk: %w", err)
				}
			}
			d, err := plan.Make(size, plan.Policy{
				Last: c.Int("last"), Best: c.Int("best"), Every: c.Int("every"),
				ModelOnlyPeriodic: c.Bool("model-only-periodic"), ModelOnlyBest: c.Bool("model-only-best"),
			}, c.Int("saves"), disk)
			if err != nil {
				return usage(err)
			}
			if err := p.show(c, d, p.paged(d.WriteText)); err != nil {
				return err
			}
			if !d.Fits {
				return status(1)
			}
			return nil
		},
	}
}

// planSize estimates the size of a checkpoint, or measures one that is there.
func planSize(c *cli.Context) (plan.Size, error) {
	if c.NArg() == 0 {
		if !c.IsSet("params") {
			return plan.Size{}, usagef("plan needs a checkpoint, or --params N")
		}
		parameters, err := plan.ParseParameters(c.String("params"))
		if err != nil {
			return plan.Size{}, usagef("--params: %w", err)
		}
		s, err := plan.Estimate(plan.Training{
			Parameters: parameters, DType: c.String("dtype"), Optimizer: c.String("optimizer"),
			Masters: c.Bool("masters"), EMA: c.Bool("ema"),
		})
		if err != nil {
			return plan.Size{}, usage(err)
		}
		return s, nil
	}
	args, err := paths(c, 1)
	if err != nil {
		return plan.Size{}, err
	}
	for _, name := range []string{"params", "dtype", "optimizer", "masters", "ema"} {
		if c.IsSet(name) {
			return plan.Size{}, usagef("--%s describes a training without a checkpoint; here %s is measured", name, args[0])
		}
	}
	s, err := plan.Measure(c.Context, args[0])
	return s, unreadable(err)
}
