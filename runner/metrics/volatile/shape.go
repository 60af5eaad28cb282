package volatile

import "strings"

// Match reports the length of the volatile text that s begins with, and why it is volatile; 0 where there is none.
// The caller makes sure that s begins at the start of a word. It recognises dates and times of day in the forms of
// ISO 8601, of strftime's usual formats and of the run folders that trainers make, durations (0:12:33, 1m 23s),
// UUIDs, addresses (0x7f...), Unix times, and temporary paths. It looks at no more than a short prefix of s.
func Match(s []byte) (n int, why string) {
	if len(s) < 4 {
		return 0, ""
	}
	c := s[0]
	switch {
	case c == '/':
		if n := temporaryPath(s); n > 0 {
			return n, Path
		}
		return 0, ""
	case isDigit(c):
		return matchDigits(s)
	case c >= 'A' && c <= 'Z':
		if n := namedDate(s); n > 0 {
			return n, Date
		}
		if n := uuid(s); n > 0 {
			return n, Identifier
		}
		if n := glogPrefix(s); n > 0 {
			return n, Date
		}
	case c >= 'a' && c <= 'f':
		if n := uuid(s); n > 0 {
			return n, Identifier
		}
	case c == 't':
		if n := temporaryName(s); n > 0 {
			return n, Path
		}
	}
	return 0, ""
}

// Moment reports whether a number called name is a time or a date: it has the shape of one, and, where the shape alone may as well be a
// seed or a checksum ("1764000000", "20261123"), a name that fits or none at all.
func Moment(text []byte, name string) bool {
	n, why := Match(text)
	if n == 0 || n != len(text) || why != Date || Measure(name) {
		return false
	}
	if digitRun(text) != n || n == len("20261123160411") {
		return true
	}
	if i := strings.LastIndexAny(name, "/."); i >= 0 {
		name = name[i+1:]
	}
	words, _ := split(name)
	return len(words) == 0 || momentWords[words[len(words)-1]] || Name(name) != ""
}

var momentWords = set(`start started starting begin began begun end ended finished now today created saved updated modified written logged
	launched stamp since at on when t unix run id version build`)

// matchDigits is Match for a text that begins with a digit. Nearly all numbers are none of these shapes, which the length of the run of
// digits and the character after it show.
func matchDigits(s []byte) (n int, why string) {
	run := 1
	for run < len(s) && run < 20 && isDigit(s[run]) {
		run++
	}
	next := byte(0)
	if run < len(s) {
		next = s[run]
	}
	switch {
	case isHex(next) || next == '-' || run == 20:
		n, why = uuid(s), Identifier
	case next == 'x' && run == 1:
		n, why = address(s), Address
	}
	if n > 0 {
		return n, why
	}
	switch {
	case run == 4 || run == 8 || run == 12 || run == 14 || run == 2 && next == '/':
		n, why = dateTime(s), Date
	case run <= 2 && next == ':':
		n, why = clock(s), Time
	case run >= 10:
		n, why = unixTime(s), Date
	}
	if n > 0 {
		return n, why
	}
	switch next {
	case 'd', 'h', 'm':
		n = spelledDuration(s)
	case ' ':
		n = days(s)
	}
	if n > 0 {
		return n, Time
	}
	return 0, ""
}

// uuid matches 8-4-4-4-12 hexadecimal digits, and the 32 digits of a random UUID written without hyphens; the latter
// only with its version and variant digits in place, so that an MD5 digest is seldom taken for one (RFC 9562, 5.4).
func uuid(s []byte) int {
	if len(s) >= 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		for i, c := range s[:36] {
			if i != 8 && i != 13 && i != 18 && i != 23 && !isHex(c) {
				return 0
			}
		}
		return wordEnd(s, 36)
	}
	if len(s) >= 32 && s[12] == '4' && (s[16] == '8' || s[16] == '9' || s[16]|0x20 == 'a' || s[16]|0x20 == 'b') {
		for _, c := range s[:32] {
			if !isHex(c) {
				return 0
			}
		}
		return wordEnd(s, 32)
	}
	return 0
}

// address matches 0x and at least six hexadecimal digits, as Python's default repr prints.
func address(s []byte) int {
	if s[0] != '0' || s[1]|0x20 != 'x' {
		return 0
	}
	n := 2
	for n < len(s) && n < 20 && isHex(s[n]) {
		n++
	}
	if n < 8 {
		return 0
	}
	return wordEnd(s, n)
}

// temporaryName matches what Python's tempfile makes: "tmp" and eight characters of [a-z0-9_].
func temporaryName(s []byte) int {
	if len(s) < 11 || string(s[:3]) != "tmp" {
		return 0
	}
	for _, c := range s[3:11] {
		if !isDigit(c) && (c < 'a' || c > 'z') && c != '_' {
			return 0
		}
	}
	return wordEnd(s, 11)
}

// temporaryPath matches a path below a directory for temporary files, up to the next blank or quote.
func temporaryPath(s []byte) int {
	const longest = 4096
	for _, dir := range [...]string{"/tmp/", "/var/tmp/", "/var/folders/", "/private/var/folders/", "/dev/shm/"} {
		if len(s) > len(dir) && string(s[:len(dir)]) == dir {
			n := len(dir)
			for n < len(s) && n < longest && s[n] > ' ' && s[n] != '"' && s[n] != '\'' && s[n] != ')' && s[n] != ',' {
				n++
			}
			return n
		}
	}
	return 0
}

// wordEnd is n when a word of s ends there, else 0.
func wordEnd(s []byte, n int) int {
	if n < len(s) && (isDigit(s[n]) || isLetter(s[n])) {
		return 0
	}
	return n
}

func isDigit(c byte) bool  { return c-'0' <= 9 }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isHex(c byte) bool    { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
