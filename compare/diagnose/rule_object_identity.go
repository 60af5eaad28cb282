package diagnose

import (
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
)

var (
	callsID         = newPattern(`\bid\(|key=id\b`)
	ordersByAddress = newPattern(addressOrder)
	// sortsByAddress matches a line whose sorting makes an order of addresses or hashes, where others take one away.
	sortsByAddress = newPattern(`\bkey=\s*((id|hash)\b|lambda\b.*\b(id|hash)\()`)
)

// addressOrder matches what orders things by their addresses, whether by id() or by the hash of an object.
const addressOrder = `\bid\(|key=id\b|\b(frozen)?set\(|\bWeak(Set|KeyDictionary)\(|\bhash\(`

// objectIdentity leaves no trace of its own; only pinning the address-space layout, with the hash seed pinned beside it,
// shows it.
func objectIdentity() rule {
	return rule{source: seed.ObjectIdentity, random: true, calls: []pattern{callsID, callsHash}, telltale: ordersByAddress, suspect: func(e *evidence) *suspicion {
		random := e.starterDraws(seed.ObjectIdentity)
		if otherwise := e.startedOtherwise(seed.ObjectIdentity); otherwise != nil && random {
			return otherwise
		}
		if len(e.expected.run.Processes) == 0 && !random {
			return nil // seldom anywhere but in Python: pinned with everything else
		}
		return &suspicion{source: seed.ObjectIdentity, strength: possibleOnly}
	}, words: func(l trace.LocalDifference) string {
		return fmt.Sprintf("%s:%d is where the order of addresses first shows: %s", l.File, l.Line, heldDifferently(l))
	}}
}
