package tensordiff

import (
	"bytes"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

func TestLongTextsAreShownWhereTheyDiffer(t *testing.T) {
	text := func(s string) *checkpoint.Entry {
		return &checkpoint.Entry{Name: "s", Kind: checkpoint.KindString, Type: "str", Text: checkpoint.Clip(s, 200), Data: checkpoint.Text(s)}
	}
	raw := func(s string) *checkpoint.Entry {
		return &checkpoint.Entry{Name: "s", Kind: checkpoint.KindBytes, Type: "bytes", Text: "some bytes", Data: bytes.NewReader([]byte(s))}
	}
	long := strings.Repeat("é", 20000)
	for _, test := range []struct {
		a, b *checkpoint.Entry
		want string
	}{
		{text("one"), text("two"), `string: "one" -> "two"`},
		{text(long + "A, and so on"), text(long + "B"), `string: "…ééééééééééA, and so on" -> "…ééééééééééB", first at byte 40000`},
		{text(long), text(long + "x"), `string: "…éééééééééé" -> "…ééééééééééx", first at byte 40000`},
		{text("x" + long), text("y" + long), `string: "x` + long[:58] + `…" -> "y` + long[:58] + `…", first at byte 0`},
		{raw(long + "12345678901"), raw(long + "02"), `bytes: 40011 bytes 3132333435363738 -> 40002 bytes 3032, first at byte 40000`},
		{raw("1"), raw("12"), `bytes: 1 bytes -> 2 bytes 32, first at byte 1`},
	} {
		c, _, err := compareMatch(t.Context(), test.a, test.b, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.text(true); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
