package seed_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/seed"
)

var update = flag.Bool("update", false, "write docs/sources.md from the registry")

// TestSourcesPage holds docs/sources.md to the registry; `go test ./seed -update` writes it.
func TestSourcesPage(t *testing.T) {
	const path = "../docs/sources.md"
	want := sourcesPage()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the registry says; write it with `go test ./seed -update`", path)
	}
}

func sourcesPage() string {
	var b strings.Builder
	b.WriteString(`# Sources of nondeterminism

Written from the registry in ` + "`seed/`" + ` by ` + "`go test ./seed -update`" + `.

Pinning gives a source the same value in every run, varying a different and printed one in each. Where pinning sets a variable,
a value of your own that is known to be good is kept, and any other is refused with the accepted list. "all" stands for
every source that the level is possible for.

| source | what it is | pin | vary |
| --- | --- | --- | --- |
`)
	for _, s := range seed.All() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", s.ID, s.ID, s.Title, yes(s.Pin), yes(s.Vary))
	}
	for _, s := range seed.All() {
		fmt.Fprintf(&b, "\n## `%s`\n\n**%s**%s\n\n%s\n\n", s.ID, s.Title, gpu(s), s.Doc)
		fmt.Fprintf(&b, "- **Shows as**: %s Trace events: %s.\n", s.Observed, code(s.Streams))
		fmt.Fprintf(&b, "- **Check**: %s\n- **Fix**: %s\n", s.Checklist, s.Fix)
		fmt.Fprintf(&b, "- **Pin**: %s\n- **Vary**: %s\n", control(s.Pin), control(s.Vary))
		writeVariables(&b, s.Pin)
	}
	return b.String()
}

func yes(c seed.Control) string {
	if c.Possible() {
		return "yes"
	}
	return ""
}

func gpu(s seed.Source) string {
	if s.NeedsGPU {
		return " (only on a machine with a GPU)"
	}
	return ""
}

func control(c seed.Control) string {
	if !c.Possible() {
		return "not possible: " + c.Doc + "."
	}
	text := c.Doc + "."
	if len(c.Companions) > 0 {
		var ids []string
		for _, id := range c.Companions {
			ids = append(ids, string(id))
		}
		text += " Pinned beside it: " + code(ids) + "."
	}
	return text
}

// writeVariables lists the variables that pinning sets, with what is kept of the user's own.
func writeVariables(b *strings.Builder, c seed.Control) {
	if len(c.Env) == 0 {
		return
	}
	b.WriteString("\n| variable | set to (seed 0) | kept when you set it to |\n| --- | --- | --- |\n")
	for _, v := range c.Env {
		accepted := v.Accepted
		if accepted == "" {
			accepted = v.Value(0, 0)
		}
		if v.Fallback != "" {
			accepted += "; left unset where you set `" + v.Fallback + "`"
		}
		fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", v.Name, v.Value(0, 0), accepted)
	}
}

func code(words []string) string { return "`" + strings.Join(words, "`, `") + "`" }
