package pickle

// Limits bound what an untrusted pickle may make the reader allocate or do.
type Limits struct {
	// Memory is charged with the approximate size of every value, stack slot and memo entry.
	Memory int64
	// Ops is the number of opcodes.
	Ops int64
	// Stack is the number of values on the stack, marks included.
	Stack int
}

// DefaultLimits suffice for the state dictionary of a model with about a hundred thousand tensors, and keep the
// reader below 64 MB.
func DefaultLimits() Limits {
	return Limits{Memory: 24 << 20, Ops: 1 << 24, Stack: 1 << 19}
}

const (
	// heldBytes is the longest bytes value that is copied into memory; longer ones stay in the file.
	heldBytes = 16 << 10
	// longBytes bounds LONG4: no integer that a training stores has half a million bits.
	longBytes = 64 << 10
	// lineBytes bounds the lines of protocol 0.
	lineBytes = 1 << 20
)

// Approximate heap sizes of values, for Limits.Memory.
const (
	slotCost   = 16
	nodeCost   = 64
	pairCost   = 32
	memoCost   = 48
	scalarCost = 8
)
