package diagnose

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// TestCompareNamesEnvironments compares records whose results differ and that were made elsewhere or otherwise.
func TestCompareNamesEnvironments(t *testing.T) {
	made := func(loss, cpu, torch, threads string) Recorded {
		fact := func(name, value string) probe.Event {
			return probe.Event{Kind: probe.KindFact, Value: value, Detail: json.RawMessage(fmt.Sprintf(`{"name":%q}`, name))}
		}
		run := &record.Run{ID: loss, Machine: record.Machine{OS: "linux", Arch: "amd64", CPU: cpu},
			Metrics: []record.Series{{Name: "loss", Origin: "stdout", Digest: loss, Points: []record.Point{{Text: loss}}}}}
		return Recorded{Run: run, Trace: memory{[]probe.Event{
			{Kind: probe.KindProcess, Detail: json.RawMessage(`{"python":"3.11.2","hash_seed":"random"}`)},
			fact("torch", torch), fact("torch.num_threads", threads)}}}
	}
	here := made("0.1", "EPYC", "2.15.0", "2")
	for _, test := range []struct {
		name  string
		there Recorded
		want  []string
	}{
		{"the same environment", made("0.2", "EPYC", "2.15.0", "2"), nil},
		{"another processor", made("0.2", "Xeon", "2.15.0", "2"), []string{"hardware: cpu is EPYC in one record and Xeon in the other"}},
		{"a record without the processor's name", made("0.2", "", "2.15.0", "2"), nil},
		{"another release and thread count", made("0.2", "EPYC", "1.13.0", "8"), []string{
			"software: torch is 2.15.0 in one record and 1.13.0 in the other",
			"threads: torch.num_threads is 2 in one record and 8 in the other"}},
		{"equal results", made("0.1", "Xeon", "1.13.0", "8"), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			audit := &record.Audit{Dir: t.TempDir(), Criterion: record.Criterion{Mode: "exact"}}
			if err := Compare(context.Background(), audit, here, test.there); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range audit.Causes {
				if c.Proof != record.Observed {
					t.Errorf("%s is %s", c.Source, c.Proof)
				}
				for _, line := range c.Evidence {
					got = append(got, fmt.Sprintf("%s: %s", c.Source, line))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
