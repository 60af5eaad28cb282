package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/cmd/reprocheck/internal/config"
	"github.com/reprocheck/reprocheck/runner/metrics"
	"github.com/reprocheck/reprocheck/runner/record"
)

func criterionFlags() []cli.Flag {
	return []cli.Flag{
		&cli.Float64Flag{Name: "rtol", DefaultText: "exact", Usage: "accept results within a relative tolerance of `R`"},
		&cli.Float64Flag{Name: "atol", DefaultText: "exact", Usage: "accept results within an absolute tolerance of `A`"},
		&cli.StringSliceFlag{Name: "tolerance", Usage: "accept one metric within an absolute tolerance: `METRIC=TOL`, where METRIC may hold * and ?"},
		&cli.BoolFlag{Name: "dtype-tolerances", Usage: "accept tensors within torch.testing.assert_close's default for their dtype"},
	}
}

// newCriterion is how the command line, and a configuration file where there is one, want results compared.
func newCriterion(c *cli.Context, file *config.File) (record.Criterion, error) {
	if file == nil {
		file = &config.File{}
	}
	criterion := record.Criterion{
		Mode: "exact", RTol: orConfigured(c, "rtol", c.Float64("rtol"), file.RTol), ATol: orConfigured(c, "atol", c.Float64("atol"), file.ATol),
		DTypes: c.Bool("dtype-tolerances") || file.DTypeTolerances, Tolerances: map[string]record.Tolerance{},
		MetricRegex: append(append([]string{}, file.MetricRegex...), c.StringSlice("metric-regex")...),
	}
	for name, t := range file.Tolerances {
		criterion.Tolerances[name] = t
	}
	for _, given := range c.StringSlice("tolerance") {
		name, value, ok := strings.Cut(given, "=")
		atol, err := strconv.ParseFloat(value, 64)
		if !ok || name == "" || err != nil {
			return criterion, fmt.Errorf("--tolerance %q is not METRIC=NUMBER, such as val_loss=1e-6", given)
		}
		criterion.Tolerances[name] = record.Tolerance{ATol: atol}
	}
	for _, pattern := range criterion.MetricRegex {
		if _, err := metrics.CompilePattern(pattern); err != nil {
			return criterion, fmt.Errorf("--metric-regex %q: %w", pattern, err)
		}
	}
	for name, t := range criterion.Tolerances {
		if err := checkTolerance(name, t.RTol, t.ATol); err != nil {
			return criterion, err
		}
	}
	if err := checkTolerance("--rtol and --atol", criterion.RTol, criterion.ATol); err != nil {
		return criterion, err
	}
	if criterion.RTol != 0 || criterion.ATol != 0 || criterion.DTypes || len(criterion.Tolerances) > 0 {
		criterion.Mode = "tolerance"
	}
	return criterion, nil
}

// orConfigured is a flag's value where the flag was given, else the configuration's where that says something.
func orConfigured[T any](c *cli.Context, flag string, value T, configured *T) T {
	if !c.IsSet(flag) && configured != nil {
		return *configured
	}
	return value
}

func checkTolerance(name string, values ...float64) error {
	for _, v := range values {
		if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s: a tolerance is a number of at least 0, not %v", name, v)
		}
	}
	return nil
}
