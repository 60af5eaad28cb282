package tensordiff

import (
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// match is two values that are compared with each other.
type match struct {
	a, b *checkpoint.Entry
	why  string // of a match under two names; empty for equal names
}

// alignment pairs the values of two files.
type alignment struct {
	matches []match
	onlyA   []*checkpoint.Entry
	onlyB   []*checkpoint.Entry
}

// align pairs values by name, then by name without what wrappers add, in the order of a. Containers are left out.
func align(a, b *checkpoint.File) alignment {
	if slices.EqualFunc(a.Entries, b.Entries, func(x, y checkpoint.Entry) bool { return x.Name == y.Name && x.Structure == y.Structure }) {
		return aligned(a, b)
	}
	byName := make(map[string]*checkpoint.Entry, len(b.Entries))
	for i := range b.Entries {
		if e := &b.Entries[i]; !e.Structure {
			byName[e.Name] = e
		}
	}
	names := make(map[string]bool, len(a.Entries))
	for i := range a.Entries {
		names[a.Entries[i].Name] = !a.Entries[i].Structure
	}
	// What remains of b under its bare name; nil where two values share one.
	bare := map[string]*checkpoint.Entry{}
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Structure || names[e.Name] {
			continue
		}
		key := bareName(e.Name)
		if _, twice := bare[key]; twice {
			e = nil
		}
		bare[key] = e
	}
	taken := map[*checkpoint.Entry]bool{}
	bareA := map[string]int{}
	for i := range a.Entries {
		if e := &a.Entries[i]; !e.Structure && byName[e.Name] == nil {
			bareA[bareName(e.Name)]++
		}
	}
	var al alignment
	averagedA, averagedB := isAveraged(a), isAveraged(b)
	for i := range a.Entries {
		e := &a.Entries[i]
		if e.Structure {
			continue
		}
		if same := byName[e.Name]; same != nil {
			al.matches = append(al.matches, match{a: e, b: same})
			continue
		}
		key := bareName(e.Name)
		if other := bare[key]; other != nil && bareA[key] == 1 {
			al.matches = append(al.matches, match{e, other, explainNames(e.Name, other.Name, averagedA, averagedB)})
			taken[other] = true
			continue
		}
		al.onlyA = append(al.onlyA, e)
	}
	for i := range b.Entries {
		if e := &b.Entries[i]; !e.Structure && !names[e.Name] && !taken[e] {
			al.onlyB = append(al.onlyB, e)
		}
	}
	return al
}

// aligned pairs the values of files that have the same names in the same order.
func aligned(a, b *checkpoint.File) (al alignment) {
	for i := range a.Entries {
		if e := &a.Entries[i]; !e.Structure {
			al.matches = append(al.matches, match{a: e, b: &b.Entries[i]})
		}
	}
	return al
}

// numberedKeys is why names match that differ in nothing else.
const numberedKeys = "keys are numbers in one file and texts in the other, as torch.distributed.checkpoint makes them"

// bareName is a name without what wrappers add, and with keys that are numbers written as those that are texts:
// torch.distributed.checkpoint makes optimizer.state.0.step of optimizer.state[0].step.
func bareName(name string) string {
	name, _ = unwrapped(name)
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(name, "[")
		number, after, closed := strings.Cut(rest, "]")
		_, err := strconv.Atoi(number)
		if !ok || !closed || err != nil || before == "" && b.Len() == 0 {
			return b.String() + name
		}
		b.WriteString(before + "." + number)
		name = after
	}
}

// isAveraged tells the state of a torch.optim.swa_utils.AveragedModel, whose model is called module too.
func isAveraged(f *checkpoint.File) bool {
	return slices.ContainsFunc(f.Entries, func(e checkpoint.Entry) bool {
		return e.Name == "n_averaged" || strings.HasSuffix(e.Name, ".n_averaged")
	})
}

// explainNames says why two names are of one value.
func explainNames(a, b string, averagedA, averagedB bool) string {
	_, whyA := unwrapped(a)
	_, whyB := unwrapped(b)
	for _, side := range []struct {
		why      []string
		averaged bool
	}{{whyA, averagedA}, {whyB, averagedB}} {
		if i := slices.Index(side.why, parallel); side.averaged && i >= 0 {
			side.why[i] = "AveragedModel (EMA or SWA)"
		}
	}
	if why := explainWrappers(whyA, whyB); why != "" {
		return why
	}
	return numberedKeys
}

const parallel = "DataParallel or DistributedDataParallel"

// wrappers are name segments that wrapping a model adds, with what adds them.
var wrappers = [...]struct{ segment, why string }{
	{"module", parallel},
	{"_orig_mod", "torch.compile"},
	{"_fsdp_wrapped_module", "FullyShardedDataParallel"},
	{"_checkpoint_wrapped_module", "activation checkpointing"},
	{"_forward_module", "Lightning Fabric"},
	{"ema_model", "an average of the weights (EMA)"},
	{"_modules", "pickling it whole"},
	{"_parameters", "pickling it whole"},
	{"_buffers", "pickling it whole"},
}

// unwrapped drops wrappers' segments from a name, and says which wrappers they are of.
func unwrapped(name string) (string, []string) {
	var why []string
	segments := strings.Split(name, ".")
	kept := segments[:0:0]
	for i, s := range segments {
		wrapper := ""
		for _, w := range wrappers {
			if s == w.segment && i < len(segments)-1 {
				wrapper = w.why
			}
		}
		if wrapper == "" {
			kept = append(kept, s)
		} else {
			why = append(why, wrapper)
		}
	}
	return strings.Join(kept, "."), why
}

func explainWrappers(a, b []string) string {
	describe := func(side string, why []string) string {
		if len(why) == 0 {
			return ""
		}
		slices.Sort(why)
		why = slices.Compact(why)
		return side + " was saved from a model wrapped by " + strings.Join(why, " and ")
	}
	both := []string{}
	for _, text := range []string{describe("the first file", a), describe("the second file", b)} {
		if text != "" {
			both = append(both, text)
		}
	}
	return strings.Join(both, "; ")
}

// byPrefix pairs the tensors of two models of which one is kept under a key, as in a checkpoint of Lightning, whose names
// begin with the attribute that holds the network. More than half of the smaller model has to fit, by name, type and shape. It
// reports whether it found any.
func (al *alignment) byPrefix(modelA, modelB map[*checkpoint.Entry]bool) bool {
	small := min(len(modelA), len(modelB))
	inB, inA := prefixed(al.onlyA, al.onlyB, modelA, modelB), prefixed(al.onlyB, al.onlyA, modelB, modelA)
	best, side := inB, "second"
	if len(inA.pairs) > len(inB.pairs) {
		best, side = inA, "first"
	}
	if len(best.pairs) < 2 || 2*len(best.pairs) <= small {
		return false
	}
	why := "the names of the " + side + " file begin with " + strconv.Quote(checkpoint.Clip(best.prefix, 80))
	taken := map[*checkpoint.Entry]bool{}
	for plain, long := range best.pairs {
		m := match{plain, long, why}
		if side == "first" {
			m = match{long, plain, why}
		}
		al.matches = append(al.matches, m)
		taken[plain], taken[long] = true, true
	}
	al.onlyA = remaining(al.onlyA, func(e *checkpoint.Entry) bool { return !taken[e] })
	al.onlyB = remaining(al.onlyB, func(e *checkpoint.Entry) bool { return !taken[e] })
	return true
}

// prefixing is what stands before names of one side that the other side has without it.
type prefixing struct {
	prefix string
	pairs  map[*checkpoint.Entry]*checkpoint.Entry
}

// prefixed finds the prefix that makes most names of plain those of long.
func prefixed(plain, long []*checkpoint.Entry, modelOfPlain, modelOfLong map[*checkpoint.Entry]bool) prefixing {
	const depth = 4 // keys in a prefix
	byName := map[string]*checkpoint.Entry{}
	for _, e := range plain {
		if modelOfPlain[e] {
			byName[bareName(e.Name)] = e
		}
	}
	found := map[string]*prefixing{}
	for _, e := range long {
		if !modelOfLong[e] {
			continue
		}
		name := bareName(e.Name)
		for at, n := strings.IndexByte(name, '.')+1, 0; at > 0 && n < depth; n++ {
			other := byName[name[at:]]
			if other != nil && other.Type == e.Type && slices.Equal(other.Tensor().Shape, e.Tensor().Shape) {
				p := found[name[:at]]
				if p == nil {
					p = &prefixing{name[:at], map[*checkpoint.Entry]*checkpoint.Entry{}}
					found[name[:at]] = p
				}
				p.pairs[other] = e
			}
			next := strings.IndexByte(name[at:], '.') + 1
			if next == 0 {
				break
			}
			at += next
		}
	}
	var best prefixing
	for _, p := range found {
		if len(p.pairs) > len(best.pairs) || len(p.pairs) == len(best.pairs) && p.prefix < best.prefix {
			best = *p
		}
	}
	return best
}

// byContent pairs tensors that are left over on both sides and have equal type, shape and bits, which a renamed layer
// shows. A content that occurs twice on a side, as freshly initialised biases do, says nothing and pairs nothing.
func (al *alignment) byContent(sums func([]*checkpoint.Entry) ([]checkpoint.Sum, error)) error {
	type key struct {
		dtype checkpoint.DType
		shape string
	}
	keyOf := func(e *checkpoint.Entry) key {
		return key{e.Tensor().DType, checkpoint.ShapeText(e.Tensor().Shape)}
	}
	// Only what could be equal is read.
	inB, wanted := map[key]bool{}, map[key]bool{}
	for _, e := range al.onlyB {
		if e.Tensor() != nil && e.Data.Size() > 0 {
			inB[keyOf(e)] = true
		}
	}
	for _, e := range al.onlyA {
		if e.Tensor() != nil && inB[keyOf(e)] {
			wanted[keyOf(e)] = true
		}
	}
	type content struct {
		a, b *checkpoint.Entry
		many bool
	}
	contents := map[checkpoint.Sum]*content{}
	enter := func(list []*checkpoint.Entry, side func(*content) **checkpoint.Entry) error {
		list = remaining(list, func(e *checkpoint.Entry) bool { return e.Tensor() != nil && wanted[keyOf(e)] })
		sum, err := sums(list)
		if err != nil {
			return err
		}
		for i, e := range list {
			c := contents[sum[i]]
			if c == nil {
				c = &content{}
				contents[sum[i]] = c
			}
			s := side(c)
			c.many = c.many || *s != nil
			*s = e
		}
		return nil
	}
	if err := enter(al.onlyA, func(c *content) **checkpoint.Entry { return &c.a }); err != nil {
		return err
	}
	if err := enter(al.onlyB, func(c *content) **checkpoint.Entry { return &c.b }); err != nil {
		return err
	}
	pairOf := map[*checkpoint.Entry]*checkpoint.Entry{}
	for _, c := range contents {
		if c.a != nil && c.b != nil && !c.many {
			pairOf[c.a], pairOf[c.b] = c.b, c.a
		}
	}
	al.onlyA = remaining(al.onlyA, func(e *checkpoint.Entry) bool {
		if other := pairOf[e]; other != nil {
			al.matches = append(al.matches, match{e, other, "renamed: type, shape and every bit are equal"})
			return false
		}
		return true
	})
	al.onlyB = remaining(al.onlyB, func(e *checkpoint.Entry) bool { return pairOf[e] == nil })
	return nil
}

func remaining(list []*checkpoint.Entry, keep func(*checkpoint.Entry) bool) (kept []*checkpoint.Entry) {
	for _, e := range list {
		if keep(e) {
			kept = append(kept, e)
		}
	}
	return kept
}
