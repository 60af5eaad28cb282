package pickle

import (
	"encoding/binary"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, data string) Value {
	t.Helper()
	v, end, err := Parse(strings.NewReader(data), 0, int64(len(data)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if end != int64(len(data)) {
		t.Errorf("ended at %d of %d", end, len(data))
	}
	return v
}

// TestOpcodes reads pickles written by hand after the comments of CPython's Lib/pickletools.py.
func TestOpcodes(t *testing.T) {
	big70 := new(big.Int).Lsh(big.NewInt(1), 70)
	for name, test := range map[string]struct {
		data string
		want Value
	}{
		"None":                      {"N.", None{}},
		"protocol 0 bool":           {"I01\n.", true},
		"protocol 0 int":            {"I-5\n.", int64(-5)},
		"protocol 0 long":           {"L1180591620717411303424L\n.", big70},
		"protocol 0 float":          {"F-1.5\n.", -1.5},
		"protocol 0 text":           {"Vx\\u20ac\\\n.", "x€\\"},
		"protocol 0 string":         {"S'it\\'s \\x41\\n'\n.", "it's A\n"},
		"BININT is signed":          {"J\xff\xff\xff\xff.", int64(-1)},
		"BININT2 is not":            {"M\xff\xff.", int64(65535)},
		"LONG1 of no bytes":         {"\x8a\x00.", int64(0)},
		"LONG1 negative":            {"\x8a\x02\x00\x80.", int64(-32768)},
		"LONG1 with a leading zero": {"\x8a\x02\xff\x00.", int64(255)},
		"LONG1 of nine bytes":       {"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x40.", big70},
		"BINFLOAT is big endian":    {"G\x3f\xf8\x00\x00\x00\x00\x00\x00.", 1.5},
		"latin1 of Python 2":        {"U\x02a\xe9.", "aé"},
		"tuples":                    {"K\x01K\x02K\x03\x87.", &Tuple{[]Value{int64(1), int64(2), int64(3)}}},
		"mark":                      {"(K\x01(K\x02tt.", &Tuple{[]Value{int64(1), &Tuple{[]Value{int64(2)}}}}},
		"appends":                   {"](K\x01K\x02e.", &List{[]Value{int64(1), int64(2)}}},
		"dict":                      {"(K\x01Nd.", &Dict{[]Pair{{int64(1), None{}}}}},
		"set items":                 {"}K\x01Ns.", &Dict{[]Pair{{int64(1), None{}}}}},
		"frozenset":                 {"(K\x01\x91.", &Set{[]Value{int64(1)}, true}},
		"POP takes a mark":          {"N(0.", None{}},
		"POP_MARK":                  {"N(K\x01K\x021.", None{}},
		"global of Python 2":        {"c__builtin__\nxrange\n.", Global{"builtins", "range"}},
		"STACK_GLOBAL":              {"\x8c\x01a\x8c\x01b\x93.", Global{"a", "b"}},
		"persistent":                {"K\x07Q.", &Persistent{int64(7)}},
		"reduce and build":          {"ca\nb\n)R}b.", &Object{Func: Global{"a", "b"}, Args: &Tuple{}, State: &Dict{}}},
		"NEWOBJ":                    {"ca\nb\n)\x81.", &Object{Func: Global{"a", "b"}, Args: &Tuple{}, New: true}},
		"NEWOBJ_EX":                 {"ca\nb\n)}\x92.", &Object{Func: Global{"a", "b"}, Args: &Tuple{}, Kw: &Dict{}, New: true}},
		"INST":                      {"(K\x01ia\nb\n.", &Object{Func: Global{"a", "b"}, Args: &Tuple{[]Value{int64(1)}}}},
		"OBJ":                       {"(ca\nb\nK\x01o.", &Object{Func: Global{"a", "b"}, Args: &Tuple{[]Value{int64(1)}}}},
		"bytearray":                 {"\x96\x01\x00\x00\x00\x00\x00\x00\x00z.", &Bytes{Held: []byte("z"), Off: 9, Len: 1, Mutable: true}},
		"memo":                      {"K\x01q\x05h\x05\x86.", &Tuple{[]Value{int64(1), int64(1)}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parse(t, test.data), cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOneObjectStaysOne(t *testing.T) {
	list := parse(t, "]q\x00h\x00\x86.").(*Tuple)
	if list.Items[0] != list.Items[1] {
		t.Error("a list taken from the memo is another list")
	}
	cycle := parse(t, "]q\x00h\x00a.").(*List)
	if cycle.Items[0] != Value(cycle) {
		t.Error("a list that contains itself contains another one")
	}
}

func TestMemoKeepsWhateverOrder(t *testing.T) {
	var m memo
	keys := []uint32{5, 0, 1, 2, 3, 4, 6, 1 << 31, 7, 2}
	for i, k := range keys {
		m.put(k, i)
	}
	want := map[uint32]int{5: 0, 0: 1, 1: 2, 2: 9, 3: 4, 4: 5, 6: 6, 1 << 31: 7, 7: 8}
	for k, v := range want {
		if got, ok := m.get(k); !ok || got != Value(v) {
			t.Errorf("entry %d is %v, want %d", k, got, v)
		}
	}
	if _, ok := m.get(8); ok || m.n != int64(len(want)) {
		t.Errorf("%d entries, want %d", m.n, len(want))
	}
	for k := range uint32(3 * memoPage) {
		m.put(k, k)
	}
	for k := range uint32(3 * memoPage) {
		if got, ok := m.get(k); !ok || got != Value(k) {
			t.Fatalf("entry %d is %v", k, got)
		}
	}
}

func TestLongBytesStayInTheFile(t *testing.T) {
	const n = heldBytes + 1
	data := "\x80\x03B\x01\x40\x00\x00" + strings.Repeat("x", n) + "."
	b := parse(t, data).(*Bytes)
	if b.Held != nil || b.Off != 7 || b.Len != n {
		t.Errorf("%d bytes held, offset %d, length %d", len(b.Held), b.Off, b.Len)
	}
}

func TestLongTextStaysInTheFile(t *testing.T) {
	const n = 32 << 20 // more than may be held of so small a file
	text := func(s string) string {
		return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s + "."
	}
	for name, c := range map[string]struct {
		unit   string
		latin1 bool
	}{"ASCII": {"abcdefgh", true}, "Latin-1": {"\u00e9a\u00ffaa", true}, "others": {"\u0101aaa\u20ac", false}} {
		s := strings.Repeat(c.unit, n/len(c.unit))
		got, ok := parse(t, text(s)).(*Text)
		want := &Text{Off: 5, Len: int64(len(s)), Characters: int64(utf8.RuneCountInString(s)), Latin1: c.latin1}
		if !ok || *got != *want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	for name, s := range map[string]string{"cut short": strings.Repeat("a", 100<<10) + "\xc3", "no text": strings.Repeat("a\xff", 100<<10)} {
		if _, _, err := Parse(strings.NewReader(text(s)), 0, int64(len(text(s))), Options{}); err == nil {
			t.Errorf("text that is %s is read", name)
		}
	}
	surrogates := strings.Repeat("a\xed\xa0\x80", 50<<10)
	if got, ok := parse(t, text(surrogates)).(*Text); !ok || got.Latin1 {
		t.Errorf("halves of surrogate pairs: %+v", got)
	}
}

// TestWhatStandsForAnObjectGivesItsMemoryBack has more objects than fit, of which something small is kept.
func TestWhatStandsForAnObjectGivesItsMemoryBack(t *testing.T) {
	const (
		n     = 20_000
		class = "cm\nC\n"
		empty = "]q\x00"
	)
	text := "X\xd0\x07\x00\x00" + strings.Repeat("x", 2000)
	for name, c := range map[string]struct {
		before, object string
		fits           bool
	}{
		"used nowhere else":           {"N", class + ")\x81}" + text + "Nsb0", true},
		"objects in it":               {"N", class + ")\x81}" + text + class + ")\x81}" + text + "Nsbsb0", true},
		"memo":                        {"N", class + ")\x81q\x01}" + text + "Nsb0h\x010", false},
		"part of it in the memo":      {"N", class + ")\x81}q\x01" + text + "Nsb0h\x010", false},
		"text in the memo":            {"N", class + ")\x81}" + text + "r\x01\x01\x01\x01Nsb0j\x01\x01\x01\x010", false},
		"put into an older list":      {empty, class + ")\x81}h\x00" + text + "a0b0", false},
		"put into its copy":           {empty, class + ")\x81}h\x002" + text + "a00b0", false},
		"put into an older list, (..": {empty, class + ")\x81}h\x00(" + text + "e0b0", false},
	} {
		shown := 0
		p := "\x80\x02" + c.before + strings.Repeat(c.object, n) + "."
		_, _, err := Parse(strings.NewReader(p), 0, int64(len(p)), Options{Built: func(*Object) (Value, int64) {
			shown++
			return new(int), 8
		}})
		if (err == nil) != c.fits || c.fits && shown < n {
			t.Errorf("%s: %d shown, %v", name, shown, err)
		}
	}
}
