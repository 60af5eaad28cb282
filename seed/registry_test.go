package seed_test

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/seed"
)

// contract is the table of source ids that other programs rely on, in its order.
const contract = `python-hash python-random numpy-legacy numpy-generator torch-cpu torch-cuda cudnn-benchmark cudnn-deterministic
torch-nondeterministic-ops cublas-workspace matmul-precision dataloader-workers threads concurrency os-entropy wall-clock file-order
object-identity host uninitialised-memory collectives external-state jax-key tensorflow-seed tensorflow-ops boosting-seed software hardware`

func TestAllIsTheContract(t *testing.T) {
	var got []string
	for _, s := range seed.All() {
		got = append(got, string(s.ID))
		if found, ok := seed.Lookup(s.ID); !ok || found.ID != s.ID {
			t.Errorf("Lookup(%q) = %q, %v", s.ID, found.ID, ok)
		}
	}
	if diff := cmp.Diff(strings.Fields(contract), got); diff != "" {
		t.Errorf("ids (-contract +registry):\n%s", diff)
	}
	if s, ok := seed.Lookup("nope"); ok {
		t.Errorf("Lookup of an unknown id found %q", s.ID)
	}
}

// TestSourcesAreDocumented holds what every reader of the registry relies on.
func TestSourcesAreDocumented(t *testing.T) {
	protocol, err := os.ReadFile("../docs/probe-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllSubmatch(protocol, -1) {
		kinds = append(kinds, string(row[1]))
	}
	for _, s := range seed.All() {
		for name, text := range map[string]string{
			"Doc": s.Doc, "Observed": s.Observed, "Checklist": s.Checklist, "Fix": s.Fix,
		} {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %s is not a sentence: %q", s.ID, name, text)
			}
		}
		for name, text := range map[string]string{"Title": s.Title, "Pin.Doc": s.Pin.Doc, "Vary.Doc": s.Vary.Doc} {
			if text == "" || strings.HasSuffix(text, ".") {
				t.Errorf("%s: %s is not a phrase: %q", s.ID, name, text)
			}
		}
		if len(s.Streams) == 0 {
			t.Errorf("%s: no trace stream shows it", s.ID)
		}
		for _, stream := range s.Streams {
			if !slices.Contains(kinds, stream) {
				t.Errorf("%s: stream %q is not a kind of event in docs/probe-protocol.md", s.ID, stream)
			}
		}
	}
}

// TestControlsAreConsistent holds what Resolve relies on.
func TestControlsAreConsistent(t *testing.T) {
	for _, level := range []seed.Level{seed.Pin, seed.Vary} {
		setBy := map[string]seed.ID{}
		for _, s := range seed.All() {
			c := s.Control(level)
			for _, companion := range c.Companions {
				if other, ok := seed.Lookup(companion); !ok || !other.Pin.Possible() {
					t.Errorf("%s: companion %q cannot be pinned", s.ID, companion)
				}
			}
			for _, v := range c.Env {
				if other, twice := setBy[v.Name]; twice {
					t.Errorf("%s: both %s and %s set %s", level, other, s.ID, v.Name)
				}
				setBy[v.Name] = s.ID
				if ours := v.Value(7, 0); v.Accepts != nil && !v.Accepts(ours) {
					t.Errorf("%s: %s=%s is set but would be refused from a user", s.ID, v.Name, ours)
				}
			}
		}
	}
}

// TestProbeSeeds holds that whatever the probe has to make up is told a seed: without one it leaves the source alone.
func TestProbeSeeds(t *testing.T) {
	flags := []seed.ID{
		seed.CudnnBenchmark, seed.CudnnDeterministic, seed.TorchNondeterministicOps, seed.MatmulPrecision,
		seed.Concurrency, seed.FileOrder, seed.UninitialisedMemory,
	}
	for _, s := range seed.All() {
		if want := s.Pin.Probe && !slices.Contains(flags, s.ID); want != (s.Pin.Seed != nil) {
			t.Errorf("%s: the probe is told a seed: %v, want %v", s.ID, s.Pin.Seed != nil, want)
		}
	}
}

func TestSettable(t *testing.T) {
	// What only the program, the installation or the machine decides.
	for _, id := range []seed.ID{seed.BoostingSeed, seed.Software, seed.Hardware} {
		if slices.Contains(seed.Pinnable(), id) || slices.Contains(seed.Varying(), id) {
			t.Errorf("%s: nothing can set it", id)
		}
	}
	if got, want := len(seed.Pinnable()), len(seed.All())-3; got != want {
		t.Errorf("%d sources can be pinned, want %d", got, want)
	}
	want := []seed.ID{seed.PythonHash, seed.Threads, seed.Concurrency, seed.FileOrder, seed.ObjectIdentity, seed.Host, seed.UninitialisedMemory, seed.ExternalState}
	if diff := cmp.Diff(want, seed.Varying()); diff != "" {
		t.Errorf("Varying (-want +got):\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	tests := map[string]struct {
		list  string
		level seed.Level
		want  []seed.ID
	}{
		"registry order, no repetition": {"threads,python-hash,threads", seed.Pin, []seed.ID{seed.PythonHash, seed.Threads}},
		"blanks":                        {" torch-cpu , ,", seed.Pin, []seed.ID{seed.TorchCPU}},
		"empty":                         {"", seed.Pin, nil},
		"all that can be pinned":        {"all", seed.Pin, seed.Pinnable()},
		"all that can be varied":        {"all,threads", seed.Vary, seed.Varying()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := seed.Parse(test.list, test.level)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	_, err := seed.Parse("python-hash,numpy-legcay", seed.Pin)
	var unknown *seed.UnknownError
	if !errors.As(err, &unknown) || unknown.Nearest != seed.NumpyLegacy || unknown.Name != "numpy-legcay" {
		t.Fatalf("error = %v", err)
	}
	for _, id := range strings.Fields(contract) {
		if !strings.Contains(err.Error(), id) {
			t.Errorf("the error does not list %s: %v", id, err)
		}
	}
	_, err = seed.Parse("hardware", seed.Pin)
	var impossible *seed.ImpossibleError
	if !errors.As(err, &impossible) || impossible.ID != seed.Hardware || !strings.Contains(err.Error(), "cannot be pinned") {
		t.Errorf("pinning hardware: %v", err)
	}
	_, err = seed.Parse("torch-cpu", seed.Vary)
	if !errors.As(err, &impossible) || !strings.Contains(err.Error(), "cannot be varied: an unseeded stream already differs") {
		t.Errorf("varying torch-cpu: %v", err)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"runs", "max-runs", "pin", "vary", "timeout"}
	for name, want := range map[string]string{
		"run":      "runs",
		"rusn":     "runs", // a swap counts once
		"maxruns":  "max-runs",
		"max_runs": "max-runs",
		"time-out": "timeout",
		"pni":      "pin",
		"colour":   "",
		"":         "",
		"vary":     "vary",
		// Longer than anything compared, whatever it begins with.
		"runs" + strings.Repeat("s", 1000): "",
	} {
		if got := seed.Nearest(name, known); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", name, got, want)
		}
	}
	if got := seed.Nearest("a", nil); got != "" {
		t.Errorf("Nearest of nothing = %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("python-hash,threads")
	f.Add("all")
	f.Add("numpy-legcay,\x00,,")
	f.Fuzz(func(t *testing.T, list string) {
		ids, err := seed.Parse(list, seed.Pin)
		if err != nil {
			return
		}
		var joined []string
		for _, id := range ids {
			joined = append(joined, string(id))
		}
		again, err := seed.Parse(strings.Join(joined, ","), seed.Pin)
		if err != nil || !slices.Equal(ids, again) {
			t.Errorf("Parse(%q) = %v, parsed again %v, %v", list, ids, again, err)
		}
	})
}
