package metrics

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// lines collects what Lines emits, as "number:text".
func lines(chunks ...string) []string {
	var out []string
	l := NewLines(func(n int64, line []byte) { out = append(out, fmt.Sprintf("%d:%s", n, line)) })
	for _, c := range chunks {
		_, _ = l.Write([]byte(c))
	}
	_ = l.Close()
	return out
}

func TestLines(t *testing.T) {
	tests := map[string]struct {
		chunks []string
		want   string
	}{
		"plain":             {[]string{"a\nb\n"}, "1:a|2:b"},
		"half lines":        {[]string{"a", "b", "c\nd", "e"}, "1:abc|2:de"},
		"empty lines":       {[]string{"\n\na\n"}, "1:|2:|3:a"},
		"windows":           {[]string{"a\r\nb\r", "\n"}, "1:a|2:b"},
		"overwritten":       {[]string{"1%\r2%\r3%\n"}, "1:3%"},
		"cleared":           {[]string{"50%\r   \rdone\n"}, "1:done"},
		"backspaces":        {[]string{"12\b\b34\n"}, "1:34"},
		"colours":           {[]string{"\x1b[1;31mloss\x1b[0m 0.5\x1b]0;title\x07\n"}, "1:loss 0.5"},
		"colours, cut":      {[]string{"a\x1b[1;", "31mb\n", "c\x1b"}, "1:ab|2:c"},
		"boxes":             {[]string{"│ acc │\n"}, "1: |  acc  | "},
		"control bytes":     {[]string{"a\x00b\x07c\td\n"}, "1:abc\td"},
		"binary":            {[]string{"\xff\xfe\x00\n", "loss 0.5\n"}, "1:\xff\xfe|2:loss 0.5"},
		"sequence, endless": {[]string{"\x1b[" + strings.Repeat("1", 300) + "\nb\n"}, "1:|2:b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(lines(tt.chunks...), "|"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// How a stream is cut into writes must not matter.
func TestLinesAnyCut(t *testing.T) {
	text := "epoch 1 loss 0.5\r\n\x1b[1m12%|██▌ | 1/8\r100%|███| 8/8 loss=0.25\x1b[0m\nplain\b\n\n│ x │ 0.5 │\nlast"
	want := lines(text)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var chunks []string
		for rest := text; rest != ""; {
			n := 1 + r.IntN(min(len(rest), 9))
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		if got := lines(chunks...); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("cut as %q: got %q, want %q", chunks, got, want)
		}
	}
}

// Neither a line without an end nor a bar that is redrawn for ever takes memory, and what follows is read.
func TestLinesBoundMemory(t *testing.T) {
	tests := map[string]struct{ unit, end, want string }{
		"one line":         {strings.Repeat("x1", 4096), "\nloss 0.5\n", "loss"},
		"redrawn":          {"12%|##  | 12/100 [00:01<00:09]\r" + strings.Repeat(" ", 40) + "\r", "loss 0.5\n", "loss"},
		"colours for ever": {strings.Repeat("\x1b[31m", 800), "\nloss 0.5\n", "loss"},
		"backspaces":       {strings.Repeat("1\b", 4096), "\nloss 0.5\n", "loss"},
		"numbers":          {strings.Repeat("0.5 ", 2048), "\nloss 0.5\n", "loss"},
		"binary":           {strings.Repeat("\x00\x01\xe2", 3000), "\nloss 0.5\n", "loss"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := NewCollector("stdout", Options{})
			unit := []byte(tt.unit)
			for written := 0; written < 64<<20; written += len(unit) {
				_, _ = c.Write(unit)
			}
			_, _ = c.Write([]byte(tt.end))
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapAlloc > 32<<20 {
				t.Errorf("%d MB in use", m.HeapAlloc>>20)
			}
			found := false
			for _, s := range c.Series() {
				found = found || s.Name == tt.want && s.Points[len(s.Points)-1].Text == "0.5"
			}
			if !found {
				t.Error("the line after it was lost")
			}
		})
	}
}

// What is beyond the bound of a line is dropped, not taken for lines of its own.
func TestLongLineIsOneLine(t *testing.T) {
	got := show(read(t, "acc 0.25 "+strings.Repeat("x", 2*maxLine)+" loss 0.9\nloss 0.5\n"))
	if want := "acc@0=0.25\nloss@0=0.5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
