package terminal

import (
	"bytes"
	"testing"
	"unicode"
)

func TestPass(t *testing.T) {
	for in, want := range map[string][2]string{ // with colours, and without
		"epoch 1\tloss 0.5\n":                        {"epoch 1\tloss 0.5\n", "epoch 1\tloss 0.5\n"},
		"größe 損失\n":                                 {"größe 損失\n", "größe 損失\n"},
		"\x1b[31mred\x1b[0m\n":                       {"\x1b[31mred\x1b[0m\x1b[0m\n", "red\n"},
		"\x1b[1;38:5:9mred\nplain\n":                 {"\x1b[1;38:5:9mred\x1b[0m\nplain\n", "red\nplain\n"},
		"\x1b[2K\x1b[1A\x1b[10;10Hup\x1b[?25l\n":     {"up\n", "up\n"},
		"\x1b[>4;1mxterm's keys\n":                   {"xterm's keys\n", "xterm's keys\n"},
		"\x1b]0;title\atext\n":                       {"text\n", "text\n"},
		"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n": {"link\n", "link\n"},
		"\x1b]0;no end\nnext\n":                      {"0;no end\nnext\n", "0;no end\nnext\n"},
		"\x1bPq#0\x1b\\sixel\n":                      {"sixel\n", "sixel\n"},
		"\x1b(0line\x1b(B \x1bcreset \x1b7saved\n":   {"line reset saved\n", "line reset saved\n"},
		"\u009b2J\u009d0;x\n":                        {"2J0;x\n", "2J0;x\n"},
		"a\bb\a\x00\x7f\v\f\n":                       {"ab\n", "ab\n"},
		"no UTF-8 \xff\x9b2J\n":                      {"no UTF-8 \ufffd\ufffd2J\n", "no UTF-8 \ufffd\ufffd2J\n"},
		"cut \x1b[3":                                 {"cut ", "cut "},
		"cut \x1b":                                   {"cut ", "cut "},
		"\x1b[31mno newline":                         {"\x1b[31mno newline\x1b[0m", "no newline"},
		"":                                           {"", ""},
	} {
		for i, colours := range []bool{true, false} {
			if got := string(Pass([]byte(in), colours)); got != want[i] {
				t.Errorf("Pass(%q, %v) = %q, want %q", in, colours, got, want[i])
			}
		}
	}
}

func FuzzPass(f *testing.F) {
	f.Add([]byte("\x1b[31ma\x1b]0;b\a\x1b(\xff\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if plain := Pass(text, false); bytes.ContainsFunc(plain, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			t.Errorf("Pass(%q) = %q, which a terminal takes for commands", text, plain)
		}
		coloured := Pass(text, true)
		if plain := Pass(coloured, false); !bytes.Equal(plain, Pass(text, false)) {
			t.Errorf("with colours %q, without %q", coloured, plain)
		}
		if bytes.Count(coloured, []byte("\n")) != bytes.Count(text, []byte("\n")) {
			t.Errorf("Pass(%q) = %q has another number of lines", text, coloured)
		}
	})
}
