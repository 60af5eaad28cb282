package volatile

// Announced reports the length of an identifier at s[i:] that the word before it announces: "run 3f2a9c1e", "job=12345", "Session: ab12-x".
// It is a word with a digit in it, or of hexadecimal digits; without such a word before it the same text may be a result. 0 where there is none.
// "token" and its like announce a secret that was drawn for the occasion, where what follows is long and no number: a model has tokens as well.
func Announced(s []byte, i int) int {
	if i > 0 && isNamePart(s[i-1]) {
		return 0
	}
	n, digit, letter := 0, false, false
	for i+n < len(s) && n <= 64 && isNamePart(s[i+n]) {
		digit, letter = digit || isDigit(s[i+n]), letter || isLetter(s[i+n])
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
	if end == i || start == end {
		return 0
	}
	if word := string(s[start:end]); Name(word) != Identifier && !(secret(word) && letter && n >= shortestSecret) {
		return 0
	}
	return n
}

const shortestSecret = 16

func secret(name string) bool {
	words, _ := split(name)
	return len(words) > 0 && secrets[words[len(words)-1]]
}

func isNamePart(c byte) bool { return isDigit(c) || isLetter(c) || c == '-' || c == '_' }
