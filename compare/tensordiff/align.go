package tensordiff

import (
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// match is two values that are compared with each other, by their places in the two files.
type match struct {
	a, b int32
	why  string // of a match under two names; empty for equal names
}

// alignment pairs the values of two files.
type alignment struct {
	a, b    *checkpoint.File
	matches []match
	onlyA   []int32
	onlyB   []int32
}

// align pairs values by name, which namesakes tell, then by name without what wrappers add, in the order of a. Containers
// are left out.
func align(a, b *checkpoint.File, namesakes []int32) *alignment {
	al := &alignment{a: a, b: b}
	left := make([]bool, len(b.Entries))
	for j := range b.Entries {
		left[j] = !b.Entries[j].Structure
	}
	with := make([]int32, len(a.Entries)) // what is compared with each
	for i, j := range namesakes {
		with[i] = -1
		switch {
		case a.Entries[i].Structure:
		case j >= 0 && !b.Entries[j].Structure:
			with[i], left[j] = j, false
		default:
			al.onlyA = append(al.onlyA, int32(i))
		}
	}
	for j, ok := range left {
		if ok {
			al.onlyB = append(al.onlyB, int32(j))
		}
	}
	var averagedA, averagedB bool
	if len(al.onlyA) > 0 && len(al.onlyB) > 0 {
		averagedA, averagedB = isAveraged(a), isAveraged(b)
		bareA := keysOf(al.onlyA, func(i int32) string { return bareName(a.Entries[i].Name) })
		bareB := keysOf(al.onlyB, func(j int32) string { return bareName(b.Entries[j].Name) })
		for _, i := range al.onlyA {
			bare := bareName(a.Entries[i].Name)
			if _, alone := bareA.only(bare); alone {
				if j, ok := bareB.only(bare); ok {
					with[i], left[j] = j, false
				}
			}
		}
	}
	al.matches = make([]match, 0, min(len(a.Entries), len(b.Entries)))
	for i, j := range with {
		if j < 0 {
			continue
		}
		m := match{a: int32(i), b: j}
		if nameA, nameB := a.Entries[i].Name, b.Entries[j].Name; nameA != nameB {
			m.why = explainNames(nameA, nameB, averagedA, averagedB)
		}
		al.matches = append(al.matches, m)
	}
	al.drop(func(i int32) bool { return with[i] >= 0 }, func(j int32) bool { return !left[j] })
	return al
}

// drop takes what was matched from the lists of what was not.
func (al *alignment) drop(matchedA, matchedB func(int32) bool) {
	al.onlyA = slices.DeleteFunc(al.onlyA, matchedA)
	al.onlyB = slices.DeleteFunc(al.onlyB, matchedB)
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

type wrapper struct{ segment, why string }

// wrappers are name segments that wrapping a model adds, with what adds them.
var wrappers = [...]wrapper{
	{"module", parallel},
	{"_orig_mod", "torch.compile"},
	{"_fsdp_wrapped_module", "FullyShardedDataParallel"},
	{"_checkpoint_wrapped_module", "activation checkpointing"},
	{"_forward_module", "Lightning Fabric"},
	{"ema_model", "an average of the weights (EMA)"},
	{"base_layer", "PEFT"},
	{"_modules", "pickling it whole"},
	{"_parameters", "pickling it whole"},
	{"_buffers", "pickling it whole"},
}

// unwrapped drops wrappers' segments from a name, and says which wrappers they are of.
func unwrapped(name string) (string, []string) {
	if !slices.ContainsFunc(wrappers[:], func(w wrapper) bool { return strings.Contains(name, w.segment) }) {
		return name, nil
	}
	var why []string
	segments := strings.Split(name, ".")
	kept := segments[:0:0]
	for i, s := range segments {
		added := ""
		for _, w := range wrappers {
			if s == w.segment && i < len(segments)-1 {
				added = w.why
			}
		}
		if added == "" {
			kept = append(kept, s)
		} else {
			why = append(why, added)
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
func (al *alignment) byPrefix(modelA, modelB marks) bool {
	small := min(modelA.count(), modelB.count())
	leftA := slices.DeleteFunc(slices.Clone(al.onlyA), func(i int32) bool { return !modelA[i] })
	leftB := slices.DeleteFunc(slices.Clone(al.onlyB), func(j int32) bool { return !modelB[j] })
	inB, inA := prefixOf(al.a, al.b, leftA, leftB), prefixOf(al.b, al.a, leftB, leftA)
	best, side := inB, "second"
	if inA.count > inB.count {
		best, side = inA, "first"
	}
	if best.count < 2 || 2*best.count <= small {
		return false
	}
	why := "the names of the " + side + " file begin with " + strconv.Quote(checkpoint.Clip(best.prefix, 80))
	takenA, takenB := make(marks, len(al.a.Entries)), make(marks, len(al.b.Entries))
	best.each(func(plain, long int32) {
		m := match{plain, long, why}
		if side == "first" {
			m = match{long, plain, why}
		}
		if takenA[m.a] || takenB[m.b] {
			return // two names that are one without what wrappers add
		}
		al.matches = append(al.matches, m)
		takenA[m.a], takenB[m.b] = true, true
	})
	al.drop(func(i int32) bool { return takenA[i] }, func(j int32) bool { return takenB[j] })
	return true
}

// prefixing is what stands before names of one side that the other side has without it.
type prefixing struct {
	prefix string
	count  int // of pairs
	each   func(found func(plain, long int32))
}

// prefixOf finds the prefix that makes most names of plain those of long.
func prefixOf(filePlain, fileLong *checkpoint.File, plain, long []int32) prefixing {
	const depth = 4 // keys in a prefix
	byName := keysOf(plain, func(i int32) string { return bareName(filePlain.Entries[i].Name) })
	pairs := func(found func(prefix string, plain, long int32)) {
		for _, j := range long {
			e := &fileLong.Entries[j]
			name := bareName(e.Name)
			for at, n := strings.IndexByte(name, '.')+1, 0; at > 0 && n < depth; n++ {
				if same := byName.find(name[at:]); len(same) > 0 {
					i := same[len(same)-1]
					if x := &filePlain.Entries[i]; x.Type == e.Type && slices.Equal(x.Shape, e.Shape) {
						found(name[:at], i, j)
					}
				}
				next := strings.IndexByte(name[at:], '.') + 1
				if next == 0 {
					break
				}
				at += next
			}
		}
	}
	counts := map[string]int{}
	pairs(func(prefix string, _, _ int32) { counts[prefix]++ })
	var best prefixing
	for prefix, n := range counts {
		if n > best.count || n == best.count && prefix < best.prefix {
			best.prefix, best.count = prefix, n
		}
	}
	best.each = func(found func(plain, long int32)) {
		pairs(func(prefix string, i, j int32) {
			if prefix == best.prefix {
				found(i, j)
			}
		})
	}
	return best
}

// byContent pairs tensors that are left over on both sides and have equal type, shape and bits, which a renamed layer
// shows. A content that occurs twice on a side, as freshly initialised biases and counters of batches do, says nothing by itself:
// it pairs tensors whose names differ as those of others do that were paired.
func (al *alignment) byContent(sums func(*checkpoint.File, []int32) ([]contentSum, error)) error {
	type key struct{ dtype, shape string }
	keyOf := func(e *checkpoint.Entry) key { return key{e.Type, checkpoint.ShapeText(e.Shape)} }
	// Only what could be equal is read.
	inB, wanted := map[key]bool{}, map[key]bool{}
	for _, j := range al.onlyB {
		if e := &al.b.Entries[j]; e.Kind == checkpoint.KindTensor && e.Data.Size() > 0 {
			inB[keyOf(e)] = true
		}
	}
	for _, i := range al.onlyA {
		if e := &al.a.Entries[i]; e.Kind == checkpoint.KindTensor && inB[keyOf(e)] {
			wanted[keyOf(e)] = true
		}
	}
	contents := func(f *checkpoint.File, only []int32) (list []int32, byContent keys, err error) {
		for _, i := range only {
			if e := &f.Entries[i]; e.Kind == checkpoint.KindTensor && wanted[keyOf(e)] {
				list = append(list, i)
			}
		}
		sum, err := sums(f, list)
		return list, keysOf(places(len(sum)), func(n int32) string { return string(sum[n][:]) }), err
	}
	listA, contentsA, err := contents(al.a, al.onlyA)
	if err != nil {
		return err
	}
	listB, contentsB, err := contents(al.b, al.onlyB)
	if err != nil {
		return err
	}
	takenA, takenB := make(marks, len(al.a.Entries)), make(marks, len(al.b.Entries))
	pair := func(i, j int32, why string) {
		al.matches = append(al.matches, match{i, j, why})
		takenA[i], takenB[j] = true, true
	}
	keysOfB := map[string]string{} // by those of a, of the layers that are told by what alone has its content
	for n, i := range listA {
		content := contentsA.of(int32(n))
		if _, alone := contentsA.only(content); !alone {
			continue
		}
		if m, ok := contentsB.only(content); ok {
			pair(i, listB[m], "renamed: type, shape and every bit are equal")
			keyA, keyB := withoutSameEnd(al.a.Entries[i].Name, al.b.Entries[listB[m]].Name)
			keysOfB[keyA] = keyB
		}
	}
	for n, i := range listA {
		if takenA[i] {
			continue
		}
		expected := renamedAs(al.a.Entries[i].Name, keysOfB)
		for _, m := range contentsB.find(contentsA.of(int32(n))) {
			if j := listB[m]; !takenB[j] && al.b.Entries[j].Name == expected {
				pair(i, j, "renamed as their neighbours are: type, shape and every bit are equal")
			}
		}
	}
	al.drop(func(i int32) bool { return takenA[i] }, func(j int32) bool { return takenB[j] })
	return nil
}

// withoutSameEnd drops the keys with which both names end.
func withoutSameEnd(a, b string) (restA, restB string) {
	for {
		i, j := strings.LastIndexByte(a, '.'), strings.LastIndexByte(b, '.')
		if i < 0 || j < 0 || a[i:] != b[j:] {
			return a, b
		}
		a, b = a[:i], b[:j]
	}
}

// renamedAs is a name with its first keys replaced, by the longest of those that are known; empty where none is.
func renamedAs(name string, keys map[string]string) string {
	end := len(name)
	for range deepest {
		if other, ok := keys[name[:end]]; ok {
			return other + name[end:]
		}
		if end = strings.LastIndexByte(name[:end], '.'); end < 0 {
			break
		}
	}
	return ""
}
