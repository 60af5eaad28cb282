// Package stream tells whether two states of a random number generator lie on one stream, and how far apart.
package stream

import "math/big"

// Twister is a state of the Mersenne Twister MT19937, of which Python, NumPy and PyTorch keep 624 words and how many of
// them have been handed out.
type Twister struct {
	Words [624]uint32
	Used  int
}

// mostBlocks bounds the search to 2.5 million numbers, some hundredths of a second.
const mostBlocks = 1 << 12

// Distance returns how many 32-bit numbers b is ahead of a, negative where it is behind, or false where neither reaches
// the other within 2.5 million.
func (a *Twister) Distance(b *Twister) (int64, bool) {
	forward, backward := a.Words, b.Words
	for blocks := range int64(mostBlocks) {
		if forward == b.Words {
			return blocks*int64(len(a.Words)) + int64(b.Used-a.Used), true
		}
		if backward == a.Words {
			return -blocks*int64(len(a.Words)) + int64(b.Used-a.Used), true
		}
		turn(&forward)
		turn(&backward)
	}
	return 0, false
}

// turn makes the next 624 words (Matsumoto and Nishimura, 1998).
func turn(w *[624]uint32) {
	const middle = 397
	for i := range w {
		x := w[i]&0x80000000 | w[(i+1)%len(w)]&0x7fffffff
		w[i] = w[(i+middle)%len(w)] ^ x>>1 ^ -(x&1)&0x9908b0df
	}
}

// Multipliers of the linear congruential generators below NumPy's PCG64 and PCG64DXSM (numpy/random/src/pcg64/pcg64.h).
var (
	PCG64     = new(big.Int).Add(new(big.Int).Lsh(big.NewInt(2549297995355413924), 64), big.NewInt(4865540595714422341))
	PCG64DXSM = new(big.Int).SetUint64(0xda942042e4dd58b5)
)

// Congruential returns how many numbers the state b is ahead of a, negative where it is behind, on the stream of an odd
// increment, or false where it is more than 2^62. Both are below 2^128. All states lie on one stream, so a distance that
// is no more than a training draws is what tells.
func Congruential(a, b, increment, multiplier *big.Int) (int64, bool) {
	const width = 128
	mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), width), big.NewInt(1))
	at, times, plus, distance := new(big.Int).Set(a), new(big.Int).Set(multiplier), new(big.Int).Set(increment), new(big.Int)
	// The lowest i+1 bits of the state have a period of 2^(i+1): each bit of the distance follows from one bit of the state.
	for i := range width {
		if at.Bit(i) != b.Bit(i) {
			at.And(at.Mul(at, times).Add(at, plus), mask)
			distance.SetBit(distance, i, 1)
		}
		plus.And(plus.Mul(plus, new(big.Int).Add(times, big.NewInt(1))), mask)
		times.And(times.Mul(times, times), mask)
	}
	if distance.Bit(width-1) == 1 {
		distance.Sub(distance, new(big.Int).Lsh(big.NewInt(1), width))
	}
	return distance.Int64(), distance.BitLen() <= 62
}
