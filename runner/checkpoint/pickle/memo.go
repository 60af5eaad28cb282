package pickle

// memo holds what GET opcodes refer to: in small pages where its keys are low, as those of picklers are, which number
// them from 0 on, else in a map.
type memo struct {
	pages  []*[memoPage]Value
	sparse map[uint32]Value
	n      int64 // keys that were put
}

const (
	// memoPage is the number of entries in a page.
	memoPage = 64
	// memoLow bounds the keys of pages.
	memoLow = 1 << 22
)

func (m *memo) get(key uint32) (Value, bool) {
	if key >= memoLow {
		v, ok := m.sparse[key]
		return v, ok
	}
	if page := int(key / memoPage); page < len(m.pages) && m.pages[page] != nil {
		v := m.pages[page][key%memoPage]
		return v, v != nil
	}
	return nil, false
}

// put returns the memory that the entry takes.
func (m *memo) put(key uint32, v Value) (cost int64) {
	if _, known := m.get(key); !known {
		m.n++
	}
	if key >= memoLow {
		if m.sparse == nil {
			m.sparse = map[uint32]Value{}
		}
		m.sparse[key] = v
		return sparseCost
	}
	page := int(key / memoPage)
	if page >= len(m.pages) {
		m.pages = append(m.pages, make([]*[memoPage]Value, page+1-len(m.pages))...)
	}
	if m.pages[page] == nil {
		m.pages[page] = new([memoPage]Value)
		cost = pageCost
	}
	m.pages[page][key%memoPage] = v
	return cost
}
