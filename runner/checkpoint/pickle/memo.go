package pickle

// memo holds what GET opcodes refer to. Picklers number its entries from 0 on, so most of them lie in pages, which unlike
// one long slice are never copied as they grow; the rest is in a map.
type memo struct {
	pages  [][]Value
	n      int64 // entries in pages
	sparse map[uint32]Value
}

// memoPage is the number of entries in a page.
const memoPage = 1 << 12

func (m *memo) len() int64 { return m.n + int64(len(m.sparse)) }

func (m *memo) get(key uint32) (Value, bool) {
	if int64(key) < m.n {
		return m.pages[key/memoPage][key%memoPage], true
	}
	v, ok := m.sparse[key]
	return v, ok
}

// put reports whether the entry lies in a page.
func (m *memo) put(key uint32, v Value) bool {
	switch at := int64(key); {
	case at < m.n:
		m.pages[key/memoPage][key%memoPage] = v
	case at == m.n:
		if m.n%memoPage == 0 {
			m.pages = append(m.pages, nil)
		}
		page := &m.pages[len(m.pages)-1]
		*page = append(*page, v)
		m.n++
		// An entry that came early would be counted twice.
		delete(m.sparse, key)
	default:
		if m.sparse == nil {
			m.sparse = map[uint32]Value{}
		}
		m.sparse[key] = v
		return false
	}
	return true
}
