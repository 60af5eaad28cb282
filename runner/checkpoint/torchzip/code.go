package torchzip

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// source is a file of TorchScript code.
type source struct{ name, text string }

// canonical returns code without what differs between two processes that save the same module: constants of a class are
// written in the order of a Python set, and classes of one name get numbers that go on from what was compiled before.
func canonical(code []source) []source {
	numbers := map[string]string{}
	for i, s := range code {
		code[i].text = sortConstants(s.text)
		eachNumber(s.name, func(n string) string { numbers[n] = ""; return n })
		eachNumber(s.text, func(n string) string { numbers[n] = ""; return n })
	}
	ordered := make([]string, 0, len(numbers))
	for n := range numbers {
		ordered = append(ordered, n)
	}
	slices.SortFunc(ordered, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	for i, n := range ordered {
		numbers[n] = strconv.Itoa(i)
	}
	renumbered := func(n string) string { return numbers[n] }
	for i, s := range code {
		code[i] = source{eachNumber(s.name, renumbered), eachNumber(s.text, renumbered)}
	}
	return code
}

// sortConstants sorts the lines that declare constants, one class after the other.
func sortConstants(text string) string {
	const declares = " : Final["
	if !strings.Contains(text, declares) {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); i++ {
		n := i
		for n < len(lines) && strings.Contains(lines[n], declares) {
			n++
		}
		slices.Sort(lines[i:n])
		i = n
	}
	return strings.Join(lines, "")
}

// eachNumber replaces the number of each class that TorchScript told from another of its name.
func eachNumber(text string, replace func(string) string) string {
	const mark = "___torch_mangle_"
	parts := strings.Split(text, mark)
	for i, part := range parts[1:] {
		rest := strings.TrimLeft(part, "0123456789")
		parts[i+1] = replace(part[:len(part)-len(rest)]) + rest
	}
	return strings.Join(parts, mark)
}
