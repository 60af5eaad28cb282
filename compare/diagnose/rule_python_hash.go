package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
)

// hashOrder matches what takes an order or a value from hashes. A set is also written in braces: of strings, or of what a loop gives.
const hashOrder = `\bhash\(|\b(frozen)?set\(|\{\s*["'][^{}:]*["']\s*,[^{}:]*\}|\{[^{}:]*\bfor\b[^{}:]*\}`

var (
	callsHash = newPattern(`\bhash\(`)
	// passesUnnamed matches a line that hands on the order of a set which it makes, or a hash, and gives it no name.
	// A generator's value is not looked at where it is only held: it shows what it was seeded with where it is drawn from.
	passesUnnamed = newPattern(`^\s*[\w.]+\(.*(\b(list|tuple|enumerate|iter|join|fromkeys|str)\((frozen)?set\(|\[\*(frozen)?set\(|\bhash\()|\.manual_seed\(.*\bhash\(`)
	ordersByHash  = newPattern(hashOrder)
)

// pythonHash is possible wherever the hash seed is random: iterating over a set of strings leaves no trace of its
// own. A seed that differs although nothing random was read is most often made with hash().
func pythonHash() rule {
	words := func(l trace.LocalDifference) string {
		return fmt.Sprintf("%s:%d is where the hash seed first shows: %s", l.File, l.Line, heldDifferently(l))
	}
	return rule{source: seed.PythonHash, random: true, telltale: ordersByHash, passes: passesUnnamed, words: words, suspect: func(e *evidence) *suspicion {
		if !e.expected.anyFact("hash_seed", "random") {
			return nil
		}
		if seeding := e.seedOfUnknownOrigin(); seeding != nil && e.code.mentions(callsHash) && e.seedOrigin("clock", "entropy", "uuid", "pid") == nil && e.startedOtherwise(seed.PythonHash) == nil {
			s := &suspicion{source: seed.PythonHash, strength: entered, site: seeding.Seen,
				story: fmt.Sprintf("%s seeds %s with a value made by hash(), which Python salts anew in every process: %s in one run, %s in the other.", at(seeding.Seen), seeding.Stream, seeding.Values[0], seeding.Values[1]),
				fix:   "Derive the seed from something stable: zlib.crc32(text.encode()) or hashlib, not hash()."}
			if !callsHash().MatchString(e.line(seeding.Seen)) {
				// Another line called hash(), and a zoom shows which.
				s.site, s.instead = nil, seeding.Seen
			}
			return s
		}
		return &suspicion{source: seed.PythonHash, strength: possibleOnly}
	}}
}

// heldDifferently says what a variable held in the two runs.
func heldDifferently(l trace.LocalDifference) string {
	if l.Name == "" {
		return "from there the runs go different ways."
	}
	if l.Values[0] == "" && l.Values[1] == "" {
		return fmt.Sprintf("%s is not the same in both runs.", l.Name)
	}
	a, b := apart(l.Values[0], l.Values[1])
	if a == b {
		return fmt.Sprintf("%s is not the same in both runs, and begins as %s in both.", l.Name, a)
	}
	return fmt.Sprintf("%s is %s in one run and %s in the other.", l.Name, a, b)
}

// apart shortens two texts so that what differs is seen, equal where they differ in nothing that there is of them.
func apart(a, b string) (string, string) {
	const before, late = 16, 40
	one, other := []rune(oneLine(a)), []rune(oneLine(b))
	same := 0
	for same < min(len(one), len(other)) && one[same] == other[same] {
		same++
	}
	if same < late || slices.Equal(one, other) {
		return shorten(a), shorten(b)
	}
	from := same - before
	return shorten("…" + string(one[from:])), shorten("…" + string(other[from:]))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func shorten(text string) string {
	const most = 60
	text = oneLine(text)
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
