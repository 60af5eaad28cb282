package seed

import (
	"slices"
	"strconv"
	"strings"
)

// fixed is a variable with one good value.
func fixed(name, value string) Variable {
	return Variable{Name: name, Value: always(value)}
}

// choice is a variable whose first value is set and whose others, compared without regard to case, are kept.
func choice(name string, values ...string) Variable {
	return Variable{
		Name:  name,
		Value: always(values[0]),
		Accepts: func(value string) bool {
			return slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, value) })
		},
		Accepted: strings.Join(values, ", "),
	}
}

// anything is a variable of which every value is as good, as long as it stays the same.
func anything(name, value string) Variable {
	return Variable{
		Name:     name,
		Value:    always(value),
		Accepts:  func(string) bool { return true },
		Accepted: "any value",
	}
}

// seed32 is a variable that holds a 32-bit seed.
func seed32(name string) Variable {
	return Variable{
		Name:     name,
		Value:    func(seed uint64, _ int) string { return strconv.FormatUint(uint64(uint32(seed)), 10) },
		Accepts:  func(value string) bool { _, err := strconv.ParseUint(value, 10, 32); return err == nil },
		Accepted: "0 to 4294967295",
	}
}

// byRun is a variable that takes one value of a list in each run, beginning again after the last.
func byRun(name string, values ...string) Variable {
	return Variable{Name: name, Value: func(_ uint64, run int) string { return cycle(run, values) }}
}

func always(value string) func(uint64, int) string {
	return func(uint64, int) string { return value }
}

func cycle[T any](run int, values []T) T { return values[run%len(values)] }
