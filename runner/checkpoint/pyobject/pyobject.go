// Package pyobject turns the tree of a symbolically read pickle into the entries of a checkpoint. It knows what the
// constructors of PyTorch and NumPy arrays mean; every other class stays a node whose parts are entries.
package pyobject

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// MaxDevice bounds the name of a device ("cuda:0"), which is shown for every tensor on it.
const MaxDevice = 256

// Storage is a stored block of bytes that tensors are views of.
type Storage struct {
	Key    string // names the block within its file
	DType  checkpoint.DType
	Data   io.ReaderAt
	Size   int64 // bytes
	Device string
}

// Source is where the parts of a pickle are that its opcodes do not hold.
type Source struct {
	// File is the reader that the pickle was parsed from; long bytes values lie in it.
	File io.ReaderAt
	// FileSize is that of the whole file.
	FileSize int64
	// Memory, where set, is what the reading of the pickle has left for what is made of it; it counts down.
	Memory *int64
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

// Entries walks the tree and appends its entries to f, with findings and states of generators. What has no pickles needs no
// Collector.
func Entries(f *checkpoint.File, root pickle.Value, src Source) error {
	c := NewCollector(f, src.FileSize)
	if err := c.Add("", root, src); err != nil {
		return err
	}
	return c.Done()
}

// Collector appends what is in several pickles of one file to its entries. The bounds are on all of them together.
type Collector struct{ w walker }

// NewCollector returns one for a file of a given size, which bounds how much the views of it may add up to.
func NewCollector(f *checkpoint.File, fileSize int64) *Collector {
	return &Collector{newWalker(f, Source{FileSize: fileSize})}
}

// Named is for pickle.Options: it notes what would run code. The value that asks for it can stay out of the tree, as what is
// taken off the stack again does, or be an argument that nothing here asks for.
func (c *Collector) Named(g pickle.Global) {
	if len(c.w.dangerous) < maxGlobals && CanRun(g) {
		if name := g.String(); c.w.dangerous[name] == "" {
			c.w.dangerous[name] = ""
		}
	}
}

// Warn adds to what is wrong with a file that it would have run code before Python came to that.
func (c *Collector) Warn(err error) error {
	names := slices.Sorted(maps.Keys(c.w.dangerous))
	if err == nil || len(names) == 0 {
		return err
	}
	return fmt.Errorf("%w; %s", err, RunsCode("", names[0]).Text)
}

// Add walks the tree of a pickle whose root has a name, which stands as it is in front of those of its members.
func (c *Collector) Add(name string, root pickle.Value, src Source) error {
	c.w.src = src
	var p *keypath.Path
	if name != "" {
		p = keypath.Raw(name)
	}
	n := min(size(root, 0, maxEntries), maxEntries-len(c.w.places))
	f := c.w.file
	f.Entries, c.w.places = slices.Grow(f.Entries, n), slices.Grow(c.w.places, n)
	return c.w.walk(p, root)
}

// size is about how many entries the walk of a tree will add, most at most. It is asked for once, before, because what is
// added to a list that is full is held twice meanwhile.
func size(v pickle.Value, depth, most int) int {
	n := 1
	add := func(v pickle.Value) {
		if n < most && depth < maxDepth {
			n += size(v, depth+1, most-n)
		}
	}
	items := func(list []pickle.Value) {
		if len(list) < packFrom {
			for _, item := range list {
				add(item)
			}
		}
	}
	pairs := func(list []pickle.Pair) {
		for _, pair := range list {
			add(pair.Value)
		}
	}
	switch v := v.(type) {
	case *pickle.Tuple:
		items(v.Items)
	case *pickle.List:
		items(v.Items)
	case *pickle.Dict:
		pairs(v.Items)
	case *pickle.Object:
		items(v.Items)
		pairs(v.Pairs)
		if d, ok := v.State.(*pickle.Dict); ok {
			pairs(d.Items)
		}
	}
	return n
}

// Done makes the names of all entries of the file unambiguous, and reports the classes that were named.
func (c *Collector) Done() error {
	if err := c.w.unambiguous(); err != nil {
		return err
	}
	c.w.reportGlobals()
	return nil
}

// maxRatio is how many times the bytes of a file its values may have, beyond 64 MiB.
const maxRatio = 32

// viewBudget bounds the bytes that all values of a file may have together: an expanded view of one element can claim
// to be any size, and would be hashed for hours, and so would a long text that is in a thousand lists.
func viewBudget(fileSize int64) int64 { return 64<<20 + maxRatio*min(fileSize, 1<<50) }

// heldBudget bounds the bytes of numbers, sequences and names that are written anew. A sequence takes at most five times
// what it takes in the pickle, whose own values are bounded by pickle.Limits. All but a few MiB is taken from the memory of the
// pickle too.
func heldBudget(fileSize int64) int64 { return 12<<20 + min(fileSize/2, 512<<20) }
