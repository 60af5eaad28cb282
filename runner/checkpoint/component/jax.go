package component

import (
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// isJAXKey knows keys of jax.random, and arrays of them, by what they are and what they are called: two or four words of 32
// bits, which are the states of its generators threefry2x32 and rbg. Flax counts beside each key in rngs how many were made of it.
func isJAXKey(e *checkpoint.Entry, path []segment) bool {
	t := e.Tensor()
	if t == nil || t.DType != checkpoint.Uint32 || len(path) == 0 {
		return false
	}
	if last := path[len(path)-1].key; len(t.Shape) == 0 {
		within := slices.ContainsFunc(path, func(s segment) bool { return s.key == "rngs" })
		return within && slices.ContainsFunc(path, func(s segment) bool { return s.key == "count" }) && (last == "count" || last == "value")
	}
	if n := t.Shape[len(t.Shape)-1]; n != 2 && n != 4 || isParameter(path) {
		return false // quantised weights of a layer called key are words too
	}
	return slices.ContainsFunc(path, func(s segment) bool {
		return s.key == "PRNGKey" || wordsOf(s.key).one("rng", "rngs", "key", "keys", "prng")
	})
}
