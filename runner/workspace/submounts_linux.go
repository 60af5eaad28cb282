package workspace

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
)

// mountPoints lists where file systems are mounted, from /proc/self/mountinfo, proc(5).
func mountPoints() ([]string, error) {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var points []string
	lines := bufio.NewScanner(bytes.NewReader(info))
	lines.Buffer(nil, len(info)+1)
	for lines.Scan() {
		if fields := bytes.Fields(lines.Bytes()); len(fields) > 4 {
			points = append(points, unescapeMount(fields[4]))
		}
	}
	return points, lines.Err()
}

// unescapeMount undoes the octal escapes of blanks, newlines and backslashes.
func unescapeMount(b []byte) string {
	var out []byte
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) {
			if n, err := strconv.ParseUint(string(b[i+1:i+4]), 8, 8); err == nil {
				out = append(out, byte(n))
				i += 3
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}
