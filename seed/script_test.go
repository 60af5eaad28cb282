package seed_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/seed"
)

// TestEnvScriptInAShell evaluates the script as users do, quoted or not, with a value made to break out of its quotes.
func TestEnvScriptInAShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no POSIX shell: ", err)
	}
	hostile := `--a='b' "c" $(echo run) \ ` + "`echo run`"
	settings, err := seed.Resolve(pin(seed.Pinnable()...), 7, 0, map[string]string{
		"XLA_FLAGS": hostile,
		// A kept value is shown in a comment, which a line break must not end.
		"TZ": "UTC\necho run;",
	})
	if err != nil {
		t.Fatal(err)
	}
	script := seed.EnvScript(settings)
	for name, evaluation := range map[string]string{"quoted": `eval "$SCRIPT"`, "unquoted": `set -f; eval $SCRIPT`} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(sh, "-c", evaluation+`; printf '%s\n' "$XLA_FLAGS" "$PYTHONHASHSEED" "$CUBLAS_WORKSPACE_CONFIG" "$TZ"`)
			cmd.Env = append(os.Environ(), "SCRIPT="+script, "TZ=UTC0")
			cmd.Dir = t.TempDir()
			out, err := cmd.CombinedOutput()
			want := hostile + " --xla_gpu_deterministic_ops=true\n7\n:4096:8\nUTC0\n"
			if err != nil || string(out) != want {
				t.Errorf("error %v, printed\n%swant\n%s", err, out, want)
			}
		})
	}
}

func TestEnvScriptSaysWhatItCannotDo(t *testing.T) {
	settings, err := seed.Resolve(pin(seed.NumpyLegacy, seed.PythonHash, seed.Threads), 0, 0, map[string]string{"OMP_NUM_THREADS": "4"})
	if err != nil {
		t.Fatal(err)
	}
	script := seed.EnvScript(settings)
	for _, want := range []string{
		"export PYTHONHASHSEED='0';\n",
		"# kept: OMP_NUM_THREADS=4\n",
		"# numpy-legacy: not pinned by any variable, only by `reprocheck run`. Call numpy.random.seed(SEED)",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("no %q in\n%s", want, script)
		}
	}
	for _, wrong := range []string{"# python-hash", "# threads", "export OMP_NUM_THREADS"} {
		if strings.Contains(script, wrong) {
			t.Errorf("%q in\n%s", wrong, script)
		}
	}
	if empty := seed.EnvScript(seed.Settings{}); empty != "" {
		t.Errorf("no settings give %q", empty)
	}
}
