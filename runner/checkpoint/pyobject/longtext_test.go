package pyobject

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

func TestBytesWrittenAsTextAreReadFromAnywhere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, stride - 1, stride, stride + 1, 3*stride + 17} {
		want := make([]byte, n)
		var text []rune
		for i := range want {
			want[i] = byte(random.Uint32())
			text = append(text, rune(want[i]))
		}
		l := &latin1{text: checkpoint.Text(string(text)), size: int64(n)}
		if got, err := io.ReadAll(io.NewSectionReader(l, 0, l.size)); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes read whole: %v", n, err)
		}
		for range 200 {
			off := random.IntN(n)
			p := make([]byte, 1+random.IntN(n-off))
			if _, err := l.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, want[off:off+len(p)]) {
				t.Fatalf("%d of %d bytes at %d: %v", len(p), n, off, err)
			}
		}
		if k, err := l.ReadAt(make([]byte, 10), int64(n-1)); k != 1 || err != io.EOF {
			t.Errorf("past the end: %d bytes, %v", k, err)
		}
	}
}
