package inspect

import (
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

func TestTextFitsTheWidth(t *testing.T) {
	d := &Document{Path: "x", Format: "pickle", Values: []Value{
		{Name: strings.Repeat("a.", 60) + "weight", Kind: "tensor", Type: "float32", Shape: []int64{2, 3}, Bytes: 24, Component: component.Model},
		{Name: "損失" + strings.Repeat("値", 60), Kind: "string", Type: "str", Text: strings.Repeat("long ", 20), Component: component.Unknown},
		{Name: "esc\x1b[2J", Kind: "string", Type: "str", Text: "a\nforged line\tb", Component: component.Unknown},
	}}
	for _, width := range []int{60, 80, 120} {
		var b strings.Builder
		if err := d.WriteText(&b, TextOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		for _, line := range lines {
			if got := text.StringWidth(line); got > width {
				t.Errorf("%d columns of %d: %q", got, width, line)
			}
		}
		if !strings.Contains(b.String(), ".a.weight  float32  [2,3]") {
			t.Errorf("the end of a long name is not kept:\n%s", b.String())
		}
		if strings.ContainsAny(b.String(), "\x1b\t") || strings.HasPrefix(lines[len(lines)-1], "forged") {
			t.Errorf("control characters:\n%q", b.String())
		}
	}
	var b strings.Builder
	if err := d.WriteText(&b, TextOptions{}); err != nil || !strings.Contains(b.String(), d.Values[0].Name) {
		t.Errorf("without a width names are whole: %v\n%s", err, b.String())
	}
}
