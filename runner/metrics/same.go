package metrics

import (
	"strconv"
	"strings"
)

// SameNumber reports whether two texts that parse to the same float64 are the same number in full: "0.10" and "1e-1" are,
// "9007199254740992" and "9007199254740993" are not. Texts that are no plain decimal numbers ("nan", "3/4") must be equal.
func SameNumber(a, b string) bool {
	if a == b {
		return true
	}
	digitsA, expA, okA := normalise(a)
	digitsB, expB, okB := normalise(b)
	if !okA || !okB {
		return strings.EqualFold(strings.TrimPrefix(a, "+"), strings.TrimPrefix(b, "+"))
	}
	return digitsA == digitsB && expA == expB
}

// normalise writes a decimal number as digits, without zeros at either end and with a sign if it is negative, times a power of ten.
func normalise(s string) (digits string, exp int, ok bool) {
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = "-"
		}
		s = s[1:]
	}
	if i := strings.IndexAny(s, "eED"); i >= 0 {
		e, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
		if err != nil {
			return "", 0, false
		}
		exp, s = e, s[:i]
	}
	suffix := ""
	if s != "" && !isDigit(s[len(s)-1]) && s[len(s)-1] != '.' {
		suffix, s = s[len(s)-1:], s[:len(s)-1]
	}
	whole, part, _ := strings.Cut(s, ".")
	exp -= len(part)
	s = whole + part
	for i := range len(s) {
		if !isDigit(s[i]) {
			return "", 0, false
		}
	}
	s = strings.TrimLeft(s, "0")
	trimmed := strings.TrimRight(s, "0")
	exp += len(s) - len(trimmed)
	if trimmed == "" {
		return sign + "0" + suffix, 0, true
	}
	return sign + trimmed + suffix, exp, true
}
