package pickle

// Limits bound what an untrusted pickle may make the reader allocate or do.
type Limits struct {
	// Memory is charged with the size of every value and memo entry.
	Memory int64
	// Ops is the number of opcodes.
	Ops int64
	// Stack is the number of values on the stack, marks included.
	Stack int
}

// DefaultLimits hold a state dictionary of 100,000 tensors, with its entries, and keep a reader below 64 MB.
func DefaultLimits() Limits { return Limits{Memory: 40 << 20, Ops: 1 << 26, Stack: 1 << 18} }

const (
	// heldBytes is the longest bytes value that is copied into memory; longer ones stay in the file.
	heldBytes = 16 << 10
	// heldText is the longest text that is copied into memory. Protocol 2 writes the data of an array as a text.
	heldText = 64 << 10
	// longestText bounds a text, all of which is read to see whether it is one; no length of protocol 3 is above it.
	longestText = 1<<32 - 1
	// longBytes bounds LONG4: no integer that a training stores has half a million bits.
	longBytes = 64 << 10
	// lineBytes bounds the lines of protocol 0.
	lineBytes = 1 << 20
)

// Heap sizes of values for Limits.Memory, as Go's allocator rounds them. The stack is bounded by itself and not charged.
const (
	slotCost   = 16 // an interface value, in a slice
	pairCost   = 32
	scalarCost = 8    // a number behind an interface
	textCost   = 32   // the header of a string behind an interface, and rounding
	bytesCost  = 48   // Bytes
	bigCost    = 80   // big.Int with its words' header
	smallCost  = 32   // Tuple, List, Set, Dict or Persistent, without members
	globalCost = 48   // Global, and rounding of its two names
	objectCost = 128  // Object
	pageCost   = 1100 // a page of the memo, and its place in the list of pages
	sparseCost = 80   // an entry of the map, while the map grows
)
