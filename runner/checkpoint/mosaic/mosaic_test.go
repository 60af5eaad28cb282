package mosaic

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// tile is a part of a tensor of bytes of two dimensions, each of which has the value of its column.
func tile(t *testing.T, row, column, rows, columns int64) Tile {
	t.Helper()
	data := make([]byte, rows*columns)
	for i := range data {
		data[i] = byte(column + int64(i)%columns)
	}
	part, err := checkpoint.NewTensor(checkpoint.Uint8, 8, []int64{rows, columns}, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return Tile{Offsets: []int64{row, column}, Tensor: part}
}

func TestManyNarrowPartsAreFoundInTheirOrder(t *testing.T) {
	const rows, columns = 1024, 4096
	var tiles []Tile
	for c := range int64(columns) {
		tiles = append(tiles, tile(t, 0, c, rows, 1))
	}
	whole, err := Assemble([]int64{rows, columns}, checkpoint.Uint8, 8, tiles)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	got := make([]byte, whole.Size())
	if err := checkpoint.ReadFull(whole, got, 0); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("took %v", took)
	}
	for i, v := range got {
		if v != byte(i%columns) {
			t.Fatalf("element %d is %d", i, v)
		}
	}
}

func TestBlocksInAGridAreReadInCOrder(t *testing.T) {
	var tiles []Tile
	for _, row := range []int64{4, 0, 2} {
		for _, column := range []int64{0, 6, 3} {
			tiles = append(tiles, tile(t, row, column, 2, 3))
		}
	}
	whole, err := Assemble([]int64{6, 9}, checkpoint.Uint8, 8, tiles)
	if err != nil {
		t.Fatal(err)
	}
	for off := range int64(6 * 9) {
		got := make([]byte, 6*9-off)
		if err := checkpoint.ReadFull(whole, got, off); err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if want := byte((off + int64(i)) % 9); v != want {
				t.Fatalf("element %d from %d on is %d, not %d", i, off, v, want)
			}
		}
	}
}

// Parts whose order is that of their rows and not of their columns cannot be found one from the other.
func TestPartsInNoOrderAreRefusedBeforeTheyTakeHours(t *testing.T) {
	const rows, columns = 1024, 1024
	var tiles []Tile
	for c := range int64(columns) {
		split := 1 + c*769%(rows-1)
		tiles = append(tiles, tile(t, 0, c, split, 1), tile(t, split, c, rows-split, 1))
	}
	whole, err := Assemble([]int64{rows, columns}, checkpoint.Uint8, 8, tiles)
	if err != nil {
		t.Fatal(err)
	}
	err = checkpoint.ReadFull(whole, make([]byte, whole.Size()), 0)
	if limit := (*checkpoint.LimitError)(nil); err != nil && !errors.As(err, &limit) {
		t.Fatal(err)
	}
	if err == nil {
		t.Error("read")
	}
}
