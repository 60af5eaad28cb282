package pickle

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Options say what a container adds to a pickle.
type Options struct {
	Limits Limits
	// Budget, where set, is the memory that several pickles of one file share, with what is made of them; it takes the place
	// of Limits.Memory and counts down.
	Budget *int64
	// AfterBuild, where set, is called after each BUILD with the object and the offset behind the opcode, and returns
	// how many bytes to skip. joblib writes the bytes of arrays there.
	AfterBuild func(o *Object, off int64) (skip int64, err error)
	// Built, where set, is shown an object when its state is set, and returns what may take its place and the memory in bytes
	// that it keeps, or nil. It is not shown what is used elsewhere too. It must be a pointer.
	Built func(o *Object) (Value, int64)
	// Named, where set, is told every class and function that the pickle names: a call can have an effect though nothing of it
	// is in the tree.
	Named func(g Global)
	// Persistent, where set, returns what a persistent id that is no string stands for, nil for what it does not know.
	Persistent func(id Value) Value
	// Call, where set, returns what may stand in the tree for a call whose arguments are used nowhere else, and the memory
	// in bytes that it keeps, or nil. It must be a pointer.
	Call func(fn Global, args *Tuple) (Value, int64)
}

// Parse reads one pickle from the range [off, end) of r, and returns its value and the offset behind its STOP.
func Parse(r io.ReaderAt, off, end int64, opts Options) (Value, int64, error) {
	if opts.Limits == (Limits{}) {
		opts.Limits = DefaultLimits()
	}
	if opts.Budget == nil {
		opts.Budget = &opts.Limits.Memory
	}
	m := &machine{in: input{r: r, pos: off, end: end}, opts: opts, gets: findGets(r, off, end)}
	v, err := m.run()
	return v, m.in.pos, err
}

type machine struct {
	in    input
	opts  Options
	stack []Value
	marks []mark
	memo  memo
	gets  *gets
	// fetched tells which values of the stack are from the memo.
	fetched []bool
	// kept counts what has made a value reachable from an older one, and texts the memory of those that were kept, which refer to
	// nothing.
	kept, texts int64
	last        made
	open        []opening
}

// mark is where a MARK stands on the stack, and what was the case then.
type mark struct {
	at   int
	then state
}

// state is what tells whether what was made since is used elsewhere, and what it took.
type state struct{ budget, kept, texts int64 }

func (m *machine) state() state { return state{*m.opts.Budget, m.kept, m.texts} }

// alone reports whether nothing that was made since then, but texts, is used by what is older.
func (m *machine) alone(from state) bool { return m.kept == from.kept }

// giveBack sets the budget to what it was, less the texts that were kept since.
func (m *machine) giveBack(from state) { *m.opts.Budget = from.budget - (m.texts - from.texts) }

// made is the last tuple that was made from a mark on.
type made struct {
	tuple *Tuple
	from  state
}

// opening is an object whose state is not set, by its place on the stack, and what was the case before it was made.
type opening struct {
	at     int
	object *Object
	from   state
}

// maxOpen bounds the objects within objects of which the beginning is known.
const maxOpen = 64

func (m *machine) charge(n int64) error {
	if *m.opts.Budget -= n; *m.opts.Budget < 0 {
		return checkpoint.Limit("the objects of a pickle take more memory than a file of this size may")
	}
	return nil
}

func (m *machine) push(v Value, cost int64) error {
	if len(m.stack)+len(m.marks) >= m.opts.Limits.Stack {
		return checkpoint.Limit("pickle stack of more than %d values", m.opts.Limits.Stack)
	}
	m.fetched = append(m.fetched[:len(m.stack)], false)
	m.stack = append(m.stack, v)
	return m.charge(cost)
}

// again pushes a value that is held elsewhere.
func (m *machine) again(v Value, fetched bool) error {
	if err := m.push(v, 0); err != nil {
		return err
	}
	m.fetched[len(m.stack)-1] = fetched
	return nil
}

// target returns the value on top, into which others are about to be put.
func (m *machine) target() (Value, error) {
	v, err := m.top()
	if err == nil && m.fetched[len(m.stack)-1] {
		m.kept++
	}
	return v, err
}

// floor is the lowest stack index that the current frame may take from.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1].at
}

func (m *machine) pop() (Value, error) {
	if len(m.stack) <= m.floor() {
		return nil, m.damaged("stack underflow")
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v, nil
}

func (m *machine) top() (Value, error) {
	if len(m.stack) <= m.floor() {
		return nil, m.damaged("stack underflow")
	}
	return m.stack[len(m.stack)-1], nil
}

// popMark takes everything above the last mark, as a slice of its own.
func (m *machine) popMark() ([]Value, error) {
	if len(m.marks) == 0 {
		return nil, m.damaged("no mark on the stack")
	}
	at := m.floor()
	m.marks = m.marks[:len(m.marks)-1]
	items := append([]Value(nil), m.stack[at:]...)
	clear(m.stack[at:])
	m.stack = m.stack[:at]
	return items, m.charge(int64(len(items)) * slotCost)
}

func (m *machine) damaged(format string, args ...any) error {
	return checkpoint.Damaged("pickle before offset %d: %s", m.in.pos, fmt.Sprintf(format, args...))
}

func (m *machine) run() (Value, error) {
	for ops := int64(0); ; ops++ {
		if ops >= m.opts.Limits.Ops {
			return nil, checkpoint.Limit("pickle of more than %d opcodes", m.opts.Limits.Ops)
		}
		op, err := m.in.byte()
		if err != nil {
			return nil, err
		}
		if op == opStop {
			v, err := m.pop()
			if err == nil && (len(m.stack) > 0 || len(m.marks) > 0) {
				err = m.damaged("%d values left on the stack", len(m.stack))
			}
			return v, err
		}
		if err := m.step(op); err != nil {
			return nil, err
		}
	}
}

func (m *machine) step(op byte) error {
	switch op {
	case opProto:
		v, err := m.in.byte()
		if err == nil && v > 5 {
			err = checkpoint.Unsupported("pickle protocol %d", v)
		}
		return err
	case opFrame:
		n, err := m.in.uint(8)
		if err == nil && n > uint64(m.in.left()) {
			err = m.damaged("frame of %d bytes passes the end", n)
		}
		return err
	case opMark:
		if len(m.stack)+len(m.marks) >= m.opts.Limits.Stack {
			return checkpoint.Limit("pickle stack of more than %d values", m.opts.Limits.Stack)
		}
		m.marks = append(m.marks, mark{len(m.stack), m.state()})
		return m.charge(scalarCost)
	case opPop:
		if len(m.marks) > 0 && len(m.stack) == m.floor() {
			m.marks = m.marks[:len(m.marks)-1]
			return nil
		}
		_, err := m.pop()
		return err
	case opPopMark:
		_, err := m.popMark()
		return err
	case opDup:
		v, err := m.top()
		if err != nil {
			return err
		}
		return m.again(v, m.fetched[len(m.stack)-1])

	case opNone:
		return m.push(None{}, 0)
	case opNewTrue:
		return m.push(true, 0)
	case opNewFalse:
		return m.push(false, 0)
	case opBinInt, opBinInt1, opBinInt2, opInt, opLong, opLong1, opLong4, opFloat, opBinFloat:
		return m.number(op)
	case opUnicode, opBinUnicode, opShortBinUnicode, opBinUnicode8, opString, opBinString, opShortBinString:
		return m.text(op)
	case opBinBytes, opShortBinBytes, opBinBytes8, opByteArray8:
		return m.bytes(op)
	case opNextBuffer, opReadonlyBuffer:
		return checkpoint.Unsupported("pickle with out-of-band buffers, which are not in the file")

	case opPut, opBinPut, opLongBinPut, opMemoize, opGet, opBinGet, opLongBinGet:
		return m.memoOp(op)
	case opPersID, opBinPersID:
		return m.persistent(op)
	case opExt1, opExt2, opExt4:
		n, err := m.in.uint(1 << (op - opExt1))
		if err != nil {
			return err
		}
		return checkpoint.Unsupported("pickle extension code %d, whose meaning is not in the file", n)
	}
	if done, err := m.container(op); done {
		return err
	}
	return m.object(op)
}

func (m *machine) number(op byte) error {
	switch op {
	case opBinInt1, opBinInt2:
		n, err := m.in.uint(1 + int(op-opBinInt1)/2)
		if err != nil {
			return err
		}
		return m.push(int64(n), scalarCost)
	case opBinInt:
		n, err := m.in.uint(4)
		if err != nil {
			return err
		}
		return m.push(int64(int32(n)), scalarCost)
	case opBinFloat:
		b, err := m.in.take(8)
		if err != nil {
			return err
		}
		return m.push(math.Float64frombits(binary.BigEndian.Uint64(b)), scalarCost)
	case opLong1, opLong4:
		width := 1
		if op == opLong4 {
			width = 4
		}
		n, err := m.in.uint(width)
		if err != nil {
			return err
		}
		if n > longBytes {
			return checkpoint.Limit("integer of %d bytes in a pickle", n)
		}
		// It is held as words and as 2.4 digits a byte.
		if err := m.charge(3 * int64(n)); err != nil {
			return err
		}
		b, err := m.in.copy(int64(n))
		if err != nil {
			return err
		}
		return m.push(littleEndianInt(b), bigCost)
	}
	line, err := m.in.line()
	if err != nil {
		return err
	}
	s := string(line)
	switch op {
	case opFloat:
		f, err := checkpoint.ParseFloat(s)
		if err != nil {
			return err
		}
		return m.push(f, scalarCost)
	case opInt:
		if s == "00" || s == "01" {
			return m.push(s == "01", 0)
		}
	case opLong:
		s = strings.TrimSuffix(s, "L")
	}
	// Decimal conversion takes quadratic time; CPython refuses more than 4300 digits for the same reason.
	if len(s) > 4300 {
		return checkpoint.Limit("integer of %d digits in a pickle", len(s))
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return m.damaged("bad integer %q", checkpoint.Clip(s, 40))
	}
	return m.push(narrow(n), bigCost+int64(len(s)))
}

// littleEndianInt decodes Python's two's complement of any length; no bytes are 0.
func littleEndianInt(b []byte) Value {
	if len(b) == 0 {
		return int64(0)
	}
	be := make([]byte, len(b))
	for i, c := range b {
		be[len(b)-1-i] = c
	}
	n := new(big.Int).SetBytes(be)
	if be[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return narrow(n)
}

func narrow(n *big.Int) Value {
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

func (m *machine) text(op byte) error {
	var width int
	switch op {
	case opUnicode, opString:
		line, err := m.in.line()
		if err != nil {
			return err
		}
		var s string
		if op == opUnicode {
			s, err = rawUnicodeEscape(line)
		} else {
			s, err = quoted(line)
		}
		if err != nil {
			return m.damaged("%v", err)
		}
		return m.push(s, textCost+int64(len(s)))
	case opShortBinUnicode, opShortBinString:
		width = 1
	case opBinUnicode, opBinString:
		width = 4
	default:
		width = 8
	}
	n, err := m.in.uint(width)
	if err != nil {
		return err
	}
	if n > uint64(m.in.left()) {
		return m.damaged("string of %d bytes passes the end", n)
	}
	if n > longestText {
		return checkpoint.Limit("text of %d bytes in a pickle", n)
	}
	if n > heldText && (op == opBinUnicode || op == opBinUnicode8) {
		t := &Text{Off: m.in.pos, Len: int64(n), Latin1: true}
		ok, err := m.in.scanText(t)
		if err != nil {
			return err
		}
		if !ok {
			return m.damaged("text that is not UTF-8")
		}
		return m.push(t, textCost)
	}
	if err := m.charge(int64(n)); err != nil {
		return err
	}
	s, err := m.in.text(int64(n))
	if err != nil {
		return err
	}
	if op == opBinString || op == opShortBinString {
		if err := m.charge(int64(latin1Size(s)) - int64(n)); err != nil {
			return err
		}
		return m.push(latin1(s), textCost)
	}
	if !validText(s) {
		return m.damaged("text that is not UTF-8")
	}
	return m.push(s, textCost)
}

func (m *machine) bytes(op byte) error {
	width := 8
	switch op {
	case opShortBinBytes:
		width = 1
	case opBinBytes:
		width = 4
	}
	n, err := m.in.uint(width)
	if err != nil {
		return err
	}
	if n > uint64(m.in.left()) {
		return m.damaged("bytes of length %d pass the end", n)
	}
	v := &Bytes{Len: int64(n), Mutable: op == opByteArray8, Off: m.in.pos}
	cost := int64(bytesCost)
	if n <= heldBytes {
		cost += int64(n)
		v.Held, err = m.in.copy(int64(n))
	} else {
		_, err = m.in.skip(int64(n))
	}
	if err != nil {
		return err
	}
	return m.push(v, cost)
}

func (m *machine) memoOp(op byte) error {
	var key uint64
	var err error
	switch op {
	case opMemoize:
		key = uint64(m.memo.n)
	case opBinPut, opBinGet:
		key, err = m.in.uint(1)
	case opLongBinPut, opLongBinGet:
		key, err = m.in.uint(4)
	default:
		var line []byte
		if line, err = m.in.line(); err == nil {
			key, err = strconv.ParseUint(string(line), 10, 32)
			if err != nil {
				err = m.damaged("bad memo key %q", checkpoint.Clip(string(line), 20))
			}
		}
	}
	if err != nil {
		return err
	}
	switch op {
	case opGet, opBinGet, opLongBinGet:
		v, ok := m.memo.get(uint32(key))
		if !ok {
			return m.damaged("memo has no entry %d", key)
		}
		return m.again(v, true)
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	if !m.gets.has(uint32(key)) {
		m.memo.n++ // which only MEMOIZE asks for, and that puts no key twice
		return nil
	}
	cost := m.memo.put(uint32(key), v)
	if text, ok := v.(string); ok {
		m.texts += cost + textCost + int64(len(text))
	} else {
		m.kept++
	}
	return m.charge(cost)
}

func (m *machine) persistent(op byte) error {
	if op == opPersID {
		line, err := m.in.line()
		if err != nil {
			return err
		}
		return m.push(&Persistent{ID: string(line)}, smallCost+textCost+int64(len(line)))
	}
	id, err := m.pop()
	if err != nil {
		return err
	}
	if m.opts.Persistent != nil {
		if v := m.opts.Persistent(id); v != nil {
			return m.push(v, 0)
		}
	}
	return m.push(&Persistent{ID: id}, smallCost)
}
