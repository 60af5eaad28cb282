package all_test

import (
	"path/filepath"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/stablebaselines"
	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
)

func FuzzStableBaselines(f *testing.F) { fuzz(f, stablebaselines.Reader{}) }

func TestAgentsHaveTheTensorsThatStableBaselinesSaved(t *testing.T) {
	dir := write(t, "write_stablebaselines.py", "stable_baselines3")
	compareAll(t, dir)
	f, _ := open(t, filepath.Join(dir, "agent.zip"))
	if f.Format != "stable-baselines3" {
		t.Errorf("format %s", f.Format)
	}
	times := 0
	for _, e := range f.Entries {
		switch e.Name {
		case "data.start_time", "data.ep_info_buffer[0].t":
			times++
			if volatile.Name(e.Name) == "" {
				t.Errorf("%s is taken for a result", e.Name)
			}
		case "data.ep_info_buffer[0].r", "data.ep_info_buffer[0].l":
			if why := volatile.Name(e.Name); why != "" {
				t.Errorf("%s is taken for %s", e.Name, why)
			}
		}
	}
	if times != 2 {
		t.Errorf("%d times, want 2", times)
	}
}
