package diagnose

import (
	"slices"

	"github.com/reprocheck/reprocheck/seed"
)

// firstRound are the suspects worth pinning first: those whose values were seen to enter or, where there are none, everything that
// was read, and what leaves no trace.
func firstRound(all []*suspicion) []*suspicion {
	strong := atLeast(all, entered)
	if len(strong) == 0 {
		return secondRound(all)
	}
	if slices.ContainsFunc(strong, func(s *suspicion) bool { return s.source == seed.PythonHash }) {
		// What hash() is made of, a text or an address, no trace shows.
		return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool { return !slices.Contains(strong, s) && !traceless(s) })
	}
	return strong
}

func secondRound(all []*suspicion) []*suspicion {
	return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool { return s.strength < present && !traceless(s) })
}

// everything adds all sources that can be pinned to the suspects.
func (c *inquiry) everything(all []*suspicion) []*suspicion {
	var rest []*suspicion
	for _, id := range pinnable() {
		if !slices.Contains(c.audit.Settings.Pin, id) && c.plausible(id) {
			rest = append(rest, &suspicion{source: id, strength: possibleOnly})
		}
	}
	return merge(all, rest)
}

// traceless tells the sources that nothing in a trace shows: the hash seed, the layout of the address space, and, in a command
// without Python, entropy, the clock and what a shell makes its random numbers of. They are pinned together, since few releases
// then tell them apart.
func traceless(s *suspicion) bool {
	return s.strength == possibleOnly && slices.Contains([]seed.ID{seed.PythonHash, seed.ObjectIdentity, seed.OSEntropy, seed.WallClock, seed.Host}, s.source)
}

func atLeast(all []*suspicion, least strength) []*suspicion {
	return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool { return s.strength < least })
}

// merge adds to known those suspicions whose sources it does not have, and takes over stronger ones.
func merge(known, more []*suspicion) []*suspicion {
	merged := slices.Clone(known)
	for _, s := range more {
		i := slices.IndexFunc(merged, func(k *suspicion) bool { return k.source == s.source })
		switch {
		case i < 0:
			merged = append(merged, s)
		case merged[i].strength < s.strength || merged[i].late && !s.late:
			merged[i] = s
		}
	}
	return merged
}

// pinnable are all sources that a run can pin, but for those whose state lies outside the process.
func pinnable() []seed.ID {
	var ids []seed.ID
	for _, s := range seed.All() {
		if s.Pin.Possible() && s.ID != seed.ExternalState {
			ids = append(ids, s.ID)
		}
	}
	return ids
}
