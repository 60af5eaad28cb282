package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the outputs in docs/checkpoints.md")

// TestCheckpointPage holds the examples of docs/checkpoints.md to what the commands print;
// `go test ./cmd/reprocheck -run TestCheckpointPage -update` writes them.
func TestCheckpointPage(t *testing.T) {
	const path = "../../docs/checkpoints.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	origin, err := os.OpenRoot("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	defer origin.Close()
	checkpoints(t)
	got := carryOut(t, string(page))
	if *update {
		if err := origin.WriteFile("checkpoints.md", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != string(page) {
		t.Errorf("%s is not what the commands print; this is:\n%s", path, got)
	}
}

// carryOut returns a page with the outputs of its console blocks replaced by what their commands print. A command may end in
// `| head -n N`; `echo $?` shows the exit status of the one before.
func carryOut(t *testing.T, page string) string {
	t.Helper()
	var b strings.Builder
	console, commands, code := false, 0, 0
	for line := range strings.Lines(page) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			console = line == "```console\n"
		case console && !isCommand:
			continue // the output that the page has
		}
		b.WriteString(line)
		if !console || !isCommand {
			continue
		}
		commands++
		if command == "echo $?\n" {
			b.WriteString(strconv.Itoa(code) + "\n")
			continue
		}
		var output string
		output, code = carryOutLine(t, strings.TrimSpace(command))
		b.WriteString(output)
	}
	if commands == 0 {
		t.Fatal("the page has no commands")
	}
	return b.String()
}

func carryOutLine(t *testing.T, command string) (output string, code int) {
	t.Helper()
	command, head, cut := strings.Cut(command, " | head -n ")
	args := strings.Fields(command)
	if args[0] != "reprocheck" {
		t.Fatalf("%q is no command of reprocheck", command)
	}
	var both bytes.Buffer
	code = run(context.Background(), args, process{stdin: os.Stdin, stdout: &both, stderr: &both, dir: os.Getwd})
	lines := strings.SplitAfter(both.String(), "\n")
	if cut {
		n, err := strconv.Atoi(head)
		if err != nil || n >= len(lines) {
			t.Fatalf("%q has %d lines: %v", command, len(lines), err)
		}
		lines = lines[:n]
	}
	return strings.Join(lines, ""), code
}
