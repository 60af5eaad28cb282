package volatile

import "strings"

// dateTime matches a date of year, month and day (2026-11-23, 2026/11/23, 2026_11_23, 20261123, 202611231604), or of day and month
// with slashes, and a time of day after it where there is one (2026-11-23_16-04-11, 20261123T160411Z).
func dateTime(s []byte) int {
	n := 0
	switch {
	case len(s) >= 10 && digits(s, 0, 4) && isDateSeparator(s[4]) && digits(s, 5, 2) && s[7] == s[4] && digits(s, 8, 2) &&
		calendar(number(s[:4]), number(s[5:7]), number(s[8:10])):
		n = 10
	case len(s) >= 10 && digits(s, 0, 2) && s[2] == '/' && digits(s, 3, 2) && s[5] == '/' && digits(s, 6, 4) &&
		(calendar(number(s[6:10]), number(s[3:5]), number(s[0:2])) || calendar(number(s[6:10]), number(s[0:2]), number(s[3:5]))):
		n = 10
	case len(s) >= 8 && digits(s, 0, 8) && calendar(number(s[:4]), number(s[4:6]), number(s[6:8])):
		n = 8
		if len(s) >= 14 && digits(s, 8, 6) && timeOfDay(number(s[8:10]), number(s[10:12]), number(s[12:14])) {
			return wordEnd(s, 14)
		}
		if len(s) >= 12 && digits(s, 8, 4) && timeOfDay(number(s[8:10]), number(s[10:12]), 0) {
			return wordEnd(s, 12)
		}
	case len(s) >= 14 && digits(s, 0, 2) && s[2] == '/' && digits(s, 3, 2) && s[5] == ' ' && digits(s, 6, 2) && s[8] == ':' &&
		calendar(2000, number(s[0:2]), number(s[3:5])):
		n = 5
	default:
		return 0
	}
	if n < len(s) && isDigit(s[n]) {
		return 0
	}
	if n < len(s) && (s[n] == 'T' || s[n] == ' ' || s[n] == '_' || s[n] == '-' || s[n] == '.') {
		if m := laterClock(s[n+1:]); m > 0 {
			return n + 1 + m
		}
	}
	return n
}

// laterClock matches the time of day that follows a date: the separators of file names are allowed too.
func laterClock(s []byte) int {
	n := 0
	switch {
	case len(s) >= 8 && digits(s, 0, 2) && isClockSeparator(s[2]) && digits(s, 3, 2) && s[5] == s[2] && digits(s, 6, 2):
		n = 8
	case len(s) >= 6 && digits(s, 0, 6) && timeOfDay(number(s[0:2]), number(s[2:4]), number(s[4:6])):
		n = 6
	case len(s) >= 5 && digits(s, 0, 2) && isClockSeparator(s[2]) && digits(s, 3, 2):
		n = 5
	case len(s) >= 4 && digits(s, 0, 4) && timeOfDay(number(s[0:2]), number(s[2:4]), 0):
		n = 4
	default:
		return 0
	}
	n = fraction(s, n)
	return zone(s, n)
}

// days matches a duration as Python's timedelta prints it, "1 day, 0:12:33".
func days(s []byte) int {
	n := 0
	for n < len(s) && n < 5 && isDigit(s[n]) {
		n++
	}
	for _, word := range [...]string{" day, ", " days, "} {
		if len(s) > n+len(word) && string(s[n:n+len(word)]) == word {
			if m := clock(s[n+len(word):]); m > 0 {
				return n + len(word) + m
			}
		}
	}
	return 0
}

// clock matches hh:mm:ss and mm:ss without a date: a time of day or a duration.
func clock(s []byte) int {
	if len(s) < 4 || !isDigit(s[0]) {
		return 0
	}
	n := 1
	if n < len(s) && isDigit(s[n]) {
		n++
	}
	if n+3 > len(s) || s[n] != ':' || !digits(s, n+1, 2) {
		return 0
	}
	hours := n
	n += 3
	if n+3 <= len(s) && s[n] == ':' && digits(s, n+1, 2) {
		n = zone(s, fraction(s, n+3))
	} else if hours < 2 || number(s[:2]) > 59 || s[3] > '5' {
		return 0 // "3:10" may be a ratio or a place in a file
	}
	if n < len(s) && (isDigit(s[n]) || s[n] == ':') {
		return 0
	}
	return n
}

// spelledDuration matches 1h 2m 3s, 0m 8s, 16h04m11s: at least two parts, from the larger to the smaller unit.
func spelledDuration(s []byte) int {
	const units = "dhms"
	n, parts, last := 0, 0, -1
	for parts < len(units) {
		i := n
		if parts > 0 && i < len(s) && s[i] == ' ' {
			i++
		}
		start := i
		for i < len(s) && i-start < 6 && (isDigit(s[i]) || s[i] == '.' && i > start) {
			i++
		}
		if i == start || i >= len(s) {
			break
		}
		unit := strings.IndexByte(units, s[i])
		if unit <= last || i+1 < len(s) && (isLetter(s[i+1]) || s[i+1] == '/') {
			break
		}
		n, parts, last = i+1, parts+1, unit
	}
	if parts < 2 {
		return 0
	}
	return wordEnd(s, n)
}

// unixTime matches seconds since 1970, with a fraction or in milli-, micro- or nanoseconds, from 2020 to 2033.
func unixTime(s []byte) int {
	n := 0
	for n < len(s) && n < 20 && isDigit(s[n]) {
		n++
	}
	if n != 10 && n != 13 && n != 16 && n != 19 {
		return 0
	}
	if head := number(s[:2]); head < 16 || head > 19 {
		return 0
	}
	if n == 10 {
		n = fraction(s, n)
	}
	return wordEnd(s, n)
}

// namedDate matches dates with English names: "Mon Nov 23 16:21:08 2026", "Nov 23 16:21:08", "Nov23_16-04-11" (the
// default folder of torch.utils.tensorboard), "23 Nov" is left to the words around it.
func namedDate(s []byte) int {
	n := 0
	if among(s, "MonTueWedThuFriSatSun") {
		n = 3
		if n < len(s) && s[n] == ',' {
			n++
		}
		if n >= len(s) || s[n] != ' ' {
			return 0
		}
		n++
		if n+6 < len(s) && digits(s, n, 2) && s[n+2] == ' ' && among(s[n+3:], months) { // "Mon, 23 Nov 2026 16:21:08"
			return trailingYearAndTime(s, n+6)
		}
	}
	if !among(s[n:], months) {
		return 0
	}
	n += 3
	if n < len(s) && s[n] == ' ' {
		n++
		if n < len(s) && s[n] == ' ' {
			n++
		}
	}
	start := n
	for n < len(s) && n-start < 2 && isDigit(s[n]) {
		n++
	}
	if n == start || n < len(s) && (isDigit(s[n]) || isLetter(s[n]) || s[n] == '.') {
		return 0
	}
	if n < len(s) && (s[n] == '_' || s[n] == '-') {
		if m := laterClock(s[n+1:]); m > 0 {
			return n + 1 + m
		}
		return 0
	}
	end := trailingYearAndTime(s, n)
	if end == n {
		return 0 // "May 3" alone may be prose
	}
	return end
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// trailingYearAndTime extends a date over ", 2026", " 16:21:08" and " 16:21:08 UTC 2026" in either order.
func trailingYearAndTime(s []byte, n int) int {
	for range 3 {
		i := n
		for i < len(s) && i-n < 2 && (s[i] == ' ' || s[i] == ',') {
			i++
		}
		if i == n || i >= len(s) {
			return n
		}
		switch {
		case i+4 <= len(s) && digits(s, i, 4) && number(s[i:i+4]) >= 1970 && number(s[i:i+4]) < 2100 && wordEnd(s, i+4) > 0:
			n = i + 4
		case i+5 <= len(s) && digits(s, i, 2) && s[i+2] == ':':
			m := laterClock(s[i:])
			if m == 0 {
				return n
			}
			n = i + m
		case i+3 <= len(s) && (string(s[i:i+3]) == "UTC" || string(s[i:i+3]) == "GMT"):
			n = i + 3
		default:
			return n
		}
	}
	return n
}

// glogPrefix matches the head of a line of glog and absl: "I1123 16:04:11.123456 12345 ", severity, date, time, thread.
func glogPrefix(s []byte) int {
	if len(s) < 21 || s[0] != 'I' && s[0] != 'W' && s[0] != 'E' && s[0] != 'F' || !digits(s, 1, 4) || s[5] != ' ' {
		return 0
	}
	m := laterClock(s[6:])
	if m < 9 {
		return 0
	}
	n := 6 + m
	for n < len(s) && s[n] == ' ' {
		n++
	}
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// fraction extends n over ".123" or ",123" at s[n:]; a comma takes exactly the three digits that Python's logging prints, and the same once
// more behind a point, as "%(asctime)s.%(msecs)03d" has it.
func fraction(s []byte, n int) int {
	if n+1 >= len(s) || s[n] != '.' && s[n] != ',' || !isDigit(s[n+1]) {
		return n
	}
	m := n + 1
	for m < len(s) && m-n < 12 && isDigit(s[m]) {
		m++
	}
	if s[n] == '.' {
		return m
	}
	if m-n != 4 {
		return n
	}
	if again := m + 4; again <= len(s) && s[m] == '.' && string(s[m+1:again]) == string(s[n+1:m]) {
		return again
	}
	return m
}

// zone extends n over "Z" and "+01:00".
func zone(s []byte, n int) int {
	if n < len(s) && s[n] == 'Z' && wordEnd(s, n+1) > 0 {
		return n + 1
	}
	if n+5 <= len(s) && (s[n] == '+' || s[n] == '-') && digits(s, n+1, 2) {
		if n+6 <= len(s) && s[n+3] == ':' && digits(s, n+4, 2) {
			return n + 6
		}
		if digits(s, n+1, 4) && wordEnd(s, n+5) > 0 {
			return n + 5
		}
	}
	return n
}

func calendar(year, month, day int) bool {
	return year >= 1970 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31
}

func timeOfDay(hour, minute, second int) bool { return hour < 24 && minute < 60 && second < 61 }

// isDateSeparator allows what separates the parts of a date in texts and in file names.
func isDateSeparator(c byte) bool { return c == '-' || c == '/' || c == '_' || c == '.' }

func isClockSeparator(c byte) bool { return c == ':' || c == '-' || c == '_' || c == '.' }

// digits reports whether s has n digits from i on.
func digits(s []byte, i, n int) bool {
	if i+n > len(s) {
		return false
	}
	for _, c := range s[i : i+n] {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// number is the value of at most four decimal digits.
func number(s []byte) int {
	v := 0
	for _, c := range s {
		v = v*10 + int(c-'0')
	}
	return v
}

// among reports whether s begins with one of the three-letter words joined in words, in that case exactly.
func among(s []byte, words string) bool {
	if len(s) < 3 {
		return false
	}
	for i := 0; i+3 <= len(words); i += 3 {
		if string(s[:3]) == words[i:i+3] {
			return true
		}
	}
	return false
}
