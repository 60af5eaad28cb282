package volatile

import "strings"

// Mask replaces every volatile part of a text by a fixed token ("<a date or time stamp>"), so that two texts that differ
// only in such parts become equal. why names the last kind of part replaced, "" where the text is unchanged.
func Mask(text string) (masked, why string) {
	return maskWith(text, func([]byte) (int, string) { return 0, "" })
}

// MaskPath is Mask for a file name, in which short hexadecimal ids and numbers are not taken as content either:
// "runs/2026-11-23_16-04-11/model-3f2a9c1e.pt" and "ckpt-12345.pt" keep only what a person chose.
func MaskPath(path string) string {
	masked, _ := maskWith(path, func(s []byte) (int, string) {
		if n := hexID(s); n > 0 {
			return n, Identifier
		}
		n := 0
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		return n, "number"
	})
	return masked
}

func maskWith(text string, more func([]byte) (int, string)) (masked, why string) {
	s := []byte(text)
	var out strings.Builder
	kept := 0
	for i := 0; i < len(s); {
		c := s[i]
		if i > 0 && (isDigit(s[i-1]) || isLetter(s[i-1]) && isLetter(c)) {
			i++
			continue
		}
		n, reason := Match(s[i:])
		if n == 0 {
			n, reason = more(s[i:])
		}
		if n == 0 {
			i++
			continue
		}
		out.Write(s[kept:i])
		out.WriteByte('<')
		out.WriteString(reason)
		out.WriteByte('>')
		i += n
		kept, why = i, reason
	}
	if kept == 0 {
		return text, ""
	}
	out.Write(s[kept:])
	return out.String(), why
}

// hexID matches 6 to 64 hexadecimal digits with at least one letter and one decimal digit among them.
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
	if n < 6 || n > 64 || letters == 0 || decimals == 0 {
		return 0
	}
	return wordEnd(s, n)
}
