package seed

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Settings are what the levels of one run come down to.
type Settings struct {
	// Levels are the levels in force: those asked for, and the companions pinned beside them.
	Levels Levels
	// Env holds the variables to set on top of the user's environment.
	Env map[string]string
	// Launch is for the launcher, and Probe for the probe's configuration.
	Launch Launch
	Probe  map[ID]ProbeLevel
	// Values says in words what each pinned or varied source was set to.
	Values map[ID]string
	// Kept lists the user's own values ("OMP_NUM_THREADS=4") that serve as pins and were left alone, sorted.
	Kept []string
	// Refused lists the user's values that kept sources from being pinned, under [Lenient] only.
	Refused []*RefusedError
}

// ProbeLevel is what the probe is told about one source (docs/probe-protocol.md, "levels").
type ProbeLevel struct {
	Level Level  `json:"level"`
	Seed  uint64 `json:"seed,omitempty"`
	Value string `json:"value,omitempty"`
}

// RefusedError says that a variable in the user's environment holds a value under which its source is not pinned.
// Overwriting it would test another command than the user's.
type RefusedError struct {
	Source   ID
	Name     string
	Value    string
	Accepted string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s=%q in the environment does not pin %s: unset it, or set it to %s", e.Name, e.Value, e.Source, e.Accepted)
}

// Option changes how [Resolve] controls sources.
type Option func(*resolution)

// WholeTree has the launcher control entropy and directory order in Python interpreters too, in whatever they run, where the probe
// alone would do it for the lines of a program.
func WholeTree(r *resolution) { r.wholeTree = true }

// Lenient lets a source inherit when one of the user's values is refused, and lists the value in Settings.Refused. It is for
// experiments that pin more than the user has asked for.
func Lenient(r *resolution) { r.lenient = true }

// Resolve works out what the levels mean for one run: seed is the audit's seed, run the 0-based number of the run within
// its experiment, and users the environment that the command inherits.
//
// Pinning follows one rule for every variable: unset, it is filled; set to a value known to be good, it is kept; set to
// anything else, it is refused with a [RefusedError] (but see [Lenient]). An empty variable counts as unset, as it does to the programs
// concerned. Varying sets the variable whatever the user's value is.
//
// A source that a pinned or varied one needs beside it (see Control.Companions) is pinned too when levels does not
// mention it. An experiment that releases a source therefore maps it to [Inherit] instead of leaving it out.
//
// All errors are found before any is returned; they are joined.
func Resolve(levels Levels, seed uint64, run int, users map[string]string, options ...Option) (Settings, error) {
	r := resolution{
		seed:  seed,
		run:   run,
		users: users,
		settings: Settings{
			Levels: maps.Clone(levels),
			Env:    map[string]string{},
			Probe:  map[ID]ProbeLevel{},
			Values: map[ID]string{},
		},
	}
	for _, option := range options {
		option(&r)
	}
	if r.settings.Levels == nil {
		r.settings.Levels = Levels{}
	}
	if run < 0 {
		return Settings{}, fmt.Errorf("run %d: runs are counted from 0", run)
	}
	if err := check(levels); err != nil {
		return Settings{}, err
	}
	beside := r.addCompanions()
	for _, source := range All() {
		r.apply(source, beside[source.ID])
	}
	if len(r.settings.Refused) > 0 && !r.lenient {
		var refused []error
		for _, value := range r.settings.Refused {
			refused = append(refused, value)
		}
		return Settings{}, errors.Join(refused...)
	}
	slices.Sort(r.settings.Kept)
	return r.settings, nil
}

// resolution is the state of one call of Resolve.
type resolution struct {
	seed      uint64
	run       int
	users     map[string]string
	wholeTree bool
	lenient   bool
	settings  Settings
}

func check(levels Levels) error {
	var problems []error
	for _, id := range slices.Sorted(maps.Keys(levels)) {
		level := levels[id]
		source, known := Lookup(id)
		switch {
		case !known:
			problems = append(problems, &UnknownError{Name: string(id), Nearest: ID(Nearest(string(id), names()))})
		case level != Inherit && level != Pin && level != Vary:
			problems = append(problems, fmt.Errorf("source %q: unknown level %q (known: %s, %s, %s)", id, level, Inherit, Pin, Vary))
		case level != Inherit && !source.Control(level).Possible():
			problems = append(problems, &ImpossibleError{ID: id, Level: level, Why: source.Control(level).Doc})
		}
	}
	return errors.Join(problems...)
}

// addCompanions pins companions that the levels do not mention, and returns for each the source that it accompanies.
func (r *resolution) addCompanions() map[ID]ID {
	beside := map[ID]ID{}
	for _, source := range All() {
		for _, companion := range source.Control(r.settings.Levels[source.ID]).Companions {
			if _, mentioned := r.settings.Levels[companion]; !mentioned {
				r.settings.Levels[companion] = Pin
				beside[companion] = source.ID
			}
		}
	}
	return beside
}

// apply adds one source's controls to the settings; beside is the source that it accompanies, if any.
func (r *resolution) apply(source Source, beside ID) {
	level := r.settings.Levels[source.ID]
	control := source.Control(level)
	if !control.Possible() {
		return
	}
	words, refused := r.environment(source.ID, level, control.Env)
	if len(refused) > 0 {
		r.settings.Levels[source.ID] = Inherit
		r.settings.Refused = append(r.settings.Refused, refused...)
		return
	}
	told := ProbeLevel{Level: level}
	if control.Value != nil {
		told.Value = control.Value(r.run)
		words = append(words, told.Value)
	}
	if control.Seed != nil {
		told.Seed = control.Seed(r.seed, r.run)
	}
	if told.Seed != 0 {
		words = append(words, fmt.Sprintf("seed %d", told.Seed))
	}
	words = append(words, r.launch(control)...)
	if control.Words != nil {
		words = []string{control.Words(r.run)}
	}
	if control.Probe {
		r.settings.Probe[source.ID] = told
	}
	if len(words) == 0 {
		words = append(words, control.Doc)
	}
	if beside != "" {
		words = append(words, fmt.Sprintf("needed beside %s", beside))
	}
	r.settings.Values[source.ID] = strings.Join(words, ", ")
}

// environment sets the variables of one control and returns them in words; it sets none where a value is refused.
func (r *resolution) environment(id ID, level Level, variables []Variable) (words []string, refused []*RefusedError) {
	env := map[string]string{}
	var kept []string
	for _, v := range variables {
		ours, users := v.Value(r.seed, r.run), r.users[v.Name]
		switch {
		case level != Pin:
			env[v.Name] = ours
		case users == "" && v.Fallback != "" && r.users[v.Fallback] != "":
			continue
		case users == "":
			env[v.Name] = ours
		case users == ours || v.Accepts != nil && v.Accepts(users):
			kept = append(kept, v.Name+"="+users)
			words = append(words, fmt.Sprintf("%s=%s (yours)", v.Name, users))
			continue
		default:
			merged, ok := v.merge(users, ours)
			if !ok {
				refused = append(refused, &RefusedError{Source: id, Name: v.Name, Value: users, Accepted: v.accepted(ours)})
				continue
			}
			env[v.Name] = merged
		}
		words = append(words, v.Name+"="+env[v.Name])
	}
	if len(refused) > 0 {
		return nil, refused
	}
	maps.Copy(r.settings.Env, env)
	r.settings.Kept = append(r.settings.Kept, kept...)
	return words, nil
}

func (v Variable) merge(users, ours string) (string, bool) {
	if v.Merge == nil {
		return "", false
	}
	return v.Merge(users, ours)
}

func (v Variable) accepted(ours string) string {
	if v.Accepted == "" {
		return ours
	}
	return v.Accepted
}

// launch applies the control's launcher settings and returns them in words.
func (r *resolution) launch(control Control) []string {
	var alone Launch
	if control.Launch != nil {
		control.Launch(&alone, r.seed, r.run)
		control.Launch(&r.settings.Launch, r.seed, r.run)
	}
	if control.Tree != nil {
		control.Tree(&r.settings.Launch, r.seed, r.run)
		r.settings.Launch.SparePython = !r.wholeTree
		if r.wholeTree {
			control.Tree(&alone, r.seed, r.run)
		}
	}
	return alone.words()
}

// words says what the launcher is asked for, beyond what the control's Value says.
func (l Launch) words() []string {
	var words []string
	say := func(asked bool, format string, values ...any) {
		if asked {
			words = append(words, fmt.Sprintf(format, values...))
		}
	}
	say(l.Entropy, "getrandom answered from seed %d", l.EntropySeed)
	say(l.DirOrder != "", "in every process")
	say(l.Clock, "in every process")
	say(l.NoASLR, "no address-space randomisation")
	say(l.FixedPIDs, "process ids from a fixed start")
	say(l.Hostname != "", "host name %s", l.Hostname)
	return words
}
