package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// checkpointCommandLine carries out `reprocheck checkpoint ARGS...` in this process, in the working directory.
func checkpointCommandLine(ctx context.Context, args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	code = run(ctx, append([]string{"reprocheck", "checkpoint"}, args...), process{stdin: os.Stdin, stdout: &out, stderr: &err, dir: os.Getwd})
	return out.String(), err.String(), code
}

// checkpoints makes a copy of testdata/checkpoint the working directory, with some files that are none.
func checkpoints(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "checkpoint"))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCheckpointCommands(t *testing.T) {
	checkpoints(t)
	whole, err := os.ReadFile("last.pt")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "cut/last.pt", whole[:len(whole)/2])
	write(t, "notes.txt", []byte("lr 1e-3 works better"))
	write(t, "other/notes.txt", []byte("lr 1e-2 works better"))
	write(t, "a/m.json", []byte(`{"w": [1, 2]}`))
	write(t, "b/m.json", []byte(`{ "w": [1, 2]}`))
	write(t, "c/m.json", []byte(`{"w": [1, 3]}`))
	for command, want := range map[string]struct {
		code           int
		stdout, stderr string
	}{
		"":                {0, "inspect", ""},
		"frob":            {2, "", `there is no command "checkpoint frob"; the commands are inspect, hash`},
		"diff --frob a b": {2, "", "hint: reprocheck checkpoint diff --help"},
		"diff run1 run2/model.safetensors --atol 1":    {0, "within tolerance: 8 values changed", ""},
		"diff b --rtol=1 c --frob":                     {2, "", "hint: reprocheck checkpoint diff --help"},
		"diff b -- c --rtol 1":                         {2, "", "reprocheck checkpoint diff takes 2 paths, and was given 4"},
		"explain CK001 CK002":                          {2, "", "reprocheck checkpoint explain takes one rule, and was given 2"},
		"diff a/m.json":                                {2, "", "reprocheck checkpoint diff takes 2 paths, and was given 1"},
		"inspect":                                      {2, "", "reprocheck checkpoint inspect takes 1 path, and was given 0"},
		"inspect gone.pt":                              {2, "", "gone.pt: no such file"},
		"inspect notes.txt":                            {2, "", "notes.txt: not a recognised checkpoint format"},
		"inspect cut/last.pt":                          {2, "", "cut/last.pt: torch-zip: damaged file"},
		"inspect other":                                {2, "", "other: no file in it is a checkpoint"},
		"inspect run1":                                 {0, "run1/model.safetensors: safetensors, 944 B", ""},
		"inspect last.pt":                              {0, "optimizer.state[0].exp_avg ", ""},
		"inspect untrusted.pkl":                        {0, "code-execution: loading this file in Python could run code: it names posix.system", ""},
		"diff last.pt last.pt":                         {0, "identical: last.pt and last.pt have the same bytes", ""},
		"diff a b":                                     {0, "same content: 2 values", ""},
		"diff b c":                                     {1, "w[1]  number: int 2 -> int 3", ""},
		"diff a run1":                                  {1, "", ""},
		"diff run1 run2/model.safetensors":             {1, "conv.weight      float32[4,1,3], 12 of 12 differ", ""},
		"diff --atol 1 run1 run2/model.safetensors":    {0, "within tolerance: 8 values changed", ""},
		"diff --rtol 0.01 run1 run2/model.safetensors": {1, "different: 8 changed", ""},
		"diff --dtype-tolerances run1 run2/model.safetensors": {1, "different: 8 changed", ""},
		"diff --dtype-tolerances --atol 1 a/m.json b/m.json":  {2, "", "--dtype-tolerances chooses tolerances itself"},
		"diff --rtol -1 a/m.json b/m.json":                    {2, "", "--rtol -1: a tolerance is a number of at least 0"},
		"diff --atol nan a/m.json b/m.json":                   {2, "", "--atol NaN: a tolerance is a number of at least 0"},
		"diff last.pt cut/last.pt":                            {2, "", "cut/last.pt: torch-zip: damaged file"},
		"diff notes.txt other/notes.txt":                      {2, "", "notes.txt: not a recognised checkpoint format"},
		"diff run2/model.safetensors ddp.pt":                  {1, "wrapped by DataParallel or DistributedDataParallel", ""},
		"lint full.pt":                                        {0, "exact resume: cannot tell", ""},
		"lint last.pt":                                        {1, "CK014 random state of torch (CPU): not found", ""},
		"lint ddp.pt":                                         {1, "CK105 ddp.pt: module.conv.weight", ""},
		"lint run1":                                           {1, "not for: resuming the training", ""},
		"lint untrusted.pkl":                                  {1, "CK107 untrusted.pkl", ""},
		"lint cut/last.pt":                                    {2, "CK101 last.pt", "cut/last.pt cannot be read whole"},
		"lint notes.txt":                                      {2, "", "not a recognised checkpoint format"},
		"explain":                                             {0, "CK004  learning-rate scheduler\n", ""},
		"explain ck004":                                       {0, "CK004: learning-rate scheduler\n", ""},
		"explain CK999":                                       {2, "", `there is no rule "CK999"`},
		"plan":                                                {2, "", "plan needs a checkpoint, or --params N"},
		"plan last.pt":                                        {0, "optimizer moments   616 B", ""},
		"plan --params 1e9":                                   {0, "optimizer moments   8.0 GB", ""},
		"plan --params 1e9 last.pt":                           {2, "", "--params describes a training without a checkpoint"},
		"plan --params 1e9 --dtype int3":                      {2, "", `element type "int3" is not known`},
		"plan --params 1e9 --disk 50":                         {1, "does not fit: the disk has 50 B", ""},
		"plan --params 1e9 --disk 24GB":                       {0, "fits: the disk has 24.0 GB", ""},
		"plan --params 1e9 --disk much":                       {2, "", `--disk: "much" is no amount of storage`},
		"plan --params 1e9 --last -1":                         {2, "", ""},
		"plan --params 1e9 --saves 0":                         {2, "", ""},
		"plan run1/model.safetensors":                         {0, "model  336 B", ""},
		"hash":                                                {2, "", "reprocheck checkpoint hash needs at least one path"},
		"hash gone.pt":                                        {2, "", "no such file"},
		"hash notes.txt":                                      {2, "  -  notes.txt\n", "not a recognised checkpoint format"},
		"hash cut/last.pt":                                    {2, "  -  cut/last.pt\n", "damaged file"},
		"hash other":                                          {0, "  -  other/notes.txt\n", ""},
		"hash --check notes.txt":                              {2, "", "line 1 of the manifest is not"},
		"hash --check gone.sum":                               {2, "", "no such file"},
		"hash --check gone.sum last.pt":                       {2, "", "takes no other arguments"},
		"hash --values run1/model.safetensors":                {0, "  fc.weight\n", ""},
	} {
		t.Run(command, func(t *testing.T) {
			stdout, stderr, code := checkpointCommandLine(context.Background(), strings.Fields(command)...)
			if code != want.code || !strings.Contains(stdout, want.stdout) || !strings.Contains(stderr, want.stderr) {
				t.Errorf("exit status %d, want %d, %q and %q; stdout:\n%sstderr:\n%s", code, want.code, want.stdout, want.stderr, stdout, stderr)
			}
			if (code == 2) != (stderr != "") {
				t.Errorf("exit status %d with this on standard error: %q", code, stderr)
			}
		})
	}
}

func TestCheckpointHashIsChecked(t *testing.T) {
	checkpoints(t)
	if out, stderr, code := checkpointCommandLine(context.Background(), "hash", "--write", "run1/all.sum", "run1", "last.pt"); code != 0 {
		t.Fatalf("exit status %d\n%s%s", code, out, stderr)
	}
	sums, err := os.ReadFile("run1/all.sum")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(sums), "\n"); len(lines) != 3 || !strings.HasSuffix(lines[0], "  model.safetensors") || !strings.HasSuffix(lines[1], "  ../last.pt") {
		t.Errorf("paths are not relative to the manifest:\n%s", sums)
	}
	checked := func(code int, want string) {
		t.Helper()
		stdout, stderr, got := checkpointCommandLine(context.Background(), "hash", "--check", "run1/all.sum")
		if got != code || !strings.Contains(stdout, want) || stderr != "" {
			t.Errorf("exit status %d, want %d and %q\n%s%s", got, code, want, stdout, stderr)
		}
	}
	checked(0, "model.safetensors: ok\n../last.pt: ok\n")
	// Written again into the same directory, the manifest does not list itself.
	checkpointCommandLine(context.Background(), "hash", "--write", "run1/all.sum", "run1", "last.pt")
	checked(0, "model.safetensors: ok\n../last.pt: ok\n")
	// Wherever the manifest lies, and however it is named.
	elsewhere := filepath.Join(t.TempDir(), "sums")
	checkpointCommandLine(context.Background(), "hash", "--write", elsewhere, "last.pt")
	if stdout, stderr, code := checkpointCommandLine(context.Background(), "hash", "--check", elsewhere); code != 0 || !strings.HasSuffix(stdout, "last.pt: ok\n") {
		t.Errorf("with an absolute path: exit status %d\n%s%s", code, stdout, stderr)
	}
	// A path of any bytes is one line, in the manifest and on standard output, which is a manifest too.
	odd := []string{"two\nlines.json", `back\slash .json`, "\x1b[2J\xff.json"}
	for _, name := range odd {
		write(t, name, []byte("{}"))
	}
	stdout, stderr, code := checkpointCommandLine(context.Background(), append([]string{"hash", "--write", "sums"}, odd...)...)
	if sums, err := os.ReadFile("sums"); err != nil || code != 0 || stderr != "" || string(sums) != stdout || strings.Contains(stdout, "\x1b") {
		t.Errorf("odd names: exit status %d, %v\n%q\n%q\n%s", code, err, sums, stdout, stderr)
	}
	if stdout, stderr, code := checkpointCommandLine(context.Background(), "hash", "--check", "sums"); code != 0 || strings.Count(stdout, ": ok\n") != len(odd) {
		t.Errorf("odd names checked: exit status %d\n%s%s", code, stdout, stderr)
	}
	// A file that cannot be read does not keep others from being hashed.
	stdout, stderr, code = checkpointCommandLine(context.Background(), "hash", "gone.pt", "last.pt", "away.pt")
	if code != 2 || !strings.HasSuffix(stdout, "  last.pt\n") || !strings.Contains(stderr, "gone.pt: no such file") || !strings.Contains(stderr, "away.pt: no such file") {
		t.Errorf("beside files that are not there: exit status %d\n%s%s", code, stdout, stderr)
	}
	data, err := os.ReadFile("run1/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	// One more space at the end of the header: other bytes, the same content.
	padded := bytes.Clone(data)
	padded[0]++
	end := 8 + int(data[0]) + int(data[1])<<8
	padded = append(padded[:end:end], append([]byte(" "), data[end:]...)...)
	write(t, "run1/model.safetensors", padded)
	checked(0, "model.safetensors: same content\n")
	data[len(data)-1] ^= 1
	write(t, "run1/model.safetensors", data)
	checked(1, "model.safetensors: changed\n../last.pt: ok\nchanged or missing: 1 of 2 files\n")
	if err := os.Remove("run1/model.safetensors"); err != nil {
		t.Fatal(err)
	}
	checked(1, "model.safetensors: missing\n")
}

func TestCheckpointJSON(t *testing.T) {
	checkpoints(t)
	for command, schema := range map[string]string{
		"inspect last.pt": "reprocheck.checkpoint-inspect/v1", "inspect run1": "reprocheck.checkpoint-inspect-directory/v1",
		"hash last.pt": "reprocheck.checkpoint-hash/v1", "diff last.pt full.pt": "reprocheck.checkpoint-comparison/v1",
		"lint last.pt": "reprocheck.checkpoint-lint/v1", "plan last.pt": "reprocheck.checkpoint-plan/v1", "explain CK004": "",
	} {
		t.Run(command, func(t *testing.T) {
			args := strings.Fields(command)
			plain, _, code := checkpointCommandLine(context.Background(), args...)
			withJSON := func(target string) (string, int) {
				stdout, stderr, code := checkpointCommandLine(context.Background(), append([]string{args[0], "--json", target}, args[1:]...)...)
				if stderr != "" {
					t.Errorf("standard error: %s", stderr)
				}
				return stdout, code
			}
			alone, codeAlone := withJSON("-")
			beside, codeBeside := withJSON("out.json")
			file, err := os.ReadFile("out.json")
			if err != nil {
				t.Fatal(err)
			}
			if alone != string(file) || beside != plain || codeAlone != code || codeBeside != code {
				t.Errorf("exit statuses %d, %d, %d, JSON on standard output:\n%s", code, codeAlone, codeBeside, alone)
			}
			var document struct {
				Schema string `json:"schema"`
			}
			if err := json.Unmarshal(file, &document); err != nil || document.Schema != schema {
				t.Errorf("schema %q, want %q, %v", document.Schema, schema, err)
			}
		})
	}
	for _, args := range [][]string{{"inspect", "--json", "gone/out", "last.pt"}, {"hash", "--write", "gone/out", "last.pt"}, {"diff", "--json", "run1", "last.pt", "full.pt"}} {
		stdout, stderr, code := checkpointCommandLine(context.Background(), args...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, "cannot be written") {
			t.Errorf("%v: exit status %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

// TestCheckpointTextIsSafe has terminal escapes in names of files, values and classes.
func TestCheckpointTextIsSafe(t *testing.T) {
	checkpoints(t)
	const evil = "\x1b[2J\u202e\u009b1m"
	name := evil + ".json"
	write(t, name, []byte(`{"`+`\u001b[2J\u202e`+`": "\u001b]0;x\u0007"}`))
	write(t, "other.json", []byte(`{"w\u009b": 1}`))
	write(t, evil+".pkl", []byte("cposix\n\x1b[2Jsystem\n."))
	write(t, evil+".pt", []byte("PK\x03\x04"+evil))
	for _, args := range [][]string{
		{"inspect", name}, {"inspect", evil + ".pkl"}, {"inspect", evil + ".pt"}, {"inspect", evil}, {"lint", name}, {"lint", evil + ".pkl"}, {"lint", evil + ".pt"},
		{"diff", name, "other.json"}, {"diff", "other.json", name}, {"diff", name, evil}, {"hash", "--values", name}, {"hash", evil + ".pt"}, {"plan", name},
		{"explain", evil}, {evil}, {"plan", "--params", "1", "--optimizer", evil}, {"inspect", "--json", "-", name}, {"diff", "--json", "-", name, "other.json"},
	} {
		stdout, stderr, code := checkpointCommandLine(context.Background(), args...)
		if text := stdout + stderr; text == "" || strings.ContainsAny(text, "\x1b\u202e\u009b\a") {
			t.Errorf("%q: exit status %d\n%q\n%q", args, code, stdout, stderr)
		}
	}
}

// TestCheckpointsThatAreNoFiles must not wait for somebody to write into a pipe, nor read a device that never ends.
func TestCheckpointsThatAreNoFiles(t *testing.T) {
	checkpoints(t)
	if err := syscall.Mkfifo("pipe.pt", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", "zero.pt"); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"pipe.pt", "zero.pt"} {
		for _, args := range [][]string{{"inspect", file}, {"hash", file}, {"lint", file}, {"plan", file}, {"diff", "last.pt", file}, {"diff", file, "last.pt"}} {
			if stdout, stderr, code := checkpointCommandLine(context.Background(), args...); code != 2 || !strings.Contains(stderr, "not a regular file") {
				t.Errorf("%v: exit status %d\n%s%s", args, code, stdout, stderr)
			}
		}
	}
}

func TestCheckpointIsInterrupted(t *testing.T) {
	checkpoints(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, args := range [][]string{{"hash", "last.pt"}, {"lint", "last.pt"}, {"diff", "last.pt", "full.pt"}} {
		if stdout, stderr, code := checkpointCommandLine(ctx, args...); code != 130 || stderr != "reprocheck: interrupted\n" {
			t.Errorf("%v: exit status %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

// TestCheckOfPipes checks what a program writes into a pipe, by paths relative to the working directory as sha256sum does,
// and does not outlast an interrupt where nobody writes into it.
func TestCheckOfPipes(t *testing.T) {
	checkpoints(t)
	if err := os.Mkdir("pipes", 0o700); err != nil {
		t.Fatal(err)
	}
	const pipe = "pipes/sums"
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	sums, _, code := checkpointCommandLine(context.Background(), "hash", "last.pt")
	if code != 0 {
		t.Fatal(code)
	}
	go os.WriteFile(pipe, []byte(sums), 0o600)
	if stdout, stderr, code := checkpointCommandLine(context.Background(), "hash", "--check", pipe); code != 0 || stdout != "last.pt: ok\n" {
		t.Errorf("exit status %d\n%s%s", code, stdout, stderr)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	ended := make(chan int)
	go func() {
		_, _, code := checkpointCommandLine(ctx, "hash", "--check", pipe)
		ended <- code
	}()
	select {
	case code := <-ended:
		if code == 0 {
			t.Error("exit status 0 of a pipe into which nobody wrote")
		}
	case <-time.After(time.Minute):
		t.Error("waited for somebody to write into a pipe after it was interrupted")
		os.WriteFile(pipe, nil, 0o600) // lets the reader end
	}
}

func TestPage(t *testing.T) {
	const text = "a heading\n  CK001 model weights: not found\n\n  \x1b[2Jname\n"
	for width, want := range map[int]string{
		0:  "a heading\n  CK001 model weights: not found\n\n  \\x1b[2Jname\n",
		24: "a heading\n  CK001 model weights:\n      not found\n\n  \\x1b[2Jname\n",
		3:  "a\n    heading\n  CK001\n      model\n      weights:\n      not\n      found\n\n  \\x1b[2Jname\n",
	} {
		for _, piece := range []int{1, 7, len(text)} {
			var got strings.Builder
			err := page(&got, width, func(w io.Writer) error {
				for part := range slices.Chunk([]byte(text), piece) {
					w.Write(part)
				}
				return nil
			})
			if err != nil || got.String() != want {
				t.Errorf("width %d, written %d bytes at a time: %v\n%s", width, piece, err, got.String())
			}
		}
	}
}

// TestCompareOfCheckpoints adds the values to the report on two checkpoints, and to no other report.
func TestCompareOfCheckpoints(t *testing.T) {
	checkpoints(t)
	write(t, "a.json", []byte(`{"loss": 1}`))
	write(t, "b.json", []byte(`{"loss": 2}`))
	const title = "Value by value"
	for command, want := range map[string]bool{
		"run1/model.safetensors run2/model.safetensors":          true,
		"--json out.json last.pt full.pt":                        true,
		"--json - run1/model.safetensors run2/model.safetensors": false,
		"run1/model.safetensors run1/model.safetensors":          false,
		"run1 run2":     true,
		"a.json b.json": false,
	} {
		var out, errs bytes.Buffer
		args := append([]string{"reprocheck", "compare"}, strings.Fields(command)...)
		code := run(context.Background(), args, process{stdin: os.Stdin, stdout: &out, stderr: &errs, dir: os.Getwd})
		if got := strings.Contains(out.String(), title) && strings.Contains(out.String(), "max abs") || strings.Contains(out.String(), "unexpected"); got != want || code > 1 {
			t.Errorf("%s: exit status %d\n%s%s", command, code, out.String(), errs.String())
		}
	}
}

// TestCompareNamesAFileOfTheSecondSide has a file that only the second directory has.
func TestCompareNamesAFileOfTheSecondSide(t *testing.T) {
	checkpoints(t)
	var out, errs bytes.Buffer
	code := run(context.Background(), []string{"reprocheck", "compare", "run1", "run2"}, process{stdin: os.Stdin, stdout: &out, stderr: &errs, dir: os.Getwd})
	if code != 1 || !strings.Contains(out.String(), "backbone.safetensors: only the second run wrote it") {
		t.Errorf("exit status %d\n%s%s", code, out.String(), errs.String())
	}
}
