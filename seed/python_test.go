package seed_test

import (
	"os/exec"
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
		cmd := exec.Command(python, "-S", "-c", program)
		for name, value := range settings.Env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("run %d under %v: %v\n%s", run, settings.Env, err, out)
		}
		zone, order, _ = strings.Cut(string(out), " ")
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
