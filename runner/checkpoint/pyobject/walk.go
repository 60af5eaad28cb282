package pyobject

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

const (
	// maxEntries bounds what a small pickle with much sharing may expand to.
	maxEntries = 1 << 17
	// entryCost is the memory that an entry takes in bytes, with its place; nameCost what a name takes more than its length.
	entryCost = 120
	nameCost  = 16
	// pathCost is what the path of a value with members takes, which is kept for their names.
	pathCost = 64
	// memberCost is the memory that a member of a set takes, but for its text.
	memberCost = 64
	// maxDepth bounds nesting; CPython's own pickler gives up at about a third of it.
	maxDepth = 1000
	// maxSteps bounds the nodes that are walked: those that only wrap others add no values.
	maxSteps = 8 * maxEntries
	// packFrom is the length from which a sequence of plain values is one entry instead of one for each value.
	packFrom = 512
	// maxGlobals bounds the classes that are listed.
	maxGlobals = 256
)

type walker struct {
	file   *checkpoint.File
	src    Source
	places []keypath.Place // of file.Entries
	steps  int             // nodes walked
	depth  int             // of the node being walked
	onPath map[pickle.Value]*keypath.Path
	budget int64 // bytes that further values may have
	held   int64 // bytes of further values that may be written anew, in memory
	free   int64 // how many of them are not taken from the memory of the pickle
	// origins and shapes are those of tensors.
	origins checkpoint.Origins
	shapes  checkpoint.Shapes

	loaded    map[pickle.Value]*Storage // what nested torch.save hold, by their bytes
	globals   map[string]int            // classes and functions that stay uninterpreted, by how often they occur
	dangerous map[string]string         // those that run code, by where one is; by nothing where none is in a value
}

func newWalker(f *checkpoint.File, src Source) walker {
	return walker{
		file:      f,
		src:       src,
		onPath:    map[pickle.Value]*keypath.Path{},
		held:      heldBudget(src.FileSize),
		free:      8 << 20,
		budget:    viewBudget(src.FileSize),
		origins:   checkpoint.Origins{},
		globals:   map[string]int{},
		dangerous: map[string]string{},
		shapes:    checkpoint.Shapes{},
	}
}

func (w *walker) add(p *keypath.Path, e checkpoint.Entry) error {
	e.Name = p.String()
	if len(w.places) >= maxEntries {
		return checkpoint.Limit("more than %d values", maxEntries)
	}
	cost := int64(entryCost)
	if !p.IsKey() {
		cost += nameCost + int64(len(e.Name))
	}
	if err := w.charge(cost); err != nil {
		return err
	}
	if w.budget -= e.Data.Size(); w.budget < 0 {
		return checkpoint.Limit("the values of this file claim to be over %d times its size, up to %q", maxRatio, checkpoint.Clip(e.Name, 80))
	}
	held := int64(len(e.Type)) // of a structured array, it names the fields
	if e.Kind == checkpoint.KindNumber || e.Kind == checkpoint.KindObject {
		held += e.Data.Size()
	}
	if err := w.hold(held); err != nil {
		return err
	}
	for len(w.places) < len(w.file.Entries) {
		w.places = append(w.places, keypath.Place{}) // of an entry that others have added
	}
	w.file.Entries = append(w.file.Entries, e)
	w.places = append(w.places, p.Place())
	return nil
}

// charge takes n bytes from the memory that the pickle and what is made of it may take.
func (w *walker) charge(n int64) error {
	if w.src.Memory == nil {
		return nil
	}
	if *w.src.Memory -= n; *w.src.Memory < 0 {
		return checkpoint.Limit("more values, or longer names, than %d MiB hold", pickle.DefaultLimits().Memory>>20)
	}
	return nil
}

// hold takes n bytes from what may be written anew: one value of the pickle can be in the tree many times.
func (w *walker) hold(n int64) error {
	if n > w.holdable() {
		return checkpoint.Limit("values repeated until they take more memory than a file of this size may")
	}
	w.held -= n
	if w.free -= n; w.free < 0 && w.src.Memory != nil {
		*w.src.Memory += w.free
		w.free = 0
	}
	return nil
}

// holdable is how many bytes hold takes.
func (w *walker) holdable() int64 {
	if w.src.Memory == nil {
		return w.held
	}
	return min(w.held, w.free+*w.src.Memory)
}

// container adds the entry that says what kind of container is at p and how many members it has.
func (w *walker) container(p *keypath.Path, typ string, n int) error {
	if err := w.charge(pathCost); err != nil {
		return err
	}
	return w.add(p, checkpoint.Entry{
		Kind: checkpoint.KindObject, Type: typ, Text: strconv.Itoa(n), Structure: true,
		Data: checkpoint.Text(strconv.Itoa(n)),
	})
}

func (w *walker) walk(p *keypath.Path, v pickle.Value) error {
	if e, ok := w.scalar(v); ok {
		if g, ok := v.(pickle.Global); ok {
			w.see(p, g)
		}
		return w.add(p, e)
	}
	if t, ok := v.(*pickle.Text); ok {
		return w.longText(p, t)
	}
	w.steps++
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > maxDepth {
		return checkpoint.Limit("values nested more than %d deep", maxDepth)
	}
	if w.steps > maxSteps {
		return checkpoint.Limit("more than %d objects that wrap others", maxSteps)
	}
	if at, ok := w.onPath[v]; ok {
		return w.add(p, checkpoint.Entry{
			Kind: checkpoint.KindObject, Type: "cycle", Text: "same object as " + strconv.Quote(at.String()), Data: checkpoint.Text(at.String()),
		})
	}
	w.onPath[v] = p
	defer delete(w.onPath, v)

	switch v := v.(type) {
	case *pickle.List:
		return w.sequence(p, "list", v.Items)
	case *pickle.Tuple:
		return w.sequence(p, "tuple", v.Items)
	case *pickle.Set:
		return w.set(p, v)
	case *pickle.Dict:
		return w.mapping(p, "dict", v.Items)
	case *pickle.Object:
		return w.object(p, v)
	case *pickle.Persistent:
		return w.storage(p, v)
	case *early:
		return w.tensor(p, v.tensor())
	}
	return fmt.Errorf("no entry for a value of type %T", v)
}

func (w *walker) sequence(p *keypath.Path, typ string, items []pickle.Value) error {
	if w.isPythonRandom(items) {
		w.rng(p, "python-random")
	}
	if w.isNumPyRandom(items) {
		w.rng(p, "numpy-mt19937")
	}
	if len(items) >= packFrom {
		packed, ok, err := w.pack(items)
		if err != nil {
			return err
		}
		if ok {
			return w.add(p, checkpoint.Entry{
				Kind: checkpoint.KindObject, Type: typ, Text: fmt.Sprintf("%d plain values", len(items)), Packed: true, Data: checkpoint.Text(packed),
			})
		}
	}
	if err := w.container(p, typ, len(items)); err != nil {
		return err
	}
	for i, item := range items {
		if err := w.walk(p.Item(i), item); err != nil {
			return err
		}
	}
	return nil
}

// set names members by their value, because their order means nothing.
func (w *walker) set(p *keypath.Path, s *pickle.Set) error {
	typ := "set"
	if s.Frozen {
		typ = "frozenset"
	}
	if err := w.charge(int64(len(s.Items)) * memberCost); err != nil {
		return err
	}
	members := make([]string, len(s.Items))
	seen := make(map[string]bool, len(s.Items))
	for i, item := range s.Items {
		text, ok, err := w.literal(item)
		if err != nil {
			return err
		}
		if !ok {
			return checkpoint.Unsupported("set of objects in %q: its order is arbitrary", checkpoint.Clip(p.String(), 80))
		}
		members[i] = text
		id, err := w.identity(item)
		if err != nil {
			return err
		}
		if seen[id] {
			return checkpoint.Damaged("set %q has the member %s twice", checkpoint.Clip(p.String(), 80), checkpoint.Clip(text, 80))
		}
		seen[id] = true
	}
	slices.Sort(members)
	var b []byte
	for _, m := range members {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(m)))
		b = append(b, m...)
	}
	text := "{"
	for i, m := range members {
		if len(text) > shortText {
			text += ", …"
			break
		}
		if i > 0 {
			text += ", "
		}
		text += checkpoint.Clip(m, shortText)
	}
	return w.add(p, checkpoint.Entry{Kind: checkpoint.KindObject, Type: typ, Text: text + "}", Data: checkpoint.Text(string(b))})
}

func (w *walker) mapping(p *keypath.Path, typ string, pairs []pickle.Pair) error {
	if err := w.container(p, typ, len(pairs)); err != nil {
		return err
	}
	return w.pairs(p, pairs)
}

// pairs lists the members of a mapping. Keys that are objects, such as the parameters by which a torch.optim.Optimizer
// pickled whole keeps its state, are numbered and listed beside their values.
func (w *walker) pairs(p *keypath.Path, pairs []pickle.Pair) error {
	if err := w.distinct(p, pairs); err != nil {
		return err
	}
	objects := 0
	for _, pair := range pairs {
		if key, ok := pair.Key.(string); ok {
			if err := w.walk(p.Key(key), pair.Value); err != nil {
				return err
			}
			continue
		}
		text, ok, err := w.literal(pair.Key)
		if err != nil {
			return err
		}
		if !ok {
			number := strconv.Itoa(objects)
			objects++
			if err := w.walk(p.Bracket("key "+number), pair.Key); err != nil {
				return err
			}
			if err := w.walk(p.Bracket("value "+number), pair.Value); err != nil {
				return err
			}
			continue
		}
		if err := w.walk(p.Bracket(text), pair.Value); err != nil {
			return err
		}
	}
	return nil
}

// distinct returns an error where a mapping has a key twice, or one that is neither plain nor an object.
func (w *walker) distinct(p *keypath.Path, pairs []pickle.Pair) error {
	if len(pairs) > maxEntries-len(w.places) {
		return checkpoint.Limit("more than %d values", maxEntries)
	}
	seen := make(map[string]struct{}, len(pairs))
	for _, pair := range pairs {
		id, isText := pair.Key.(string)
		if !isText {
			_, ok, err := w.literal(pair.Key)
			switch {
			case err != nil:
				return err
			case !ok && !isObject(pair.Key):
				return checkpoint.Unsupported("dictionary key that is neither plain nor an object, in %q", checkpoint.Clip(p.String(), 80))
			case !ok:
				continue
			}
			if id, err = w.identity(pair.Key); err != nil {
				return err
			}
			id = "[" + id
		}
		if _, ok := seen[id]; ok {
			return checkpoint.Damaged("dictionary %q has the key %q twice", checkpoint.Clip(p.String(), 80), checkpoint.Clip(id, 80))
		}
		seen[id] = struct{}{}
	}
	return nil
}

func isObject(v pickle.Value) bool {
	switch v.(type) {
	case *pickle.Object, *early:
		return true
	}
	return false
}

// object interprets the constructors that are known, and lists the parts of any other object.
func (w *walker) object(p *keypath.Path, o *pickle.Object) error {
	if g, ok := o.Global(); ok {
		if done, err := w.known(p, g, o); done {
			return err
		}
		w.see(p, g)
	}
	return w.opaque(p, o)
}

func (w *walker) opaque(p *keypath.Path, o *pickle.Object) error {
	class := "(made by another object)"
	if g, ok := o.Global(); ok {
		class = scriptClass(g)
		if err := w.hold(int64(len(g.Module) + len(g.Name) - len(class))); err != nil {
			return err
		}
	}
	typ := "object"
	if !o.New {
		typ = "call"
	}
	if err := w.charge(pathCost); err != nil {
		return err
	}
	if err := w.add(p, checkpoint.Entry{Kind: checkpoint.KindObject, Type: typ, Text: class, Data: checkpoint.Text(class)}); err != nil {
		return err
	}
	if _, ok := o.Global(); !ok {
		if err := w.walk(p.Bracket("func"), o.Func); err != nil {
			return err
		}
	}
	if args, ok := o.Args.(*pickle.Tuple); ok && len(args.Items) > 0 {
		for i, a := range args.Items {
			if err := w.walk(p.Bracket("arg "+strconv.Itoa(i)), a); err != nil {
				return err
			}
		}
	}
	if kw, ok := o.Kw.(*pickle.Dict); ok && len(kw.Items) > 0 {
		if err := w.walk(p.Bracket("kwargs"), kw); err != nil {
			return err
		}
	}
	for i, item := range o.Items {
		if err := w.walk(p.Item(i), item); err != nil {
			return err
		}
	}
	if len(o.Pairs) > 0 {
		if err := w.mapping(p.Bracket("items"), "dict", o.Pairs); err != nil {
			return err
		}
	}
	return w.state(p, o.State)
}

// scriptClass is a class's name without the number that TorchScript gives to a repeated one ("___torch_mangle_3"), which
// counts what the process compiled before.
func scriptClass(g pickle.Global) string {
	name := g.String()
	if !strings.HasPrefix(name, "__torch__.") {
		return name
	}
	parts := strings.Split(name, ".")
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return strings.HasPrefix(s, "___torch_mangle_") }), ".")
}

// state lists an instance's attributes as members, so that a model pickled whole has the names that users know.
func (w *walker) state(p *keypath.Path, state pickle.Value) error {
	switch s := state.(type) {
	case nil:
		return nil
	case *pickle.Dict:
		if allStrings(s.Items) {
			return w.pairs(p, s.Items)
		}
	}
	return w.walk(p.Bracket("state"), state)
}

func allStrings(pairs []pickle.Pair) bool {
	for _, pair := range pairs {
		if _, ok := pair.Key.(string); !ok {
			return false
		}
	}
	return true
}

func (w *walker) rng(p *keypath.Path, generator string) {
	w.file.RNG = append(w.file.RNG, checkpoint.RNGState{Name: p.String(), Generator: generator})
}

// isPythonRandom recognises random.getstate(): (3, 624 words and an index, next Gaussian or None), of which JSON makes lists.
func (w *walker) isPythonRandom(items []pickle.Value) bool {
	if len(items) != 3 || items[0] != pickle.Value(int64(3)) {
		return false
	}
	words, ok := itemsOf(items[1])
	return ok && len(words) == 625
}

// isNumPyRandom recognises numpy.random.get_state(): ('MT19937', 624 words, index, has_gauss, Gaussian).
func (w *walker) isNumPyRandom(items []pickle.Value) bool {
	return len(items) == 5 && items[0] == pickle.Value("MT19937")
}

// see counts a class or function that stays uninterpreted, and notes the ones that run programs.
func (w *walker) see(p *keypath.Path, g pickle.Global) {
	name := g.String()
	w.globals[name]++
	if w.dangerous[name] == "" && CanRun(g) {
		w.dangerous[name] = p.String()
	}
}

// RunsCode is what is to be told of a value at a name, empty for none, that names what would run code.
func RunsCode(at, name string) checkpoint.Finding {
	return checkpoint.Finding{
		ID: "code-execution", Name: at, Text: "loading this file in Python could run code: it names " + checkpoint.Clip(name, 80),
	}
}

func (w *walker) reportGlobals() {
	for i, name := range slices.Sorted(maps.Keys(w.dangerous)) {
		if i == maxGlobals {
			break
		}
		w.file.Findings = append(w.file.Findings, RunsCode(w.dangerous[name], name))
	}
	for i, name := range slices.Sorted(maps.Keys(w.globals)) {
		if i == maxGlobals {
			w.file.Facts = append(w.file.Facts, checkpoint.Fact{Key: "further classes", Value: strconv.Itoa(len(w.globals) - maxGlobals)})
			break
		}
		w.file.Facts = append(w.file.Facts, checkpoint.Fact{Key: "class " + checkpoint.Clip(name, 120), Value: strconv.Itoa(w.globals[name])})
	}
}
