package volatile

// Announced reports the length of an identifier at s[i:] that the word before it announces: "run 3f2a9c1e", "job=12345", "Session: ab12-x".
// It is a word with a digit in it, or of hexadecimal digits; without such a word before it the same text may be a result. 0 where there is none.
func Announced(s []byte, i int) int {
	if i > 0 && isNamePart(s[i-1]) {
		return 0
	}
	n, digit := 0, false
	for i+n < len(s) && n <= 64 && isNamePart(s[i+n]) {
		digit = digit || isDigit(s[i+n])
		n++
	}
	if n > 64 || !digit && hexID(s[i:]) != n {
		return 0
	}
	end := i
	for end > 0 && i-end < 4 && (s[end-1] == ' ' || s[end-1] == ':' || s[end-1] == '=' || s[end-1] == '"' || s[end-1] == '\'' || s[end-1] == '#') {
		end--
	}
	start := end
	for start > 0 && end-start < 16 && (isLetter(s[start-1]) || s[start-1] == '_') {
		start--
	}
	if end == i || start == end || Name(string(s[start:end])) != Identifier {
		return 0
	}
	return n
}

func isNamePart(c byte) bool { return isDigit(c) || isLetter(c) || c == '-' || c == '_' }
