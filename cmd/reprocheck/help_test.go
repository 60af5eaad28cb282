package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// example is what comes of a command line that a help shows.
type example struct {
	code   int
	stdout string // a regular expression
	file   string // what it writes, if anything
}

// TestHelpExamples carries out every example of every --help, as a shell does, in a directory prepared so that each has
// something to say.
func TestHelpExamples(t *testing.T) {
	want := map[string]example{
		"reprocheck run -- python train.py --epochs 2":                        {stdout: `^reproducible: 3 runs agree`},
		"reprocheck run -n 5 --json report.json -- python -m mypackage.train": {stdout: `^reproducible: 5 runs agree`, file: "report.json"},
		"reprocheck run --vary file-order,threads -- python train.py":         {stdout: `file-order`},
		"reprocheck run --tolerance val_loss=1e-6 -- python train.py":         {stdout: `^reproducible: 3 runs agree`},
		"reprocheck run -- sh -c 'python prepare.py && python train.py'":      {stdout: `^reproducible: 3 runs agree`},
		"reprocheck compare results/before results/after":                     {code: 1, stdout: `^diverged`},
		"reprocheck compare --tolerance val_loss=1e-6 20261123-101500 20261123-114200": {
			stdout: `^within-tolerance`,
		},
		"reprocheck checklist":                                                          {stdout: `^28 sources of nondeterminism`},
		"reprocheck checklist --json checklist.json":                                    {file: "checklist.json"},
		"reprocheck doctor":                                                             {stdout: `(?m)^yes  workspace`},
		"reprocheck report":                                                             {stdout: `^reproducible: 3 runs agree`},
		"reprocheck report --format json -o report.json":                                {file: "report.json"},
		`eval "$(reprocheck env --pin all --seed 7)"`:                                   {stdout: `^PYTHONHASHSEED=7 CUBLAS_WORKSPACE_CONFIG=:4096:8\n$`},
		"reprocheck checkpoint inspect last.ckpt":                                       {stdout: `(?m)^last.ckpt: torch-zip`},
		"reprocheck checkpoint lint last.ckpt":                                          {code: 1, stdout: `last.ckpt`},
		"reprocheck checkpoint lint output/checkpoint-500":                              {code: 1, stdout: `output/checkpoint-500`},
		"reprocheck checkpoint explain":                                                 {stdout: `CK004`},
		"reprocheck checkpoint explain CK004":                                           {stdout: `^CK004`},
		"reprocheck checkpoint diff run1/last.ckpt run2/last.ckpt":                      {code: 1, stdout: `differ`},
		"reprocheck checkpoint diff --dtype-tolerances gpu.safetensors cpu.safetensors": {stdout: `within`},
		"reprocheck checkpoint hash --write checkpoints.sum runs/12/":                   {file: "checkpoints.sum"},
		"reprocheck checkpoint hash --check checkpoints.sum":                            {stdout: `runs/12/`},
		"reprocheck checkpoint plan --params 3e9 --dtype bf16 --optimizer adamw --last 2 --best 1 --disk 50GB":            {code: 1, stdout: `GB`},
		"reprocheck checkpoint plan --every 20 --model-only-periodic --saves 400 --disk 200GB last.ckpt":                  {stdout: `fits`},
		"reprocheck checkpoint inspect --json - model.safetensors | jq '.values[] | select(.component == \"optimizer\")'": {},
	}
	helpProject(t)
	shown := map[string]bool{}
	for _, command := range examples(newApp(process{}).Commands) {
		if shown[command] {
			continue
		}
		shown[command] = true
		expected, known := want[command]
		if !known {
			t.Errorf("nothing is known of the example %q", command)
			continue
		}
		if strings.Contains(command, "jq ") {
			if _, err := exec.LookPath("jq"); err != nil {
				continue
			}
		}
		if strings.HasPrefix(command, "eval ") {
			command += "\necho PYTHONHASHSEED=$PYTHONHASHSEED CUBLAS_WORKSPACE_CONFIG=$CUBLAS_WORKSPACE_CONFIG"
		}
		var stdout, stderr bytes.Buffer
		shell := exec.Command("sh", "-c", command)
		shell.Stdout, shell.Stderr = &stdout, &stderr
		shell.Run()
		if shell.ProcessState.ExitCode() != expected.code || !regexp.MustCompile(expected.stdout).Match(stdout.Bytes()) {
			t.Errorf("%s\nexit status %d, want %d, and %q in:\n%s%s", command, shell.ProcessState.ExitCode(), expected.code, expected.stdout, &stdout, &stderr)
		}
		if expected.file != "" {
			if info, err := os.Stat(expected.file); err != nil || info.Size() == 0 {
				t.Errorf("%s\nwrote nothing to %s: %v", command, expected.file, err)
			}
			if expected.file == "report.json" {
				os.Remove(expected.file)
			}
		}
	}
	for command := range want {
		if !shown[command] {
			t.Errorf("no help shows %q", command)
		}
	}
}

// examples are the command lines that the descriptions of commands show: indented lines, and what stands in backquotes.
func examples(commands []*cli.Command) []string {
	shown := regexp.MustCompile("(?m)^ +((?:reprocheck|eval) .*)$|`(reprocheck [^`]*)`")
	var all []string
	for _, c := range commands {
		for _, match := range shown.FindAllStringSubmatch(c.Description, -1) {
			all = append(all, match[1]+match[2])
		}
		all = append(all, examples(c.Subcommands)...)
	}
	return all
}

// helpProject goes to a directory that has every file that the examples name, and two kept audits.
func helpProject(t *testing.T) {
	python := interpreter(t)
	checkpoints(t)
	bin := t.TempDir()
	if err := os.Symlink(python, filepath.Join(bin, "python")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("PYTHONHASHSEED", "") // what eval sets is seen to be set
	const train = "import random, sys\nrandom.seed(1)\nprint('val_loss=%r' % random.random())\n"
	write(t, "train.py", []byte(train))
	write(t, "mypackage/train.py", []byte(train))
	write(t, "prepare.py", []byte("open('data.txt', 'w').write('1')\n"))
	write(t, "results/before/metrics.json", []byte(`{"val_loss": 0.5}`))
	write(t, "results/after/metrics.json", []byte(`{"val_loss": 0.6}`))
	const header = `{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	write(t, "gpu.safetensors", append([]byte("\x36\x00\x00\x00\x00\x00\x00\x00"+header), 0, 0, 0x80, 0x3f))
	write(t, "cpu.safetensors", append([]byte("\x36\x00\x00\x00\x00\x00\x00\x00"+header), 1, 0, 0x80, 0x3f)) // the next number
	for from, to := range map[string][]string{
		"last.pt":                {"last.ckpt", "run1/last.ckpt", "runs/12/last.ckpt", "output/checkpoint-500/last.ckpt"},
		"full.pt":                {"run2/last.ckpt"},
		"run1/model.safetensors": {"model.safetensors"},
	} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range to {
			write(t, name, data)
		}
	}
	for id, loss := range map[string]string{"20261123-101500": "0.5", "20261123-114200": "0.5000001"} {
		args := []string{"reprocheck", "run", "-n", "1", "--store", id, "--", "sh", "-c", "echo val_loss=" + loss}
		if code := run(context.Background(), args, process{stdout: io.Discard, stderr: io.Discard, env: os.Environ(), dir: os.Getwd}); code != 4 {
			t.Fatalf("%q: exit status %d", args, code)
		}
		made, err := filepath.Glob(filepath.Join(id, "audits", "*"))
		if err != nil || len(made) != 1 {
			t.Fatalf("%q: %v", made, err)
		}
		err = errors.Join(os.MkdirAll(".reprocheck/audits", 0o700), os.Rename(made[0], filepath.Join(".reprocheck/audits", id)), os.RemoveAll(id))
		if err != nil {
			t.Fatal(err)
		}
	}
}
