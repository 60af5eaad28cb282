package volatile

import "strings"

// Mask replaces every volatile part of a text by a fixed token ("<a date or time stamp>"), so that two texts that differ
// only in such parts become equal. why names the last kind of part replaced, "" where the text is unchanged.
func Mask(text string) (masked, why string) {
	return mask(text, func(s []byte, i int) (int, string) {
		if n := Announced(s, i); n > 0 {
			return n, Identifier
		}
		// A hexadecimal id counts inside a compound word only, "run-3f2a9c1e", and up to 31 digits: standing alone or longer, it may
		// be a digest that the program prints to say what it computed.
		if i == 0 || s[i-1] != '-' && s[i-1] != '/' && s[i-1] != '_' && s[i-1] != '.' || i > 1 && s[i-1] == '.' && isDigit(s[i-2]) {
			return 0, ""
		}
		if n := hexID(s[i:]); n > 0 && n < 32 {
			return n, Identifier
		}
		if n := digitRun(s[i:]); n >= shortID && n < 32 && wordEnd(s[i:], n) > 0 {
			return n, Identifier // the same id when it happens to have no letter
		}
		return 0, ""
	})
}

// shortID is the usual length of an identifier cut from a UUID: its first group.
const shortID = 8

// MaskPath is Mask for a file name, in which hexadecimal ids and numbers are not taken as content wherever they stand:
// of "runs/2026-11-23_16-04-11/model-3f2a9c1e.pt" and "ckpt-12345.pt" only what a person chose is left.
func MaskPath(path string) string {
	masked, _ := mask(path, func(s []byte, i int) (int, string) {
		if n := hexID(s[i:]); n > 0 {
			return n, Identifier
		}
		return digitRun(s[i:]), Identifier
	})
	return masked
}

// mask replaces what Match finds, and what more finds at a place where Match finds nothing. The digits of a fraction are no place to
// look: "0.1764000000123456" is a weight and no time, and neither is a negative number.
func mask(text string, more func(s []byte, i int) (int, string)) (masked, why string) {
	s := []byte(text)
	var out strings.Builder
	kept := 0
	for i := 0; i < len(s); {
		c := s[i]
		if i > kept && (isDigit(s[i-1]) || isLetter(s[i-1]) && isLetter(c)) {
			i++
			continue
		}
		if negative(s, i) {
			i += digitRun(s[i:])
			continue
		}
		n, reason := Match(s[i:])
		if n == 0 {
			n, reason = more(s, i)
		}
		if n == 0 {
			i += max(1, fractional(s[i:]))
			continue
		}
		out.Write(s[kept:i])
		out.WriteByte('<')
		out.WriteString(reason)
		out.WriteByte('>')
		i += n
		kept, why = i, reason
	}
	if why == "" {
		return text, ""
	}
	out.Write(s[kept:])
	return out.String(), why
}

// negative reports whether the digit at s[i] follows a sign.
func negative(s []byte, i int) bool {
	return i > 0 && s[i-1] == '-' && isDigit(s[i]) && (i == 1 || !isDigit(s[i-2]) && !isLetter(s[i-2]) && s[i-2] != '_' && s[i-2] != '>')
}

// fractional is the length of the decimal number with a fraction that s begins with, 0 where there is none.
func fractional(s []byte) int {
	n := digitRun(s)
	if n == 0 || n+1 >= len(s) || s[n] != '.' || !isDigit(s[n+1]) {
		return 0
	}
	return n + 1 + digitRun(s[n+1:])
}

// ShortIDs reports whether two texts are short hexadecimal identifiers of the same length, as programs cut them from a UUID to tell runs
// apart: 6 to 31 digits, so no digests of a common hash function. One of them may happen to have no letter.
func ShortIDs(a, b string) bool {
	if len(a) != len(b) || len(a) < 6 || len(a) > 31 {
		return false
	}
	for i := range len(a) {
		if !isHex(a[i]) || !isHex(b[i]) {
			return false
		}
	}
	return hexID([]byte(a)) > 0 || hexID([]byte(b)) > 0
}

func digitRun(s []byte) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// hexID matches 6 to 64 hexadecimal digits with at least one letter and one decimal digit among them; of the usual length, letters alone
// will do, as there are no such words.
func hexID(s []byte) int {
	n, letters, decimals := 0, 0, 0
	for n < len(s) && n <= 64 && isHex(s[n]) {
		if isDigit(s[n]) {
			decimals++
		} else {
			letters++
		}
		n++
	}
	if n < 6 || n > 64 || letters == 0 || decimals == 0 && n != shortID {
		return 0
	}
	return wordEnd(s, n)
}
