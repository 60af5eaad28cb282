package metrics

import "github.com/reprocheck/reprocheck/runner/metrics/volatile"

// hexDigits is the length of the hexadecimal digits that s begins with, 0 unless there are at least 8, letters and decimal digits among them.
func hexDigits(s []byte) int {
	n := 0
	letters, decimals := false, false
	for n < len(s) && n <= 128 && isHex(s[n]) {
		if isDigit(s[n]) {
			decimals = true
		} else {
			letters = true
		}
		n++
	}
	if n < 8 || n > 128 || !letters || !decimals {
		return 0
	}
	return n
}

// isDigest reports whether that many hexadecimal digits are a digest, and so a result of the training: they have the length of a common
// hash function's, or a name such as "sha256" or "checksum". Its field has the text, and no number for a value.
func isDigest(label []byte, size int) bool {
	switch size {
	case 32, 40, 56, 64, 96, 128: // MD5, SHA-1, SHA-2 and SHA-3
		return true
	}
	return label != nil && volatile.Measure(string(label))
}
