package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseBytes reads an amount of storage: digits with an optional unit, decimal as disks are sold (kB, MB, GB, TB, PB, or
// their first letter) or binary as system tools print it (KiB, MiB, GiB, TiB, PiB). Case does not matter.
func ParseBytes(s string) (int64, error) {
	number := strings.TrimRightFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == ' ' })
	unit := strings.ToLower(strings.TrimSpace(s[len(number):]))
	factor, ok := map[string]float64{
		"": 1, "b": 1,
		"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15,
		"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "pb": 1e15,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "pib": 1 << 50,
	}[unit]
	value, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(value > 0) || value*factor >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no amount of storage such as 50GB or 46.5GiB", s)
	}
	return int64(value * factor), nil
}

// ParseParameters reads a number of parameters as models are named by it: 3e9, 7B, 350M or 12k. Case does not matter.
func ParseParameters(s string) (float64, error) {
	number := strings.TrimRight(s, "kKmMbBtT")
	factor, ok := map[string]float64{"": 1, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}[strings.ToLower(s[len(number):])]
	value, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("%q is no number of parameters such as 3e9, 7B or 350M", s)
	}
	return value * factor, nil
}
