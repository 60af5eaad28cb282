package component

import (
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

func isSeparator(r rune) bool {
	return r == '.' || r == '[' || r == ']' || r == '"' || r == '@'
}

func split(name string) []segment {
	var segments []segment
	start := -1
	for i, r := range name {
		switch {
		case isSeparator(r):
			if start >= 0 {
				segments = append(segments, segment{name[start:i], start})
			}
			start = -1
		case start < 0:
			start = i
		}
	}
	if start >= 0 {
		segments = append(segments, segment{name[start:], start})
	}
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
