package diagnose

import (
	"bytes"
	"path/filepath"
	"slices"
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
	seed.OSEntropy:      newPattern(`/dev/u?random|\bSRANDOM\b|(^|[^\w.-])shuf\b|\bshuffle\b|\b(keys|each) %|sort.* -R|\buuid|openssl rand|mktemp|Math\.random`),
	seed.WallClock:      newPattern(`(^|[^\w.-])date\b|EPOCH|SECONDS|srand\(\s*\)|\b(time|now)\s*\(|\bDate\b|Sys\.time|` + shellRandom),
	seed.Host:           newPattern(`\$\$|BASHPID|(?i:hostname)|whoami|` + shellRandom),
	seed.ObjectIdentity: newPattern(shellRandom),
}

// startersOf reads what a command names besides Python's own files, and the scripts that those name.
func startersOf(dir string, command []string) []starter {
	const most = 20
	if len(command) == 0 {
		return nil
	}
	names := command
	if filepath.Base(command[0]) == "make" {
		names = append(names[:len(names):len(names)], "GNUmakefile", "makefile", "Makefile")
	}
	var all []starter
	for i := 0; i < len(names) && len(all) < most; i++ {
		if slices.Contains(names[:i], names[i]) {
			continue
		}
		s, text := readStarter(dir, names[i])
		if text && !(i == 0 && s.file == "") {
			all = append(all, s)
		}
		if s.isScript() {
			for _, line := range s.lines {
				names = append(names[:len(names):len(names)], scriptNames().FindAllString(line, -1)...)
			}
		}
	}
	return all
}

// scriptNames matches the names of scripts that are not Python's.
var scriptNames = newPattern(`[\w./-]+\.(sh|bash|zsh|pl|awk|R|rb|js|mk)\b`)

// readStarter reads what a word of a command names, or takes the word itself. text is false for Python's own files and what is no text.
func readStarter(dir, name string) (s starter, text bool) {
	const most = 1 << 20
	if ext := filepath.Ext(name); !strings.Contains(name, " ") && (ext == ".py" || ext == ".ipynb") {
		return starter{}, false
	}
	data := head(dir, name, most)
	if len(data) == 0 {
		return starter{lines: []string{name}}, true
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if bytes.IndexByte(data, 0) >= 0 || bytes.HasPrefix(first, []byte("#!")) && bytes.Contains(first, []byte("python")) {
		return starter{}, false
	}
	return starter{file: name, lines: strings.Split(string(data), "\n")}, true
}

// isScript reports whether the text is a program, which may start others besides Python: a script, a makefile, or what a shell is given.
func (s starter) isScript() bool {
	if s.file == "" {
		return len(s.lines) > 0 && strings.Contains(s.lines[0], " ")
	}
	return strings.HasPrefix(s.lines[0], "#!") || scriptNames().MatchString(s.file) || strings.EqualFold(filepath.Base(strings.TrimPrefix(s.file, "GNU")), "makefile")
}

// scripted reports whether a script started Python. What else it starts, no probe sees.
func (e *evidence) scripted() bool { return slices.ContainsFunc(e.starters, starter.isScript) }

func (c *inquiry) scripted() bool {
	return slices.ContainsFunc(c.starters, starter.isScript)
}

// startsProgram matches a line of Python's that starts another program.
var startsProgram = newPattern(`\b(subprocess\.\w+|os\.(system|popen|exec\w+|spawn\w+)|Popen|check_output|check_call|getoutput|create_subprocess_\w+)\(`)

// startedBy reads files of Python's, of which it leaves nothing but the lines that start other programs.
func startedBy(dir string, files []string) []starter {
	var all []starter
	for _, name := range files {
		s := starter{file: name, lines: strings.Split(string(head(dir, name, largestText)), "\n")}
		starts := false
		for i, line := range s.lines {
			if startsProgram().MatchString(line) {
				starts = true
			} else {
				s.lines[i] = ""
			}
		}
		if starts {
			all = append(all, s)
		}
	}
	return all
}

// besidePython suspects a source for which a script that starts Python, or a line of Python's that starts another program, has
// words: that program may draw on it.
func (e *evidence) besidePython(source seed.ID) *suspicion {
	var site *trace.Seen
	if e.scripted() && e.starterDraws(source) {
		site = drawnIn(e.starters, source)
	} else if site = drawnIn(e.started, source); site == nil {
		return nil
	}
	s := &suspicion{source: source, strength: present, site: site, scripted: true}
	if s.site != nil {
		s.story = at(s.site) + " is the likeliest line, by its text: a program that is not Python draws on it there."
	}
	return s
}

// inScript are the suspects for which nothing but a script's text speaks. They are tried before what Python may do unseen.
func inScript(all []*suspicion) []*suspicion {
	return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool { return !s.scripted })
}

// drawnIn is the first line of a script that draws on a source.
func drawnIn(scripts []starter, source seed.ID) *trace.Seen {
	for _, s := range scripts {
		if line, found := s.drawing(source); found && s.file != "" {
			return &trace.Seen{Site: trace.Site{Process: "main", Kind: probe.KindLine, File: s.file, Line: line}, Step: -1}
		}
	}
	return nil
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
func (v *conviction) placeInStarter(e *evidence) {
	site := drawnIn(e.starters, v.source)
	if site == nil {
		return
	}
	moved := *v.suspicion
	moved.site = site
	moved.story = at(site) + " is the likeliest line, by its text."
	v.suspicion, v.byText = &moved, true
}
