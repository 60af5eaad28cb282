// Package pyobject turns the tree of a symbolically read pickle into the entries of a checkpoint. It knows what the
// constructors of PyTorch and NumPy arrays mean; every other class stays a node whose parts are entries.
package pyobject

import (
	"io"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// Storage is a stored block of bytes that tensors are views of.
type Storage struct {
	Key    string // names the block within its file
	DType  checkpoint.DType
	Data   io.ReaderAt
	Size   int64 // bytes
	Device string
}

// origin is how a tensor is kept that is a view of the storage.
func (s *Storage) origin() *checkpoint.Origin {
	return &checkpoint.Origin{Device: s.Device, Storage: s.Key, StorageSize: s.Size}
}

// Source is where the parts of a pickle are that its opcodes do not hold.
type Source struct {
	// File is the reader that the pickle was parsed from; long bytes values lie in it.
	File io.ReaderAt
	// FileSize bounds how much the views of the file may add up to.
	FileSize int64
	// Storage resolves a persistent id; nil where the format has none.
	Storage func(id pickle.Value) (*Storage, error)
	// LoadLegacy reads the nested torch.save of a storage that was pickled by itself; nil where the format has none.
	LoadLegacy func(r io.ReaderAt, size int64) (*Storage, error)
	// Outside tells where joblib wrote the data of an array, behind the array's BUILD; nil where the format has none.
	Outside func(o *pickle.Object) (Outside, bool)
}

// Outside is what lies in a stream behind the pickled description of an array: its bytes, or, for an array of Python
// objects, another pickle.
type Outside struct {
	Data    checkpoint.Data
	Objects pickle.Value
}

// Entries walks the tree and appends its entries to f, with findings and generator states.
func Entries(f *checkpoint.File, root pickle.Value, src Source) error {
	w := &walker{
		file:   f,
		src:    src,
		onPath: map[pickle.Value]*path{},
		held:   heldBudget(src.FileSize),
		budget: viewBudget(src.FileSize),
	}
	if err := w.walk(&path{}, root); err != nil {
		return err
	}
	if err := w.unambiguous(); err != nil {
		return err
	}
	w.reportGlobals()
	return nil
}

// viewBudget bounds the bytes that all values of a file may have together: an expanded view of one element can claim
// to be any size, and would be hashed for hours, and so would a long text that is in a thousand lists.
func viewBudget(fileSize int64) int64 { return 256<<20 + 64*min(fileSize, 1<<50) }

// heldBudget bounds the bytes of numbers, sequences and names that are written anew. A sequence takes at most five times
// what it takes in the pickle, whose own values are bounded by pickle.LimitsFor.
func heldBudget(fileSize int64) int64 { return 12<<20 + min(fileSize/2, 512<<20) }
