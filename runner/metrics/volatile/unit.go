package volatile

import "strings"

// Unit reports why a value printed with this unit is volatile ("ms", "it/s", "ms/step", "GB"), or "".
func Unit(unit string) string {
	if unit == "" || len(unit) > 24 {
		return ""
	}
	if i := strings.IndexByte(unit, '/'); i >= 0 {
		over, under := unit[:i], unit[i+1:]
		switch {
		case timeUnits[under] && over != "" || under == "s" || under == "sec":
			return Throughput
		case timeUnits[over]:
			return Time
		}
		return ""
	}
	if timeUnits[unit] {
		return Time
	}
	if byteUnits[unit] {
		return Size
	}
	if lower := strings.ToLower(unit); lower == "fps" || lower == "tflops" {
		return Throughput
	}
	return ""
}

// SpacedUnit is Unit for a word that stands apart from its number, where one letter may as well begin the next name.
func SpacedUnit(unit string) string {
	switch unit {
	case "m", "h", "B":
		return ""
	}
	return Unit(unit)
}

// Case matters: "s" is seconds, "M" is not minutes.
var (
	timeUnits = set(`s sec secs second seconds Sec Secs Seconds ms msec msecs millisecond milliseconds us µs μs usec microseconds ns
		nanoseconds m min mins minute minutes Minutes h hr hrs hour hours Hours`)
	byteUnits = set(`B KB MB GB TB kB KiB MiB GiB TiB bytes Bytes`)
)
