package npy

import (
	"bytes"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// TestGapsAreReadAsZero wherever a read begins and ends.
func TestGapsAreReadAsZero(t *testing.T) {
	small := Type{Name: "int8", Item: 1}
	inner, err := Record([]Field{{"a", small, 1}, {"b", Type{Name: "int16", Item: 2}, 2}}, 6)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := SubArray(inner, []int64{2})
	if err != nil {
		t.Fatal(err)
	}
	typ, err := Record([]Field{{"last", small, 15}, {"pair", pair, 2}, {"first", small, 0}}, 17)
	if err != nil {
		t.Fatal(err)
	}
	const used = "x..xxx...xxx...x."
	want := bytes.Repeat([]byte(used), 3)
	for i, c := range want {
		if want[i] = 0xff; c == '.' {
			want[i] = 0
		}
	}
	a, err := Array(bytes.NewReader(bytes.Repeat([]byte{0xff}, len(want))), typ, []int64{3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for from := range want {
		for to := from; to <= len(want); to++ {
			got := make([]byte, to-from)
			if err := checkpoint.ReadFull(a, got, int64(from)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want[from:to]) {
				t.Fatalf("bytes %d to %d are %x, want %x", from, to, got, want[from:to])
			}
		}
	}
	union, err := Record([]Field{{"a", pair, 0}, {"b", small, 1}}, 20)
	if err != nil || union.gaps != nil {
		t.Errorf("a union has gaps: %v", err)
	}
	if _, err := Record([]Field{{"a", small, 4}}, 4); err == nil {
		t.Error("a field behind the end is taken")
	}
}

// TestEmptyRecordsHaveNoGaps, however many there are.
func TestEmptyRecordsHaveNoGaps(t *testing.T) {
	none, err := Record(nil, 0)
	if err != nil || none.gaps != nil {
		t.Fatalf("%v, %v", none, err)
	}
	many, err := SubArray(none, []int64{1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Array(bytes.NewReader(nil), many, []int64{4}, nil); err != nil {
		t.Error(err)
	}
	hole, err := Record(nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if row, err := SubArray(hole, []int64{0}); err != nil || row.Item != 0 {
		t.Errorf("%v, %v", row, err)
	}
}
