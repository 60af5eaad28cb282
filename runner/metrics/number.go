package metrics

import (
	"math"
	"strconv"
	"strings"
)

// number is a numeric token at the start of a text.
type number struct {
	size    int // of the number itself, "%" included
	value   float64
	integer bool
	ok      bool
}

// parseNumber reads a decimal number, "nan" or "inf" at the start of s. It does not look at what follows, except that
// a word cannot continue: "nano" and "info" are no numbers.
func parseNumber(s []byte) number {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	if i >= len(s) {
		return number{}
	}
	if !isDigit(s[i]) && s[i] != '.' {
		return parseNotFinite(s, i)
	}
	start := i
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	integer := i > start
	digits := i - start
	if i+1 < len(s) && s[i] == '.' && isDigit(s[i+1]) {
		integer = false
		for i++; i < len(s) && isDigit(s[i]); i++ {
			digits++
		}
	}
	if digits == 0 {
		return number{}
	}
	// Fortran's libraries, SciPy's L-BFGS among them, write the exponent with a D.
	exponent := byte(0)
	if i+1 < len(s) && (s[i]|0x20 == 'e' || s[i] == 'D') {
		j := i + 1
		if s[j] == '+' || s[j] == '-' {
			j++
		}
		end := j
		for end < len(s) && isDigit(s[end]) {
			end++
		}
		// "397921e9" and "72e53934" begin UUIDs: numbers are printed with a point or with a sign in the exponent.
		if id := isLetter(s[j-1]) && integer && (digits > 2 || end-j > 2); end > j && !id {
			exponent, integer, i = s[i], false, end
		}
	}
	if i > 400 {
		return number{} // no program prints a metric with as many digits
	}
	n := number{size: i, integer: integer, ok: true}
	n.value = decimal(s[:i], exponent)
	return n
}

// grouped reads a number whose thousands are set apart, "1,234,567.8" or "10_000", at the start of s; ok is false where there is none.
func grouped(s []byte) (n number) {
	i := 0
	for i < len(s) && i < 4 && isDigit(s[i]) {
		i++
	}
	if i == 0 || i > 3 || i >= len(s) || s[i] != ',' && s[i] != '_' {
		return number{}
	}
	separator := s[i]
	plain := append(make([]byte, 0, 32), s[:i]...)
	for i+3 < len(s) && s[i] == separator && isDigit(s[i+1]) && isDigit(s[i+2]) && isDigit(s[i+3]) && len(plain) < 300 {
		plain = append(plain, s[i+1:i+4]...)
		i += 4
	}
	if len(plain) < 4 || i < len(s) && (isDigit(s[i]) || s[i] == separator && i+1 < len(s) && isWord(s[i+1])) {
		return number{}
	}
	n = number{size: i, integer: true, ok: true}
	if i+1 < len(s) && s[i] == '.' && isDigit(s[i+1]) {
		start := i
		for i++; i < len(s) && isDigit(s[i]); i++ {
		}
		plain = append(plain, s[start:i]...)
		n.size, n.integer = i, false
	}
	n.value = decimal(plain, 0)
	return n
}

// decimal converts the digits that parseNumber has delimited.
func decimal(s []byte, exponent byte) float64 {
	if v, ok := shortDecimal(s); ok {
		return v
	}
	text := string(s)
	if exponent == 'D' {
		text = strings.Replace(text, "D", "e", 1)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(v, 0) && v != 0 {
		return math.NaN()
	}
	return v
}

// shortDecimal converts what is printed most: at most 15 digits and no exponent. Digits and power of ten are then exact as
// float64, and so their quotient is rounded correctly (Clinger, "How to Read Floating Point Numbers Accurately", 1990).
func shortDecimal(s []byte) (v float64, ok bool) {
	powers := [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}
	if len(s) > 17 {
		return 0, false
	}
	digits, places, whole, negative := 0, 0, int64(0), false
	for i, c := range s {
		switch {
		case isDigit(c):
			whole = whole*10 + int64(c-'0')
			digits++
		case c == '.':
			places = len(s) - i - 1
		case c == '-' && i == 0:
			negative = true
		case c == '+' && i == 0:
		default:
			return 0, false
		}
	}
	if digits > 15 {
		return 0, false
	}
	v = float64(whole) / powers[places]
	if negative {
		v = -v
	}
	return v, true
}

// parseNotFinite reads nan, inf and infinity in any case, with s[:sign] the sign.
func parseNotFinite(s []byte, sign int) number {
	word := 0
	for sign+word < len(s) && word < 9 && isLetter(s[sign+word]) {
		word++
	}
	end := sign + word
	if end < len(s) && (isWord(s[end]) && s[end] != '.' || isDigit(s[end])) {
		return number{}
	}
	n := number{size: end, ok: true}
	switch lower(s[sign:end]) {
	case "nan":
		n.value = math.NaN()
	case "inf", "infinity":
		n.value = math.Inf(1)
		if sign == 1 && s[0] == '-' {
			n.value = math.Inf(-1)
		}
	default:
		return number{}
	}
	return n
}

func lower(s []byte) string {
	var b [9]byte
	for i, c := range s {
		b[i] = c | 0x20
	}
	return string(b[:len(s)])
}

func isDigit(c byte) bool  { return c-'0' <= 9 }
func isLetter(c byte) bool { return (c|0x20)-'a' <= 'z'-'a' }

func isHex(c byte) bool { return isDigit(c) || (c|0x20)-'a' <= 'f'-'a' }

// isWord reports whether c continues a word of a metric's name.
func isWord(c byte) bool { return wordBytes[c] }

var wordBytes = func() (t [256]bool) {
	for c := range 256 {
		b := byte(c)
		t[c] = isDigit(b) || isLetter(b) || b >= 0x80
	}
	for _, b := range []byte("_.-+@/\\^") {
		t[b] = true
	}
	return t
}()
