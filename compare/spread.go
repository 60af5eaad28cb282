package compare

import (
	"math"

	"github.com/montanaflynn/stats"
)

// sampleStdDev is the standard deviation with n-1 in the denominator, NaN for fewer than two values or one that is not finite.
func sampleStdDev(values []float64) float64 {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return math.NaN()
		}
	}
	sd, err := stats.StandardDeviationSample(values)
	if err != nil {
		return math.NaN()
	}
	return sd
}

// mean is NaN for no values.
func mean(values []float64) float64 {
	m, err := stats.Mean(values)
	if err != nil {
		return math.NaN()
	}
	return m
}
