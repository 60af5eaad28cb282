package local

import (
	"bufio"
	"io"
	"os"
	"strings"
)

// processor is the model of the first processor. Where the kernel has no name for it, as on Arm, it is the numbers of its
// maker and part.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer file.Close()
	const first = 1 << 14 // bytes, more than the first processor's paragraph
	var numbers []string
	lines := bufio.NewScanner(io.LimitReader(file, first))
	for lines.Scan() && lines.Text() != "" {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "model name":
			return strings.TrimSpace(value)
		case "CPU implementer", "CPU variant", "CPU part", "CPU revision":
			numbers = append(numbers, strings.TrimSpace(value))
		}
	}
	return strings.Join(numbers, " ")
}
