package trace

import (
	"io"

	"github.com/reprocheck/reprocheck/seed/probe"
)

// LocalDifference is a local value that two runs hold differently after the same line of the user's code.
type LocalDifference struct {
	File string
	Line int
	Func string
	Step int64
	// Name is the variable, Values its short texts in the two runs; both are empty where the runs went different ways.
	Name   string
	Values [2]string
	// Order is the place in the expected run's trace.
	Order int64
}

const maxDifferences = 2_000

// Zoom compares line-level traces of the main process in lockstep and lists the local values that differ, each at
// the first line at which it does, in the order of execution. It ends where the runs take different ways, which is
// listed last with an empty Name.
func Zoom(expected, actual Source) ([]LocalDifference, error) {
	keep := func(kind probe.Kind) bool { return kind == probe.KindLine || kind == probe.KindCall }
	a, err := openLane(expected, "main", keep)
	if err != nil {
		return nil, err
	}
	defer a.close()
	b, err := openLane(actual, "main", keep)
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
		if ea.Kind != eb.Kind || ea.File != eb.File || ea.Line != eb.Line {
			return append(found, LocalDifference{File: ea.File, Line: int(ea.Line), Func: ea.Func, Step: ea.Step, Order: a.order}), nil
		}
		if ea.Value == eb.Value {
			continue
		}
		for _, d := range localsThatDiffer(ea.Variables(), eb.Variables()) {
			k := key{ea.File, d.Name, ea.Line}
			if known[k] {
				continue
			}
			known[k] = true
			d.File, d.Line, d.Func, d.Step, d.Order = ea.File, int(ea.Line), ea.Func, ea.Step, a.order
			found = append(found, d)
		}
	}
	return found, nil
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

// Executed lists the lines of the user's code that a zoomed run executed in its main process, each once, in the order
// of their first execution.
func Executed(s Source) ([]LocalDifference, error) {
	type place struct {
		file string
		line int64
	}
	known := map[place]bool{}
	var lines []LocalDifference
	err := each(s, "main", func(order int64, e probe.Event) {
		p := place{e.File, e.Line}
		if e.Kind == probe.KindLine && !known[p] && len(known) < maxSites {
			known[p] = true
			lines = append(lines, LocalDifference{File: e.File, Line: int(e.Line), Func: e.Func, Step: e.Step, Order: order})
		}
	})
	return lines, err
}

// FirstValue is the first value that a line of the user's code was seen to give in a zoomed run's main process and for which
// keep holds; both of its Values are the run's own.
func FirstValue(s Source, keep func(LocalDifference) bool) (LocalDifference, bool, error) {
	var first *LocalDifference
	err := each(s, "main", func(order int64, e probe.Event) {
		if e.Kind != probe.KindLine || first != nil {
			return
		}
		for _, v := range e.Variables() {
			l := LocalDifference{File: e.File, Line: int(e.Line), Func: e.Func, Step: e.Step, Name: v.Name, Values: [2]string{v.Text, v.Text}, Order: order}
			if keep(l) {
				first = &l
				return
			}
		}
	})
	if err != nil || first == nil {
		return LocalDifference{}, false, err
	}
	return *first, true, nil
}

// Origin returns the first difference that is none of the noise: what also differs between two runs in which the
// source in question had the same value cannot come from that source.
func Origin(differences, noise []LocalDifference) (LocalDifference, bool) {
	type key struct {
		file, name string
		line       int
	}
	ignored := map[key]bool{}
	for _, d := range noise {
		ignored[key{d.File, d.Name, d.Line}] = true
	}
	for _, d := range differences {
		if !ignored[key{d.File, d.Name, d.Line}] {
			return d, true
		}
	}
	return LocalDifference{}, false
}
