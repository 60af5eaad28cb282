package diagnose

import "regexp"

// madeSet matches code that makes a set with something in it.
const madeSet = `(\b(frozen)?set\([^)\s]|\{[^{}:\n]*\bfor\b[^{}:\n]*\}|\{\s*["'][^{}:\n]*["']\s*,[^{}:\n]*\})`

// walkedBy matches what stands before something whose members are taken in their order.
const walkedBy = `(\b(list|tuple|enumerate|iter|join|fromkeys|array)\(|\[\*|\bfor\b[^\n:]*\bin\s)\s*`

var (
	walksMade = newPattern(walkedBy + madeSet)
	namesMade = newPattern(`(?m)^\s*([\w.]+)\s*=\s*` + madeSet)
)

// walksSets reports whether the code takes the members of a set in their order, at the line that makes it or by the name that it gets
// there: of two members, the order is the same in every other run.
func (t text) walksSets() bool {
	const most = 100
	if t.mentions(walksMade) {
		return true
	}
	for _, made := range namesMade().FindAllSubmatch(t, most) {
		walks := regexp.MustCompile(walkedBy + regexp.QuoteMeta(string(made[1])) + `\s*[):\]\n]`)
		if walks.Match(t) {
			return true
		}
	}
	return false
}
