package seed_test

import (
	"maps"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/fixtures"
	"github.com/reprocheck/reprocheck/seed"
)

// TestPythonTakesTheValues starts a real interpreter under every varied environment: it must accept each value, and the hash
// seed must do what the registry says.
func TestPythonTakesTheValues(t *testing.T) {
	python := fixtures.Python(t)
	const program = `import locale, time
locale.setlocale(locale.LC_ALL, "")
print(time.strftime("%z"), list({"ada", "bob", "eve", "mallory", "trent", "wendy"}))`
	start := func(run int) (zone, order string) {
		settings, err := seed.Resolve(vary(seed.Varying()...), 0, run, nil)
		if err != nil {
			t.Fatal(err)
		}
		zone, order, _ = strings.Cut(output(t, settings.Env, python, "-S", "-c", program), " ")
		return zone, order
	}
	zone0, order0 := start(0)
	zone1, order1 := start(1)
	if zone0 != "+0000" || zone1 != "+0900" {
		t.Errorf("time zones UTC0 and JST-9 are %s and %s", zone0, zone1)
	}
	if _, again := start(0); order0 != again {
		t.Errorf("one hash seed gave %s and %s", order0, again)
	}
	if order0 == order1 {
		t.Errorf("two hash seeds both gave %s", order0)
	}
}

// TestTorchTakesTheValues holds that the real libraries do with thread counts and memory what the registry says.
func TestTorchTakesTheValues(t *testing.T) {
	python := fixtures.Python(t)
	if !fixtures.HasModule(t, python, "torch") || !fixtures.HasModule(t, python, "numpy") {
		t.Skip("no PyTorch beside NumPy in ", python)
	}
	if runtime.GOOS != "linux" {
		t.Skip("MALLOC_PERTURB_ is the GNU C library's")
	}
	const program = `import numpy, torch
print(torch.get_num_threads(), *set(numpy.empty(100000, "uint8").tolist()), *set(torch.empty(100000, dtype=torch.uint8).tolist()))`
	users := map[string]string{"OMP_NUM_THREADS": "3"}
	for name, test := range map[string]struct {
		levels seed.Levels
		run    int
		want   string
	}{
		// malloc fills with the complement: 255-51 and 255-85.
		"third varied run":         {vary(seed.Threads, seed.UninitialisedMemory), 2, "4 204 204\n"},
		"pinned to your own count": {pin(seed.Threads, seed.UninitialisedMemory), 0, "3 170 170\n"},
	} {
		t.Run(name, func(t *testing.T) {
			settings, err := seed.Resolve(test.levels, 0, test.run, users)
			if err != nil {
				t.Fatal(err)
			}
			env := maps.Clone(users)
			maps.Copy(env, settings.Env)
			if got := output(t, env, python, "-c", program); got != test.want {
				t.Errorf("threads and fills are %q, want %q", got, test.want)
			}
		})
	}
}

// output is what a command prints with env as its whole environment.
func output(t *testing.T, env map[string]string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("under %v: %v\n%s", env, err, out)
	}
	return string(out)
}
