package tensordiff

import (
	"path"
	"regexp"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/sharded"
)

// counterparts pairs the files of two directories by name, and where that leaves some alone on both sides, by their names but
// for the numbers in them: those of epochs and steps, and metrics, as in epoch=4-val_loss=0.31.ckpt. A file has such a
// counterpart only where no other of its directory has a name like it: of checkpoint-100 and checkpoint-200 the number tells
// which is which.
func counterparts(listA, listB []all.Item) (pairs [][2]all.Item, onlyA, onlyB []all.Item) {
	of := make([]int, len(listA)) // where the counterpart is in listB, -1 for none
	taken := make([]bool, len(listB))
	byName := make(map[string]int, len(listB))
	for j, y := range listB {
		byName[y.Name] = j
	}
	for i, x := range listA {
		j, ok := byName[x.Name]
		if !ok {
			j, ok = byName[otherLayout(x.Name)]
		}
		if of[i] = -1; ok && !taken[j] {
			of[i], taken[j] = j, true
		}
	}
	for _, form := range forms {
		inA, inB := alone(listA, form), alone(listB, form)
		for key, i := range inA {
			if j, ok := inB[key]; ok && i >= 0 && j >= 0 && of[i] < 0 && !taken[j] {
				of[i], taken[j] = j, true
			}
		}
	}
	for i, x := range listA {
		if of[i] < 0 {
			onlyA = append(onlyA, x)
		} else {
			pairs = append(pairs, [2]all.Item{x, listB[of[i]]})
		}
	}
	for j, y := range listB {
		if !taken[j] {
			onlyB = append(onlyB, y)
		}
	}
	return pairs, onlyA, onlyB
}

var (
	fraction  = regexp.MustCompile(`[+-]?\d+\.\d+([eE][+-]?\d+)?`)
	anyNumber = regexp.MustCompile(`[+-]?\d+(\.\d+)?([eE][+-]?\d+)?`)
)

// forms are what names have in common whose numbers differ: first metrics, then what folders are numbered by, in which ranks number
// their files, then any numbers.
var forms = []func(name string) string{
	func(name string) string { return fraction.ReplaceAllLiteralString(name, "0") },
	func(name string) string {
		dir, base := path.Split(name)
		return anyNumber.ReplaceAllLiteralString(dir, "0") + base
	},
	func(name string) string { return anyNumber.ReplaceAllLiteralString(name, "0") },
}

// alone returns where in a list the file is whose name alone has a form, -1 where several have it.
func alone(list []all.Item, form func(string) string) map[string]int {
	at := make(map[string]int, len(list))
	for i, x := range list {
		key := form(x.Name)
		if _, ok := at[key]; ok {
			i = -1
		}
		at[key] = i
	}
	return at
}

// otherLayout is the name that a sharded model has in one file, and the other way round.
func otherLayout(name string) string {
	if whole, ok := strings.CutSuffix(name, sharded.Suffix); ok {
		return whole
	}
	return name + sharded.Suffix
}
