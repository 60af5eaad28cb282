package plan

import "testing"

func TestParseBytes(t *testing.T) {
	for in, want := range map[string]int64{
		"1": 1, "50GB": 50e9, "50 gb": 50e9, "46.5GiB": 46.5 * (1 << 30), "1.5T": 1.5e12, "512MiB": 512 << 20, "2kB": 2000, "1e3B": 1000,
	} {
		if got, err := ParseBytes(in); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "GB", "-5GB", "0", "NaN", "Inf", "50XB", "50GBs", "5 0GB", "9300PB", "1e300"} {
		if got, err := ParseBytes(in); err == nil {
			t.Errorf("%q: accepted as %d", in, got)
		}
	}
}

func TestParseParameters(t *testing.T) {
	for text, want := range map[string]float64{"3e9": 3e9, "7B": 7e9, "1.5b": 1.5e9, "350M": 350e6, "12k": 12e3, "1T": 1e12, "1000": 1000} {
		if got, err := ParseParameters(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "B", "7BB", "7 B", "seven", "7GB"} {
		if got, err := ParseParameters(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
