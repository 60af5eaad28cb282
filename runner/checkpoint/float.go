package checkpoint

import (
	"math"
	"strconv"
	"strings"
)

// NaN is the one that C and Python make of the text "nan"; math.NaN has other bits.
func NaN() float64 { return math.Float64frombits(0x7ff8000000000000) }

// ParseFloat reads a decimal, an infinity or a NaN as C and Python do.
func ParseFloat(text string) (float64, error) {
	if len(text) > 400 || strings.ContainsAny(text, "xX_") { // Go's own notations
		return 0, Damaged("no number: %q", Clip(text, 40))
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return 0, Damaged("no number: %q", Clip(text, 40))
	case math.IsNaN(f):
		return NaN(), nil
	}
	return f, nil
}
