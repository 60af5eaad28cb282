package component

import (
	"slices"
	"strings"
	"unicode"
)

// Path splits an entry's name into keys and indices.
func Path(name string) []string {
	segments := split(name)
	path := make([]string, len(segments))
	for i, s := range segments {
		path[i] = s.key
	}
	return path
}

// segment is a key or an index of a name.
type segment struct {
	key   string
	start int // where it begins in the name
}

func isSeparator(c byte) bool {
	return c == '.' || c == '[' || c == ']' || c == '"' || c == '@'
}

// outer and inner are how many segments of a name are looked at from its two ends: what a part is called lies near the root,
// and what a value is near the value. Names of hostile files have a thousand.
const outer, inner = 24, 8

func split(name string) []segment {
	segments := make([]segment, 0, 8)
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
	return strings.TrimRight(name[:s.start], `.["@`)
}

// wordsOf splits a key at everything but letters, and at capitals that follow a small letter. A key with characters of
// other languages than identifiers have, such as the names that Lightning makes of callbacks and their arguments, has none.
func wordsOf(key string) map[string]bool {
	words := map[string]bool{}
	start := -1
	end := func(i int) {
		if start >= 0 {
			words[strings.ToLower(key[start:i])] = true
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
	return words
}

// one reports whether any of some words is among others.
func one(words map[string]bool, some ...string) bool {
	for _, w := range some {
		if words[w] {
			return true
		}
	}
	return false
}
