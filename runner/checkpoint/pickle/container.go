package pickle

import (
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// container handles the opcodes that build or fill collections; done is false for any other opcode.
func (m *machine) container(op byte) (done bool, err error) {
	switch op {
	case opEmptyTuple:
		return true, m.push(&Tuple{}, smallCost)
	case opEmptyList:
		return true, m.push(&List{}, smallCost)
	case opEmptyDict:
		return true, m.push(&Dict{}, smallCost)
	case opEmptySet:
		return true, m.push(&Set{}, smallCost)
	case opTuple1, opTuple2, opTuple3:
		return true, m.shortTuple(int(op-opTuple1) + 1)
	case opTuple, opList, opFrozenSet, opDict:
		return true, m.fromMark(op)
	case opAppend, opAppends, opAddItems:
		return true, m.extend(op)
	case opSetItem, opSetItems:
		return true, m.assign(op)
	}
	return false, nil
}

func (m *machine) shortTuple(n int) error {
	items := make([]Value, n)
	for i := n - 1; i >= 0; i-- {
		v, err := m.pop()
		if err != nil {
			return err
		}
		items[i] = v
	}
	return m.push(&Tuple{items}, smallCost+int64(n)*slotCost)
}

func (m *machine) fromMark(op byte) error {
	var from state
	if len(m.marks) > 0 {
		from = m.marks[len(m.marks)-1].then
	}
	items, err := m.popMark()
	if err != nil {
		return err
	}
	switch op {
	case opTuple:
		t := &Tuple{items}
		m.last = made{t, from}
		return m.push(t, smallCost)
	case opList:
		return m.push(&List{items}, smallCost)
	case opFrozenSet:
		return m.push(&Set{items, true}, smallCost)
	}
	pairs, err := m.pairs(items)
	if err != nil {
		return err
	}
	return m.push(&Dict{pairs}, smallCost)
}

// pairs take as much memory as the items, whose place they take.
func (m *machine) pairs(items []Value) ([]Pair, error) {
	if len(items)%2 != 0 {
		return nil, m.damaged("odd number of keys and values")
	}
	pairs := make([]Pair, len(items)/2)
	for i := range pairs {
		pairs[i] = Pair{items[2*i], items[2*i+1]}
	}
	return pairs, nil
}

// extend adds items to a list, a set, or an object that stands for a subclass of one. Each is charged twice, since a list that
// grows is held twice meanwhile.
func (m *machine) extend(op byte) error {
	var items []Value
	if op == opAppend {
		v, err := m.pop()
		if err != nil {
			return err
		}
		items = []Value{v}
		if err := m.charge(slotCost); err != nil {
			return err
		}
	} else {
		var err error
		if items, err = m.popMark(); err != nil {
			return err
		}
	}
	target, err := m.target()
	if err != nil {
		return err
	}
	if err := m.charge(int64(len(items)) * slotCost); err != nil {
		return err
	}
	switch t := target.(type) {
	case *List:
		if op == opAddItems {
			break
		}
		t.Items = append(t.Items, items...)
		return nil
	case *Set:
		if op != opAddItems || t.Frozen {
			break
		}
		t.Items = append(t.Items, items...)
		return nil
	case *Object:
		t.Items = append(t.Items, items...)
		return nil
	}
	return m.damaged("items added to a %s", kindOf(target))
}

// freePairs are so few that a dict of them may be held twice, while it grows, beside what Limits.Memory counts.
const freePairs = 1 << 17

// assign sets items of a dict or of an object that stands for a mapping. Those beyond freePairs are charged twice, as in extend.
func (m *machine) assign(op byte) error {
	var items []Value
	if op == opSetItem {
		v, err := m.pop()
		if err != nil {
			return err
		}
		k, err := m.pop()
		if err != nil {
			return err
		}
		items = []Value{k, v}
		if err := m.charge(pairCost); err != nil {
			return err
		}
	} else {
		var err error
		if items, err = m.popMark(); err != nil {
			return err
		}
	}
	target, err := m.target()
	if err != nil {
		return err
	}
	pairs, err := m.pairs(items)
	if err != nil {
		return err
	}
	var into *[]Pair
	switch t := target.(type) {
	case *Dict:
		into = &t.Items
	case *Object:
		into = &t.Pairs
	default:
		return m.damaged("item set on a %s", kindOf(target))
	}
	if len(*into) >= freePairs {
		if err := m.charge(int64(len(pairs)) * pairCost); err != nil {
			return err
		}
	}
	*into = append(*into, pairs...)
	return nil
}

// object handles the opcodes that name, make and fill instances.
func (m *machine) object(op byte) error {
	switch op {
	case opGlobal:
		g, err := m.globalLines()
		if err != nil {
			return err
		}
		return m.push(m.named(g), globalCost+int64(len(g.Module)+len(g.Name)))
	case opStackGlobal:
		name, err := m.pop()
		if err != nil {
			return err
		}
		module, err := m.pop()
		if err != nil {
			return err
		}
		n, ok1 := name.(string)
		mod, ok2 := module.(string)
		if !ok1 || !ok2 {
			return m.damaged("STACK_GLOBAL of a %s and a %s", kindOf(module), kindOf(name))
		}
		return m.push(m.named(Global{mod, n}), globalCost)
	case opInst:
		g, err := m.globalLines()
		if err != nil {
			return err
		}
		args, err := m.popMark()
		if err != nil {
			return err
		}
		return m.push(&Object{Func: m.named(g), Args: &Tuple{args}}, objectCost+smallCost+globalCost+int64(len(g.Module)+len(g.Name)))
	case opObj:
		items, err := m.popMark()
		if err != nil {
			return err
		}
		if len(items) == 0 {
			return m.damaged("OBJ without a class")
		}
		return m.make(items[0], &Tuple{items[1:]}, nil, false)
	case opReduce, opNewObj:
		args, err := m.pop()
		if err != nil {
			return err
		}
		fn, err := m.pop()
		if err != nil {
			return err
		}
		if op == opReduce {
			if done, err := m.call(fn, args); done {
				return err
			}
		}
		return m.make(fn, args, nil, op == opNewObj)
	case opNewObjEx:
		kw, err := m.pop()
		if err != nil {
			return err
		}
		args, err := m.pop()
		if err != nil {
			return err
		}
		fn, err := m.pop()
		if err != nil {
			return err
		}
		if _, ok := kw.(*Dict); !ok {
			return m.damaged("NEWOBJ_EX with keyword arguments that are a %s", kindOf(kw))
		}
		return m.make(fn, args, kw, true)
	case opBuild:
		return m.build()
	}
	return m.damaged("unknown opcode 0x%02x", op)
}

func (m *machine) named(g Global) Global {
	if m.opts.Named != nil {
		m.opts.Named(g)
	}
	return g
}

// call lets something smaller stand for a call. What its arguments took is given back where nothing else can refer to
// what was made for them.
func (m *machine) call(fn, args Value) (done bool, err error) {
	g, ok := fn.(Global)
	if m.opts.Call == nil || !ok || args != Value(m.last.tuple) || !m.alone(m.last.from) {
		return false, nil
	}
	v, cost := m.opts.Call(g, m.last.tuple)
	if v == nil {
		return false, nil
	}
	m.giveBack(m.last.from)
	m.last = made{}
	return true, m.push(v, cost)
}

func (m *machine) make(fn, args, kw Value, isNew bool) error {
	switch fn.(type) {
	case Global, *Object, *Persistent:
	default:
		return m.damaged("call of a %s", kindOf(fn))
	}
	if _, ok := args.(*Tuple); !ok {
		return m.damaged("call with arguments that are a %s", kindOf(args))
	}
	o, from := &Object{Func: fn, Args: args, Kw: kw, New: isNew}, m.state()
	if args == Value(m.last.tuple) {
		from = m.last.from
	}
	m.closeAbove(len(m.stack))
	if len(m.open) < maxOpen && m.opts.Built != nil {
		m.open = append(m.open, opening{len(m.stack), o, from})
	}
	return m.push(o, objectCost)
}

// closeAbove forgets the objects at and above a place on the stack.
func (m *machine) closeAbove(at int) {
	for n := len(m.open); n > 0 && m.open[n-1].at >= at; n-- {
		m.open = m.open[:n-1]
	}
}

// built lets something smaller stand for an object whose state is set, as call does.
func (m *machine) built(o *Object) (done bool, err error) {
	m.closeAbove(len(m.stack))
	if len(m.open) == 0 {
		return false, nil
	}
	last := m.open[len(m.open)-1]
	if last.object != o || last.at != len(m.stack)-1 {
		return false, nil
	}
	m.closeAbove(last.at)
	if !m.alone(last.from) {
		return false, nil
	}
	v, cost := m.opts.Built(o)
	if v == nil {
		return false, nil
	}
	m.giveBack(last.from)
	m.stack[last.at] = v
	return true, m.charge(cost)
}

func (m *machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	target, err := m.target()
	if err != nil {
		return err
	}
	o, ok := target.(*Object)
	if !ok {
		return m.damaged("state set on a %s", kindOf(target))
	}
	if o.State != nil {
		return checkpoint.Unsupported("pickle that sets the state of one object twice")
	}
	o.State = state
	if m.opts.Built != nil {
		if done, err := m.built(o); done || err != nil {
			return err
		}
	}
	if m.opts.AfterBuild == nil {
		return nil
	}
	skip, err := m.opts.AfterBuild(o, m.in.pos)
	if err != nil {
		return err
	}
	_, err = m.in.skip(skip)
	return err
}

func (m *machine) globalLines() (Global, error) {
	module, err := m.in.line()
	if err != nil {
		return Global{}, err
	}
	mod := string(module)
	name, err := m.in.line()
	if err != nil {
		return Global{}, err
	}
	if !utf8.ValidString(mod) || !utf8.Valid(name) {
		return Global{}, m.damaged("name of a class that is not UTF-8")
	}
	return modern(Global{mod, string(name)}), nil
}

// modern maps names of Python 2, which protocols 0 to 2 use for compatibility, to those of Python 3 (the part of
// _compat_pickle that occurs in data).
func modern(g Global) Global {
	switch g.Module {
	case "copy_reg":
		g.Module = "copyreg"
	case "exceptions":
		g.Module = "builtins"
	case "__builtin__":
		g.Module = "builtins"
		switch g.Name {
		case "xrange":
			g.Name = "range"
		case "unicode":
			g.Name = "str"
		case "long":
			g.Name = "int"
		case "unichr":
			g.Name = "chr"
		}
	}
	return g
}

// kindOf names a value's kind for messages.
func kindOf(v Value) string {
	switch v.(type) {
	case None:
		return "None"
	case bool:
		return "bool"
	case float64:
		return "float"
	case string, *Text:
		return "str"
	case *Bytes:
		return "bytes"
	case *Tuple:
		return "tuple"
	case *List:
		return "list"
	case *Dict:
		return "dict"
	case *Set:
		return "set"
	case Global:
		return "class"
	case *Object:
		return "object"
	case *Persistent:
		return "persistent reference"
	}
	return "int"
}
