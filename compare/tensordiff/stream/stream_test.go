package stream

import (
	"math/big"
	"testing"
)

// seeded is init_genrand of the reference implementation of MT19937.
func seeded(seed uint32) *Twister {
	t := &Twister{Used: 624}
	t.Words[0] = seed
	for i := 1; i < len(t.Words); i++ {
		t.Words[i] = 1812433253*(t.Words[i-1]^t.Words[i-1]>>30) + uint32(i)
	}
	return t
}

// TestTurn holds to the published check value: the 10000th number of std::mt19937, seeded with 5489, is 4123659995.
func TestTurn(t *testing.T) {
	x := seeded(5489)
	for range 10000/624 + 1 {
		turn(&x.Words)
	}
	y := x.Words[9999%624]
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	y ^= y >> 18
	if y != 4123659995 {
		t.Errorf("the 10000th number is %d", y)
	}
}

func TestDistance(t *testing.T) {
	a, b := seeded(1), seeded(1)
	for range 100 {
		turn(&b.Words)
	}
	b.Used = 10
	const ahead = 100*624 + 10 - 624
	if n, ok := a.Distance(b); n != ahead || !ok {
		t.Errorf("%d, %t", n, ok)
	}
	if n, ok := b.Distance(a); n != -ahead || !ok {
		t.Errorf("backwards: %d, %t", n, ok)
	}
	if n, ok := a.Distance(a); n != 0 || !ok {
		t.Errorf("of itself: %d, %t", n, ok)
	}
	if n, ok := a.Distance(seeded(2)); ok {
		t.Errorf("of another seed: %d", n)
	}
}

func TestCongruential(t *testing.T) {
	inc, mask := big.NewInt(12345679), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1))
	a := new(big.Int).Lsh(big.NewInt(77), 100)
	b := new(big.Int).Set(a)
	for range 1000 {
		b.And(b.Mul(b, PCG64).Add(b, inc), mask)
	}
	if n, ok := Congruential(a, b, inc, PCG64); n != 1000 || !ok {
		t.Errorf("%d, %t", n, ok)
	}
	if n, ok := Congruential(b, a, inc, PCG64); n != -1000 || !ok {
		t.Errorf("backwards: %d, %t", n, ok)
	}
	if n, ok := Congruential(a, new(big.Int).Xor(a, big.NewInt(1<<40)), inc, PCG64); ok {
		t.Errorf("of a state that is not near: %d", n)
	}
}
