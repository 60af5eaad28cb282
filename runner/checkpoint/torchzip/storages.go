package torchzip

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/checkpoint/ziparchive"
)

// storages resolves persistent ids. It has what it needs of the archive, whose records take four times the memory.
type storages struct {
	r        io.ReaderAt
	numbered []place // in the order of their numbers
	named    map[string]place
}

// place is where the record of a storage lies. PyTorch names them by numbers.
type place struct {
	number    uint64
	off, size int64 // the size is -1 where it is compressed
}

// storagesOf lists the records of a folder.
func storagesOf(r io.ReaderAt, a *ziparchive.Archive, folder string) *storages {
	s := &storages{r: r, numbered: []place{}, named: map[string]place{}}
	for i := range a.Records {
		rec := &a.Records[i]
		key, ok := strings.CutPrefix(rec.Name, folder)
		if !ok {
			continue
		}
		p := place{off: rec.Offset(), size: rec.Size}
		if !rec.Stored() {
			p.size = -1
		}
		if p.number, ok = numberOf(key); ok {
			s.numbered = append(s.numbered, p)
		} else {
			s.named[key] = p
		}
	}
	slices.SortFunc(s.numbered, func(x, y place) int { return cmp.Compare(x.number, y.number) })
	return s
}

// numberOf reads a key that is a number, written in the one way that numbers are.
func numberOf(key string) (uint64, bool) {
	n, err := strconv.ParseUint(key, 10, 64)
	return n, err == nil && (key == "0" || key[0] >= '1' && key[0] <= '9')
}

func (s *storages) find(key string) (place, bool) {
	n, ok := numberOf(key)
	if !ok {
		p, ok := s.named[key]
		return p, ok
	}
	i, ok := slices.BinarySearchFunc(s.numbered, n, func(p place, n uint64) int { return cmp.Compare(p.number, n) })
	if !ok {
		return place{}, false
	}
	return s.numbered[i], true
}

// resolve reads ("storage", class, key, location, elements).
func (s *storages) resolve(id pickle.Value) (*pyobject.Storage, error) {
	t, ok := id.(*pickle.Tuple)
	if !ok || len(t.Items) != 5 || t.Items[0] != pickle.Value("storage") {
		return nil, checkpoint.Damaged("persistent id that names no storage")
	}
	class, ok1 := t.Items[1].(pickle.Global)
	key, ok2 := t.Items[2].(string)
	location, ok3 := t.Items[3].(string)
	n, ok4 := pickle.Int(t.Items[4])
	if !ok1 || !ok2 || !ok3 || !ok4 || n < 0 || n > checkpoint.MaxElements || len(location) > pyobject.MaxDevice {
		return nil, checkpoint.Damaged("persistent id of a storage with parts of other types")
	}
	dtype, err := pyobject.StorageDType(class)
	if err != nil {
		return nil, err
	}
	if location == "meta" {
		return nil, checkpoint.Unsupported("tensor on the meta device, which has no data")
	}
	p, ok := s.find(key)
	if !ok {
		return nil, checkpoint.Damaged("no record for storage %q", checkpoint.Clip(key, 40))
	}
	if p.size < 0 {
		return nil, checkpoint.Unsupported("torch file with compressed records")
	}
	if want := n * int64(dtype.Bits()/8); p.size != want {
		return nil, checkpoint.Damaged("storage %q has %d bytes, its tensor says %d", checkpoint.Clip(key, 40), p.size, want)
	}
	data := checkpoint.Section(s.r, p.off, p.size)
	return &pyobject.Storage{Key: key, DType: dtype, Data: data, Size: p.size, Device: location}, nil
}
