package terminal

import (
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"train.py":                 "train.py",
		"größe, 損失, π":             "größe, 損失, π",
		"a\nb\tc\r":                `a\nb\tc\r`,
		"\x1b[31mred\x1b]0;x\a":    `\x1b[31mred\x1b]0;x\a`,
		"csi \u009b31m":            `csi \u009b31m`,
		"del \x7f":                 `del \x7f`,
		"\u202egpj.exe\u2066":      `\u202egpj.exe\u2066`,
		"zero\u200bwidth\ufeff":    `zero\u200bwidth\ufeff`,
		"line\u2028separator":      `line\u2028separator`,
		"not UTF-8: \xff \x80\xc3": `not UTF-8: \xff \x80\xc3`,
		"":                         "",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff損失")
	f.Fuzz(func(t *testing.T, s string) {
		got := Printable(s)
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("Printable(%q) = %q does not print", s, got)
		}
		if Printable(got) != got {
			t.Errorf("Printable(%q) is not printable itself", s)
		}
	})
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"model.pt", 8, "model.pt"},
		{"model.pt", 7, "mode..."},
		{"model.pt", 3, "..."},
		{"model.pt", 2, "mo"},
		{"model.pt", 0, ""},
		{"model.pt", -1, ""},
		{"損失関数", 8, "損失関数"},
		{"損失関数", 7, "損失..."},
		{"損失関数", 6, "損..."}, // the second wide character would need one cell more
	} {
		if got := Fit(c.in, c.width); got != c.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in          string
		first, rest int
		want        []string
	}{
		{"", 10, 10, []string{""}},
		{"one two three", 7, 5, []string{"one two", "three"}},
		{"one two three", 3, 20, []string{"one", "two three"}},
		{"one two three", 0, 9, []string{"one", "two three"}},
		{"a /very/long/path b", 6, 6, []string{"a", "/very/long/path", "b"}},
		{"one\ntwo  three", 9, 9, []string{"one", "two three"}},
		{"損失 関数 値", 9, 9, []string{"損失 関数", "値"}},
	} {
		if diff := cmp.Diff(c.want, Wrap(c.in, c.first, c.rest)); diff != "" {
			t.Errorf("Wrap(%q, %d, %d) (-want +got):\n%s", c.in, c.first, c.rest, diff)
		}
	}
}

func TestDetectAFile(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got := Detect(file, func(string) string { return "" })
	if got.Rewrites || got.Color || got.Width() != 0 {
		t.Errorf("a file was taken for a terminal: %+v", got)
	}
}
