package all_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestArrayFilesHaveTheArraysThatNumPyWrote(t *testing.T) {
	compareAll(t, write(t, "write_arrays.py", "numpy"))
}

// TestManyArraysOfAPickleAreRead has arrays whose calls would take four times the memory that a pickle may.
func TestManyArraysOfAPickleAreRead(t *testing.T) {
	const n = 60_000
	array := "cnumpy._core.multiarray\n_reconstruct\n" + tuple("cnumpy\nndarray\n", tuple(binInt(0)), "C\x01b") + "R" +
		tuple(binInt(1), tuple(binInt(2)), "cnumpy\ndtype\n"+tuple(binUnicode("f4"), "\x89", "\x88")+"R", "\x89", "C\x0812345678") + "b"
	var p strings.Builder
	p.WriteString(proto + "}(")
	for i := range n {
		if i > 0 && i%1000 == 0 {
			p.WriteString("u(")
		}
		p.WriteString(binUnicode(fmt.Sprint("layer", i)) + array)
	}
	p.WriteString("u.")
	f, err := readAll([]byte(p.String()), "many.pkl")
	if err != nil || len(f.Entries) != n+1 {
		t.Fatal(err)
	}
	if e := f.Entries[n]; e.Name != "layer59999" || e.Type != "float32" || !slices.Equal(e.Shape, []int64{2}) {
		t.Errorf("%+v", e)
	}
}
