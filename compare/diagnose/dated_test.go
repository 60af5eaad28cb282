package diagnose

import (
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

func TestDatedSeed(t *testing.T) {
	started := time.Date(2026, 11, 6, 9, 5, 7, 0, time.UTC)
	tests := map[string]struct {
		value  string
		clock  bool
		warned bool
	}{
		"the day":                {"20261106", true, true},
		"the day as a text":      {"'2026-11-06'", true, true},
		"days since 1970":        {"20763", true, true},
		"days since the year 1":  {"739926", true, true},
		"the day of the year":    {"2026310", true, true},
		"the hour":               {"2026110609", true, true},
		"without a leading zero": {"6112026", true, true},
		"another day":            {"20261107", true, false},
		"a chosen number":        {"2026", true, false},
		"nothing":                {"None", true, false},
		"a longer text":          {"'run 2026-11-06'", true, false},
		"the clock is not read":  {"20261106", false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			sites := []*trace.Seen{{Site: trace.Site{Kind: probe.KindSeed, Stream: seed.PythonRandom, File: "train.py", Line: 3}, Values: []string{"1", tt.value}}}
			if tt.clock {
				sites = append(sites, &trace.Seen{Site: trace.Site{Kind: probe.KindClock, File: "train.py", Line: 2}})
			}
			o := &observation{run: &record.Run{Started: started}, summary: &trace.Summary{Sites: sites}}
			if warned := len(datedSeed(o)) > 0; warned != tt.warned {
				t.Errorf("warned: %v, want %v", warned, tt.warned)
			}
		})
	}
}
