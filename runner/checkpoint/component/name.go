package component

import (
	"slices"
	"strings"
	"unicode"
)

// Path splits an entry's name into keys and indices.
func Path(name string) []string { return AppendPath([]string{}, name) }

// AppendPath appends what Path returns.
func AppendPath(path []string, name string) []string {
	var segments [outer + inner]segment
	for _, s := range appendSegments(segments[:0], name) {
		path = append(path, s.key)
	}
	return path
}

// first returns the first key of a name that has one.
func first(name string) (string, bool) {
	name = strings.TrimLeft(name, separators)
	if i := strings.IndexAny(name, separators); i >= 0 {
		name = name[:i]
	}
	return name, name != ""
}

// Last returns the last key or index of an entry's name, "" where there is none.
func Last(name string) string {
	name = strings.TrimRight(name, separators)
	return name[strings.LastIndexAny(name, separators)+1:]
}

// segment is a key or an index of a name.
type segment struct {
	key   string
	start int // where it begins in the name
}

const separators = `.[]"@/`

func isSeparator(c byte) bool { return strings.IndexByte(separators, c) >= 0 }

// outer and inner are how many segments of a name are looked at from its two ends: what a part is called lies near the root,
// and what a value is near the value. Names of hostile files have a thousand.
const outer, inner = 24, 8

func split(name string) []segment { return appendSegments(make([]segment, 0, 8), name) }

// appendSegments is split into an empty slice that was in use before.
func appendSegments(segments []segment, name string) []segment {
	at := 0
	for len(segments) < outer {
		for at < len(name) && isSeparator(name[at]) {
			at++
		}
		if at == len(name) {
			return segments
		}
		start := at
		for at < len(name) && !isSeparator(name[at]) {
			at++
		}
		segments = append(segments, segment{name[start:at], start})
	}
	for end := len(name); len(segments) < outer+inner; {
		for end > at && isSeparator(name[end-1]) {
			end--
		}
		if end == at {
			break
		}
		start := end
		for start > at && !isSeparator(name[start-1]) {
			start--
		}
		segments = append(segments, segment{name[start:end], start})
		end = start
	}
	slices.Reverse(segments[outer:])
	return segments
}

// container returns the name of what the segment is a member of.
func (s segment) container(name string) string {
	return strings.TrimRight(name[:s.start], `.["@/`)
}

// wordsOf splits a key at everything but letters, and at capitals that follow a small letter. A key with characters of
// other languages than identifiers have, such as the names that Lightning makes of callbacks and their arguments, has none.
func wordsOf(key string) words {
	w := make(words, 0, 4)
	start := -1
	end := func(i int) {
		if start >= 0 {
			w = append(w, strings.ToLower(key[start:i]))
		}
		start = -1
	}
	small := false
	for i, r := range key {
		switch {
		case unicode.IsLetter(r):
			if unicode.IsUpper(r) && small {
				end(i)
			}
			if start < 0 {
				start = i
			}
			small = unicode.IsLower(r)
		case unicode.IsDigit(r) || r == '_' || r == '-':
			end(i)
			small = false
		default:
			return nil
		}
	}
	end(len(key))
	return w
}

// words are those of a key, in small letters.
type words []string

// one reports whether any of some words is among them.
func (w words) one(some ...string) bool {
	for _, word := range w {
		if slices.Contains(some, word) {
			return true
		}
	}
	return false
}
