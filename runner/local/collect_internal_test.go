package local

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/runner/workspace"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// TestPrefixer cuts each text at every place: how output comes in pieces makes no difference to what is shown.
func TestPrefixer(t *testing.T) {
	for text, want := range map[string][]string{
		"":                           nil,
		"one\ntwo\n":                 {"one", "two"},
		"one\r\ntwo\r\n":             {"one", "two"},
		"unfinished":                 {"unfinished"},
		"a\n\nb\n":                   {"a", "", "b"},
		"\r 10%\r 50%\r100%\ndone\n": {" 10%", " 50%", "100%", "done"},
	} {
		for cut := range len(text) + 1 {
			var out bytes.Buffer
			p := &prefixer{to: &out, mu: &sync.Mutex{}, prefix: "run"}
			p.write([]byte(text[:cut]))
			p.write([]byte(text[cut:]))
			p.flush()
			var lines []string
			for line := range strings.Lines(out.String()) {
				lines = append(lines, strings.TrimSuffix(strings.TrimPrefix(line, "run | "), "\n"))
			}
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Errorf("%q cut at %d (-want +got):\n%s", text, cut, diff)
			}
		}
	}
}

// TestPrefixerBoundsLines has a line without an end: nothing of it is lost, and little of it is held back.
func TestPrefixerBoundsLines(t *testing.T) {
	var out bytes.Buffer
	p := &prefixer{to: &out, mu: &sync.Mutex{}, prefix: "run"}
	piece := []byte(strings.Repeat("0123456789", 1000))
	for range 100 {
		p.write(piece)
		if len(p.rest) > longestLine {
			t.Fatalf("%d bytes are held back", len(p.rest))
		}
	}
	p.flush()
	shown := strings.NewReplacer("run | ", "", "\n", "").Replace(out.String())
	if shown != strings.Repeat(string(piece), 100) {
		t.Errorf("%d of %d bytes are shown", len(shown), 100*len(piece))
	}
}

func TestNewestStep(t *testing.T) {
	dir := t.TempDir()
	if step := newestStep(dir); step != 0 {
		t.Errorf("without traces: %d", step)
	}
	for name, text := range map[string]string{
		"main.jsonl":   `{"k":"loss","s":3}` + "\n" + `{"k":"loss","s":4}` + "\n" + `{"k":"lo`,
		"worker.jsonl": strings.Repeat(`{"k":"draw","s":1}`+"\n", 10_000) + `{"k":"draw","s":2}` + "\n",
		"broken.jsonl": "\x00\n{}\n[]\n" + `{"s":"9"}`,
		"empty.jsonl":  "",
		"other.txt":    `{"k":"loss","s":99}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]int64{"main.jsonl": 4, "worker.jsonl": 2, "broken.jsonl": 0, "empty.jsonl": 0, "nosuch.jsonl": 0} {
		if step := lastStep(filepath.Join(dir, name)); step != want {
			t.Errorf("%s: step %d, want %d", name, step, want)
		}
	}
	if step := newestStep(dir); step != 4 {
		t.Errorf("newest step %d, want 4", step)
	}
}

// TestSurplus sums up files beyond those recorded singly: in any order the same, and another for another name or content.
func TestSurplus(t *testing.T) {
	dir := t.TempDir()
	change := func(path, text string) workspace.Change {
		t.Helper()
		file, err := os.CreateTemp(dir, "file")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		return workspace.Change{Path: path, OnDisk: file.Name(), Size: int64(len(text))}
	}
	sum := func(changes ...workspace.Change) record.Artifact {
		t.Helper()
		var s surplus
		for _, c := range changes {
			artifact, _, _, err := readArtifact(t.Context(), c, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.add(c, artifact)
		}
		return s.artifact()
	}
	a, b := change("a", "1"), change("b", "2")
	link := workspace.Change{Path: "link", Link: "a"}
	base := sum(a, b, link)
	if again := sum(link, b, a); again.SHA256 != base.SHA256 {
		t.Error("the sum depends on the order")
	}
	if base.Path != "(3 further files)" || base.Files != 3 || base.Size != 2 {
		t.Errorf("%+v", base)
	}
	for name, other := range map[string]record.Artifact{
		"another content":  sum(a, change("b", "3"), link),
		"another name":     sum(a, change("c", "2"), link),
		"contents swapped": sum(change("a", "2"), change("b", "1"), link),
		"another target":   sum(a, b, workspace.Change{Path: "link", Link: "b"}),
		"one less":         sum(a, link),
	} {
		if other.SHA256 == base.SHA256 || other.Content == base.Content {
			t.Errorf("%s: the same sum", name)
		}
	}
	// What differs by nature differs in bytes only, as in files that are recorded singly.
	noon := sum(change("log.txt", "saved 2026-11-26 12:00:00\n"))
	later := sum(change("log.txt", "saved 2026-11-26 12:00:07\n"))
	if noon.SHA256 == later.SHA256 || noon.Content != later.Content {
		t.Errorf("a file that differs in a time: %+v and %+v", noon, later)
	}
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"a volatile name":   {`{"loss": 0.5, "time": 1.5}`, `{"loss": 0.5, "time": 1.25}`, true},
		"a date":            {`{"loss": 0.5, "at": "2026-11-26 12:00:00"}`, `{"loss": 0.5, "at": "2026-11-26 12:00:07"}`, true},
		"a time stamp":      {`{"loss": 0.5, "timestamp": 1795694400.25}`, `{"loss": 0.5, "timestamp": 1795694407.75}`, true},
		"a loss as well":    {`{"loss": 0.5, "time": 1.5}`, `{"loss": 0.25, "time": 1.25}`, false},
		"another string":    {`{"word": "a"}`, `{"word": "b"}`, false},
		"an empty list":     {`{"words": []}`, `{"words": {}}`, false},
		"a value more":      {`{"loss": 0.5}`, `{"loss": 0.5, "acc": 1}`, false},
		"order of a list":   {`{"words": ["a", "b"]}`, `{"words": ["b", "a"]}`, false},
		"a time and a word": {`{"note": "a at 2026-11-26 12:00:00"}`, `{"note": "b at 2026-11-26 12:00:07"}`, false},
	} {
		x, y := sum(change("m.json", c.a)), sum(change("m.json", c.b))
		if (x.Content == y.Content) != c.same {
			t.Errorf("JSON files that differ in %s: the same is %v", name, !c.same)
		}
	}
}

// Names that differ only in bytes that are no UTF-8 stay apart in a record.
func TestNamesAreNotUTF8(t *testing.T) {
	for in, want := range map[string]string{"out/größe.txt": "out/größe.txt", "bad\xff.bin": `bad\xff.bin`, "bad\x0e\xfe\n": "bad\x0e\\xfe\n"} {
		if got := name(in); got != want {
			t.Errorf("name(%q) = %q, want %q", in, got, want)
		}
	}
}

// A fork of an observed process that runs another program says nothing, and is none of the training's interpreters.
func TestSilentProcesses(t *testing.T) {
	alive := []probe.Process{{PID: 10, Name: "main", Killed: []int64{14}}}
	for name, test := range map[string]struct {
		seen launch.PythonProcess
		want []string
	}{
		"observed":                       {launch.PythonProcess{PID: 10, Exe: "python"}, nil},
		"ended before it spoke up":       {launch.PythonProcess{PID: 14, Exe: "python"}, nil},
		"a program of its own":           {launch.PythonProcess{PID: 11, Exe: "python"}, []string{"python"}},
		"on its way to another program":  {launch.PythonProcess{PID: 12, Exe: "python", CopyOf: 10}, nil},
		"a copy of one that was unheard": {launch.PythonProcess{PID: 13, Exe: "python", CopyOf: 11}, []string{"python"}},
	} {
		if _, silent := new(collector).processes(alive, []launch.PythonProcess{test.seen}); !slices.Equal(silent, test.want) {
			t.Errorf("%s: silent %q, want %q", name, silent, test.want)
		}
	}
}
