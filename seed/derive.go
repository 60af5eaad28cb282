package seed

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Derive returns the seed that a source's generators are given when it is pinned. Sources get seeds of their own,
// so that two streams with the same algorithm never produce the same numbers. The result is in 1..2^32-1, which
// every generator accepts (NumPy's legacy seed is 32 bits wide).
//
// It is the first four bytes, big-endian, of the SHA-256 of "reprocheck/seed/1 ID SEED" with the seed in decimal,
// and 1 where those are zero.
func Derive(id ID, seed uint64) uint64 {
	digest := sha256.Sum256(fmt.Appendf(nil, "reprocheck/seed/1 %s %d", id, seed))
	return max(1, uint64(binary.BigEndian.Uint32(digest[:4])))
}

// derived is [Derive] for a control's Seed.
func derived(id ID) func(uint64, int) uint64 {
	return func(seed uint64, _ int) uint64 { return Derive(id, seed) }
}
