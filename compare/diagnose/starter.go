package diagnose

import (
	"bytes"
	"path/filepath"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// starter is the text of something that is not Python and that the command names: a shell's script, a makefile, the program
// given with -c. It may have drawn what Python was started with. Like a user's text it only raises or lowers what is tried first,
// and gives a proven cause the likeliest of its lines.
type starter struct {
	file  string // "" for an argument of the command
	lines []string
}

// shellRandom matches bash's $RANDOM, which it seeds with the time, its own process id and an address.
const shellRandom = `\$\{?RANDOM\b|\$\(\(.*\bRANDOM\b`

// drawn are words by which shells and other languages draw on a source.
var drawn = map[seed.ID]pattern{
	seed.OSEntropy:      newPattern(`/dev/u?random|\bSRANDOM\b|\bshuf\b|sort.* -R|\buuid|openssl rand|mktemp|Math\.random`),
	seed.WallClock:      newPattern(`\bdate\b|EPOCH|SECONDS|srand\(\s*\)|\b(time|now)\s*\(|\bDate\b|Sys\.time|` + shellRandom),
	seed.Host:           newPattern(`\$\$|BASHPID|(?i:hostname)|whoami|` + shellRandom),
	seed.ObjectIdentity: newPattern(shellRandom),
}

// startersOf reads what a command names besides Python's own files.
func startersOf(dir string, command []string) []starter {
	const each = 1 << 20
	if len(command) == 0 {
		return nil
	}
	names := command[1:]
	if filepath.Base(command[0]) == "make" {
		names = append(names[:len(names):len(names)], "GNUmakefile", "makefile", "Makefile")
	}
	var all []starter
	for _, name := range names {
		if ext := filepath.Ext(name); ext == ".py" || ext == ".ipynb" {
			continue
		}
		s := starter{lines: []string{name}}
		if data := head(dir, name, each); len(data) > 0 {
			if bytes.IndexByte(data, 0) >= 0 {
				continue
			}
			s = starter{file: name, lines: strings.Split(string(data), "\n")}
		}
		all = append(all, s)
	}
	return all
}

// drawing is the first line that draws on a source, comments left out.
func (s starter) drawing(source seed.ID) (line int, found bool) {
	words := drawn[source]
	for i, text := range s.lines {
		if words != nil && words().MatchString(text) && !strings.HasPrefix(strings.TrimSpace(text), "#") {
			return i + 1, true
		}
	}
	return 0, false
}

// starterDraws reports whether something that is not Python has words by which it draws on a source.
func (e *evidence) starterDraws(source seed.ID) bool {
	for _, s := range e.starters {
		if _, found := s.drawing(source); found {
			return true
		}
	}
	return false
}

// starterSilent reports whether nothing that is not Python has words by which it draws on any source.
func (e *evidence) starterSilent() bool {
	for source := range drawn {
		if e.starterDraws(source) {
			return false
		}
	}
	return true
}

// placeInStarter gives a cause for which no line of Python's is known the first line of a script that draws on its source.
func (v *conviction) placeInStarter(starters []starter) {
	for _, s := range starters {
		line, found := s.drawing(v.source)
		if !found || s.file == "" {
			continue
		}
		moved := *v.suspicion
		moved.site = &trace.Seen{Site: trace.Site{Process: "main", Kind: probe.KindLine, File: s.file, Line: line}, Step: -1}
		v.suspicion, v.byText = &moved, true
		moved.story = at(moved.site) + " is the likeliest line, by its text."
		return
	}
}
