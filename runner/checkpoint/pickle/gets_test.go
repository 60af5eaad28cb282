package pickle

import (
	"strings"
	"testing"
)

// leaf stands for calls in tests.
type leaf struct{ args []Value }

// spent parses a pickle, with a hook that answers every call by a leaf of one byte, and returns the memory it was charged.
func spent(t *testing.T, data string) (root Value, charged int64) {
	t.Helper()
	budget := int64(1 << 30)
	v, _, err := Parse(strings.NewReader(data), 0, int64(len(data)), Options{
		Budget: &budget, Call: func(_ Global, args *Tuple) (Value, int64) { return &leaf{args.Items}, 1 },
	})
	if err != nil {
		t.Fatal(err)
	}
	return v, 1<<30 - budget
}

func TestMemoEntriesThatNobodyAsksForAreNotKept(t *testing.T) {
	for name, data := range map[string]string{
		"put":     "\x80\x02](" + strings.Repeat("Nq\x00r\xff\x00\x00\x00", 1000) + "e.",
		"memoize": "\x80\x04](" + strings.Repeat("N\x94", 1000) + "e.",
	} {
		if _, charged := spent(t, data); charged > 1000*2*slotCost+1000 {
			t.Errorf("%s: %d bytes charged", name, charged)
		}
	}
	// What is asked for is there, whatever opcodes put it.
	for name, data := range map[string]string{
		"put":                "\x80\x02](K\x07q\x05K\x08q\x09Nq\x06h\x09e.",
		"memoize":            "\x80\x04](K\x07\x94K\x08\x94N\x94h\x01e.",
		"put twice":          "\x80\x02](K\x07q\x05K\x08q\x05Nh\x05e.",
		"put before memoize": "\x80\x04](K\x07q\x05q\x05K\x08\x94Nh\x01e.",
		"text":               "](I7\np5\nI8\np9\nNg9\ne.",
		"high key":           "\x80\x02](K\x07K\x08r\x00\x00\x00\x80Nj\x00\x00\x00\x80e.",
	} {
		root, _ := spent(t, data)
		if items := root.(*List).Items; len(items) != 4 || items[0] != Value(int64(7)) || items[3] != Value(int64(8)) {
			t.Errorf("%s: %v", name, items)
		}
	}
}

func TestACallGivesBackWhatOnlyItsArgumentsTook(t *testing.T) {
	arguments := "(" + strings.Repeat("I1000\n", 100) + "t"
	root, charged := spent(t, "\x80\x02cm\nf\n"+arguments+"R.")
	if l, ok := root.(*leaf); !ok || len(l.args) != 100 {
		t.Fatalf("root %v", root)
	}
	if charged > 100 {
		t.Errorf("%d bytes charged for a leaf of one", charged)
	}
	// Whatever else can refer to a part of the arguments has it charged.
	for name, data := range map[string]string{
		"memo":     "\x80\x02](cm\nf\n(" + arguments + "q\x01tRh\x01e.",
		"appended": "\x80\x02]q\x00cm\nf\n(h\x00" + arguments + "atR\x86.",
		"set":      "\x80\x02}q\x00cm\nf\n(h\x00K\x01" + arguments + "stR\x86.",
		"state":    "\x80\x02cm\nC\n)\x81q\x00cm\nf\n(h\x00" + arguments + "btR\x86.",
	} {
		if _, charged := spent(t, data); charged < 100*slotCost {
			t.Errorf("%s: %d bytes charged, and 100 numbers are in use", name, charged)
		}
	}
}
