package manifest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func put(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckTellsBytesFromContent(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	var lines []Line
	for name, text := range map[string]string{
		"kept.json": `{"w": [1, 2.5]}`, "spaced.json": `{"w": [1, 2.5], "n": 3}`, "changed.json": `{"w": [1]}`,
		"gone.json": `{}`, "broken.json": `{"w": 1}`, "notes.txt": "plain text",
	} {
		d, err := Hash(ctx, put(t, dir, name, text), true)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, Line{d.SHA256, d.Content, name})
	}
	put(t, dir, "spaced.json", `{ "n": 3, "w": [1, 2.50] }`)
	put(t, dir, "changed.json", `{"w": [1.0]}`)
	put(t, dir, "broken.json", `{"w": 1`)
	put(t, dir, "notes.txt", "plain texts")
	if err := os.Remove(filepath.Join(dir, "gone.json")); err != nil {
		t.Fatal(err)
	}

	var text bytes.Buffer
	if err := Write(&text, lines); err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(&text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines, parsed); diff != "" {
		t.Fatalf("a manifest read again: %s", diff)
	}
	outcomes, err := Check(ctx, dir, parsed)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Status{}
	for _, o := range outcomes {
		got[o.Path] = o.Status
		if o.Good() != (o.Status == OK || o.Status == SameContent) {
			t.Errorf("%s: good %t", o.Path, o.Good())
		}
	}
	want := map[string]Status{
		"kept.json": OK, "spaced.json": SameContent, "changed.json": Changed, "gone.json": Missing, "broken.json": Unreadable,
		"notes.txt": Changed,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPathsOfAllKinds are read as they were written, each from one line that no terminal obeys.
func TestPathsOfAllKinds(t *testing.T) {
	paths := []string{"a b.pt", "  two  spaces .pt ", "line\nend\r.pt", `back\slash\n.pt`, "esc\x1b[2J.pt", "bytes\xff\xfe.pt", "\u202eright", "größe/模型.pt", "-", `\`, "\ufffd.pt"}
	var lines []Line
	for _, p := range paths {
		lines = append(lines, Line{SHA256: strings.Repeat("ab", 32), Path: p})
	}
	var text bytes.Buffer
	if err := Write(&text, lines); err != nil {
		t.Fatal(err)
	}
	written := text.String()
	if strings.Count(written, "\n") != len(paths) || strings.ContainsAny(written, "\x1b\r\u202e") || !strings.Contains(written, "  größe/模型.pt\n") {
		t.Errorf("written as:\n%q", written)
	}
	got, err := Parse(&text)
	if diff := cmp.Diff(lines, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	// What sha256sum would write for the first three bytes of these.
	for path, want := range map[string]string{"a\nb": `a\nb`, `a\b`: `a\\b`, "a b": "a b"} {
		if got, marked := escape(path); got != want || marked != (path != want) {
			t.Errorf("%q: %q, marked %t", path, got, marked)
		}
	}
}

func TestParseRefusesOtherText(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for name, text := range map[string]string{
		"sha256sum's":     sum + "  model.pt\n",
		"short sum":       "abcd  -  model.pt\n",
		"no hexadecimal":  strings.Repeat("zz", 32) + "  -  model.pt\n",
		"another version": sum + "  rc9:00  model.pt\n",
		"no path":         sum + "  -  \n",
		"unknown escape":  `\` + sum + `  -  a\qb` + "\n",
		"open escape":     `\` + sum + `  -  a\` + "\n",
		"short escape":    `\` + sum + `  -  a\x1` + "\n",
	} {
		if lines, err := Parse(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read as %v", name, lines)
		}
	}
}

func TestAFileThatKeepsItsReaderWaitingIsAnError(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.WriteString("the first of it"); err != nil {
		t.Fatal(err)
	}
	if sum, err := sumOf(context.Background(), r); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s, %v", sum, err)
	}
}
