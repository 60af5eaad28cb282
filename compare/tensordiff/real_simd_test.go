//go:build goexperiment.simd && amd64

package tensordiff

import (
	"math/rand/v2"
	"simd/archsimd"
	"testing"
)

// The other tests find the loops exact; this one finds them in use.
func TestVectorLoops(t *testing.T) {
	if !archsimd.X86.AVX2() {
		t.Skip("this processor has no AVX2: the loops for single elements were tested instead")
	}
	for d, l := range layouts {
		size := l.bits / 8
		a, b := make([]uint64, 256), make([]uint64, 256)
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range a {
			a[i], b[i] = pairs["some steps apart"](l, rng, i)
		}
		s := newStats(256)
		realFormats[d].compare(&s, l.encode(a), l.encode(b), 0, Tolerance{})
		const at = 101
		b[at] ^= 1 << (l.bits - 1)
		got := realFormats[d].scan(l.encode(a), l.encode(b), s.maxima())
		if want := at * size / vectorBytes * vectorBytes; got != want {
			t.Errorf("%s: the scan stopped at byte %d, not at %d, where the vector begins", d, got, want)
		}
	}
}
