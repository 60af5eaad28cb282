package trace

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/seed/probe"
)

// LocalDifference is a local value that two runs hold differently after the same line of the user's code.
type LocalDifference struct {
	Process string
	File    string
	Line    int
	Func    string
	Step    int64
	// Name is the variable, Values its short texts in the two runs; both are empty where the runs went different ways.
	Name   string
	Values [2]string
	// Order is the place in the expected run's trace of the process.
	Order int64
	// Clock is when it was written in the actual run, in nanoseconds of a clock that the run's processes share.
	Clock int64
	// Given says that it is an argument of a function that no line of the user's called: in a process that others feed, of a pool
	// or a DataLoader, that comes from them.
	Given bool
}

// Before reports whether a value was written before another of the same two runs.
func (d LocalDifference) Before(other LocalDifference) bool {
	if d.Process == other.Process {
		return d.Order < other.Order
	}
	return d.Clock < other.Clock
}

// Walked says that it is the order in which a line walked a set, no part of the set's value.
func (d LocalDifference) Walked() bool { return strings.HasPrefix(d.Name, "order of ") }

const maxDifferences = 2_000

// Zoom compares line-level traces in lockstep, in every process that both runs have, and lists the local values that differ,
// each at the first line of its process at which it does, in the order of execution. It ends for a process where the runs take
// different ways there, which is listed with an empty Name at the line that decides which, where one does.
func Zoom(expected, actual Source) ([]LocalDifference, error) {
	var found []LocalDifference
	theirs := actual.Processes()
	for _, process := range expected.Processes() {
		if !slices.Contains(theirs, process) {
			continue
		}
		differences, err := zoomProcess(expected, actual, process)
		if err != nil {
			return nil, fmt.Errorf("comparing the lines of %s: %w", process, err)
		}
		found = append(found, differences...)
	}
	inOrder(found)
	return found, nil
}

// inOrder sorts what is in the order of execution for each process by the clock that the processes share.
func inOrder(list []LocalDifference) {
	slices.SortStableFunc(list, func(a, b LocalDifference) int { return cmp.Compare(a.Clock, b.Clock) })
}

// arguments is the name of the difference that stands for the command line of a process, at no line.
const arguments = "argv"

func zoomProcess(expected, actual Source, process string) ([]LocalDifference, error) {
	keep := func(kind probe.Kind) bool {
		return kind == probe.KindLine || kind == probe.KindCall || kind == probe.KindProcess
	}
	a, err := openLane(expected, process, keep)
	if err != nil {
		return nil, err
	}
	defer a.close()
	b, err := openLane(actual, process, keep)
	if err != nil {
		return nil, err
	}
	defer b.close()
	type key struct {
		file, name string
		line       int64
	}
	known := map[key]bool{}
	var found []LocalDifference
	var before probe.Event // what both have written last
	var beforeOrder int64
	for len(found) < maxDifferences {
		ea, erra := a.next()
		eb, errb := b.next()
		if erra != nil || errb != nil {
			for _, err := range []error{erra, errb} {
				if err != nil && err != io.EOF {
					return nil, err
				}
			}
			return found, nil
		}
		if ea.Kind == probe.KindProcess && eb.Kind == probe.KindProcess {
			if !slices.Equal(ea.DetailStrings(arguments), eb.DetailStrings(arguments)) {
				found = append(found, LocalDifference{Process: process, Name: arguments, Order: a.order, Given: true})
			}
			continue
		}
		sameWay := ea.Kind == eb.Kind && ea.File == eb.File && ea.Line == eb.Line && ea.Func == eb.Func
		if !sameWay {
			at := placeOf(process, ea, a.order)
			if forks(before, ea, eb) {
				at = placeOf(process, before, beforeOrder)
			}
			at.Clock = eb.DetailInt("clock")
			return append(found, at), nil
		}
		before, beforeOrder = ea, a.order
		if ea.Value == eb.Value {
			continue
		}
		at := placeOf(process, ea, a.order)
		at.Clock = eb.DetailInt("clock")
		at.Given = ea.DetailBool("given")
		for _, d := range localsThatDiffer(ea.Variables(), eb.Variables()) {
			k := key{ea.File, d.Name, ea.Line}
			if known[k] {
				continue
			}
			known[k] = true
			at.Name, at.Values = d.Name, d.Values
			found = append(found, at)
		}
	}
	return found, nil
}

// forks reports whether a line decides which of two lines of its own function comes next, as an if does.
func forks(line, a, b probe.Event) bool {
	within := func(e probe.Event) bool {
		return e.Kind == probe.KindLine && e.File == line.File && e.Func == line.Func
	}
	return line.File != "" && within(line) && within(a) && within(b)
}

func placeOf(process string, e probe.Event, order int64) LocalDifference {
	return LocalDifference{Process: process, File: e.File, Line: int(e.Line), Func: e.Func, Step: e.Step, Order: order}
}

func localsThatDiffer(a, b []probe.Variable) []LocalDifference {
	theirs := map[string]probe.Variable{}
	for _, l := range b {
		theirs[l.Name] = l
	}
	var found []LocalDifference
	for _, l := range a {
		other, ok := theirs[l.Name]
		delete(theirs, l.Name)
		if !ok || other.Digest != l.Digest {
			found = append(found, LocalDifference{Name: l.Name, Values: [2]string{l.Text, other.Text}})
		}
	}
	for _, l := range b {
		if _, only := theirs[l.Name]; only {
			found = append(found, LocalDifference{Name: l.Name, Values: [2]string{"", l.Text}})
		}
	}
	return found
}

// Executed lists the lines of the user's code that a zoomed run executed, each once, in the order of their first execution.
func Executed(s Source) ([]LocalDifference, error) {
	type place struct {
		file string
		line int64
	}
	var lines []LocalDifference
	for _, process := range s.Processes() {
		known := map[place]bool{}
		err := each(s, process, func(order int64, e probe.Event) {
			p := place{e.File, e.Line}
			if e.Kind == probe.KindLine && !known[p] && len(lines) < maxSites {
				known[p] = true
				l := placeOf(process, e, order)
				l.Clock = e.DetailInt("clock")
				lines = append(lines, l)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	inOrder(lines)
	return lines, nil
}

// FirstValue is the first value that a line of the user's code was seen to give in a zoomed run and for which keep holds; both
// of its Values are the run's own.
func FirstValue(s Source, keep func(LocalDifference) bool) (LocalDifference, bool, error) {
	var firsts []LocalDifference
	for _, process := range s.Processes() {
		found := false
		err := each(s, process, func(order int64, e probe.Event) {
			if e.Kind != probe.KindLine || found {
				return
			}
			for _, v := range e.Variables() {
				l := placeOf(process, e, order)
				l.Name, l.Values = v.Name, [2]string{v.Text, v.Text}
				if keep(l) {
					l.Clock = e.DetailInt("clock")
					firsts, found = append(firsts, l), true
					return
				}
			}
		})
		if err != nil {
			return LocalDifference{}, false, err
		}
	}
	if len(firsts) == 0 {
		return LocalDifference{}, false, nil
	}
	inOrder(firsts)
	return firsts[0], true, nil
}

// Origin returns the first difference that is none of the noise: what also differs between two runs in which the
// source in question had the same value cannot come from that source. What a process other than the first does once it has been
// given something else is not its own doing, and the origin only where nothing else is.
func Origin(differences, noise []LocalDifference) (LocalDifference, bool) {
	type key struct {
		file, name string
		line       int
	}
	ignored := map[key]bool{}
	for _, d := range noise {
		ignored[key{d.File, d.Name, d.Line}] = true
	}
	fed := map[string]bool{}
	var fallback *LocalDifference
	for _, d := range differences {
		if ignored[key{d.File, d.Name, d.Line}] {
			continue
		}
		if d.Given && d.Process != "main" {
			fed[d.Process] = true
		}
		if !fed[d.Process] && d.File != "" {
			return d, true
		}
		if fallback == nil && d.File != "" {
			fallback = &d
		}
	}
	if fallback == nil {
		return LocalDifference{}, false
	}
	return *fallback, true
}
