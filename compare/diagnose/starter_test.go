package diagnose

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

func TestWhatScriptsDrawOn(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Makefile":       "train: data.shuf\n\tpython train.py\ndata.shuf: rows\n\tshuf rows > data.shuf\n",
		"train.sh":       "#!/bin/sh\n# date\nperl tools/order.pl < rows\npython train.py --update-date\n",
		"tools/order.pl": "my %h;\nfor my $k (keys %h) { print $k }\n",
		"config.yaml":    "date: today\n",
		"train":          "#!/usr/bin/env python3\nimport time\ntime.time()\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		command []string
		source  seed.ID
		want    string
	}{
		{[]string{"make", "train"}, seed.OSEntropy, "Makefile:4"},
		{[]string{"sh", "train.sh"}, seed.OSEntropy, "tools/order.pl:2"},
		{[]string{"./train.sh"}, seed.OSEntropy, "tools/order.pl:2"},
		{[]string{"sh", "train.sh"}, seed.WallClock, ""},
		{[]string{"python3", "train.py", "--config", "config.yaml"}, seed.WallClock, ""},
		{[]string{"sh", "-c", "shuf rows > data; python train.py"}, seed.OSEntropy, "no line"},
		{[]string{"./train"}, seed.WallClock, ""},
	} {
		e := &evidence{starters: startersOf(dir, c.command)}
		got := ""
		if s := e.besidePython(c.source); s != nil && s.site != nil {
			got = at(s.site)
		} else if s != nil {
			got = "no line"
		}
		if got != c.want {
			t.Errorf("%v draws on %s at %q, want %q", c.command, c.source, got, c.want)
		}
	}
}

// A line of Python's that starts a program which draws is as good as a script's.
func TestProgramsThatPythonStarts(t *testing.T) {
	shuf := `import subprocess, numpy as np
order = np.random.default_rng(0).shuffle(rows)
order = subprocess.run(["shuf", "-i", "0-99"], capture_output=True).stdout`
	for source, want := range map[string]string{
		shuf: "os-entropy proven train.py:3",
		"import random\nrandom.shuffle(rows)\ntrainer.run(shuffle=True)": "",
	} {
		w := world{t: t, reaches: []seed.ID{seed.OSEntropy}, source: source, events: func(valueOf) []probe.Event {
			return []probe.Event{draws(seed.NumpyGenerator, 2, "the same")}
		}}
		audit := w.investigate(record.Settings{})
		if got := convicted(audit); want != "" && got != want {
			t.Errorf("causes %q, want %q", got, want)
		}
		if w.run > 6 && want != "" {
			t.Errorf("%d launches, at most 6: %v", w.run, w.asked)
		}
		e := &evidence{started: startedBy(w.audit.Dir, []string{"train.py"})}
		if s := e.besidePython(seed.OSEntropy); (s != nil) != (want != "") {
			t.Errorf("%q: suspected %v", source, s)
		}
	}
}

// What another program draws reaches Python through a file, where no probe sees it.
func TestScriptsThatStartPython(t *testing.T) {
	for _, test := range []struct {
		name, script string
		reaches      seed.ID
		want         string
		most         int
	}{
		{"words for it", "shuf rows > data\npython train.py\n", seed.OSEntropy, "os-entropy proven train.sh:1", 6},
		{"no words for it", "./prepare\npython train.py\n", seed.OSEntropy, "os-entropy proven :0", 10},
		{"words for another", "date\n./prepare\npython train.py\n", seed.OSEntropy, "os-entropy proven :0", 12},
		{"words, and Python's own doing", "shuf rows > data\npython train.py\n", seed.PythonHash, "python-hash proven train.py:9", 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := world{t: t, script: test.script, reaches: []seed.ID{test.reaches}, zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(9, "word", v(seed.PythonHash))}
			}}
			if got := convicted(w.investigate(record.Settings{})); got != test.want || w.run > test.most {
				t.Errorf("causes %q after %d launches, want %q in %d: %v", got, w.run, test.want, test.most, w.asked)
			}
		})
	}
}
