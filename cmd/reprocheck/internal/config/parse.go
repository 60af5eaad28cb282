package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/reprocheck/reprocheck/runner/metrics"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// maxProblems bounds how many problems are told at once.
const maxProblems = 20

// entry is one key of a mapping and the function that takes its value.
type entry struct {
	key  string
	take func(*yaml.Node) error
}

// parse reads the text of the file called path. It works on the document's nodes, which keep lines and are not expanded:
// an alias is a node like any other here, and fits no value.
func parse(path string, data []byte) (*File, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return &File{}, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, &Error{Path: path, Line: max(1, second.Line), Problem: "more than one document; keep the first"}
	}
	f := &File{}
	err := located(path, f.take(document.Content[0]))
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) take(root *yaml.Node) error {
	if root.ShortTag() == "!!null" {
		return nil
	}
	return mapping(root, []entry{
		{"command", func(n *yaml.Node) (err error) { f.Command, err = command(n); return }},
		{"runs", func(n *yaml.Node) (err error) { f.Runs, err = positive(n); return }},
		{"max-runs", func(n *yaml.Node) (err error) { f.MaxRuns, err = positive(n); return }},
		{"jobs", func(n *yaml.Node) (err error) { f.Jobs, err = positive(n); return }},
		{"seed", func(n *yaml.Node) error { return scalar(n, &f.Seed, "a whole number from 0 on", "!!int") }},
		{"pin", func(n *yaml.Node) (err error) { f.Pin, err = sources(n, seed.Pin); return }},
		{"vary", func(n *yaml.Node) (err error) { f.Vary, err = sources(n, seed.Vary); return }},
		{"diagnose", func(n *yaml.Node) error {
			f.Diagnose = new(bool)
			return scalar(n, f.Diagnose, "true or false", "!!bool")
		}},
		{"timeout", func(n *yaml.Node) (err error) { f.Timeout, err = duration(n); return }},
		{"store", func(n *yaml.Node) (err error) { f.Store, err = text(n); return }},
		{"isolate", func(n *yaml.Node) (err error) { f.Isolate, err = texts(n); return }},
		{"results", func(n *yaml.Node) (err error) { f.Results, err = texts(n); return }},
		{"rtol", func(n *yaml.Node) (err error) { f.RTol, err = tolerance(n); return }},
		{"atol", func(n *yaml.Node) (err error) { f.ATol, err = tolerance(n); return }},
		{"dtype-tolerances", func(n *yaml.Node) error { return scalar(n, &f.DTypeTolerances, "true or false", "!!bool") }},
		{"tolerance", func(n *yaml.Node) (err error) { f.Tolerances, err = tolerances(n); return }},
		{"metric-regex", func(n *yaml.Node) (err error) { f.MetricRegex, err = patterns(n); return }},
	})
}

// problems collects what is wrong, up to a bound.
type problems []error

func (p *problems) add(err error) {
	if err != nil && len(*p) < maxProblems {
		*p = append(*p, err)
	}
}

func (p problems) joined() error { return errors.Join(p...) }

// located completes problems with the file's name.
func located(path string, err error) error {
	var all problems
	for _, e := range flatten(err) {
		e.Path = path
		all.add(e)
	}
	return all.joined()
}

// flatten lists the problems in a tree of joined errors, all of which problem made.
func flatten(err error) []*Error {
	switch e := err.(type) {
	case *Error:
		return []*Error{e}
	case interface{ Unwrap() []error }:
		var all []*Error
		for _, inner := range e.Unwrap() {
			all = append(all, flatten(inner)...)
		}
		return all
	}
	return nil
}

func problem(n *yaml.Node, format string, values ...any) error {
	return &Error{Line: n.Line, Problem: fmt.Sprintf(format, values...)}
}

// expected says what belongs where n stands.
func expected(n *yaml.Node, want string) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return problem(n, "expected %s, found the alias *%s: write the value out", want, clip(n.Value))
	case n.Kind == yaml.MappingNode:
		return problem(n, "expected %s, found a mapping", want)
	case n.Kind == yaml.SequenceNode:
		return problem(n, "expected %s, found a list", want)
	case n.ShortTag() == "!!null":
		return problem(n, "expected %s, found nothing", want)
	}
	return problem(n, "expected %s, found %q", want, clip(n.Value))
}

// clip shortens a value for an error message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return s
}

// mapping takes the entries of a mapping; all problems are joined.
func mapping(n *yaml.Node, entries []entry) error {
	if n.Kind != yaml.MappingNode {
		return expected(n, "keys and values (key: value)")
	}
	take := map[string]func(*yaml.Node) error{}
	var known []string
	for _, e := range entries {
		take[e.key] = e.take
		known = append(known, e.key)
	}
	var found problems
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		first, again := lines[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || take[key.Value] == nil:
			found.add(unknownKey(key, known))
		case again:
			found.add(problem(key, "key %q was already given on line %d", clip(key.Value), first))
		default:
			lines[key.Value] = key.Line
			found.add(named(key.Value, take[key.Value](value)))
		}
	}
	return found.joined()
}

func unknownKey(key *yaml.Node, known []string) error {
	if key.Kind != yaml.ScalarNode {
		return expected(key, "a key")
	}
	if nearest := seed.Nearest(key.Value, known); nearest != "" {
		return problem(key, "unknown key %q (did you mean %q?)", clip(key.Value), nearest)
	}
	return problem(key, "unknown key %q; the keys are %s", clip(key.Value), strings.Join(known, ", "))
}

// named puts the key before the problems of its value.
func named(key string, err error) error {
	for _, e := range flatten(err) {
		e.Problem = clip(key) + ": " + e.Problem
	}
	return err
}

// scalar reads a scalar that has one of the tags.
func scalar(n *yaml.Node, into any, want string, tags ...string) error {
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.ShortTag()) || n.Decode(into) != nil {
		return expected(n, want)
	}
	return nil
}

func positive(n *yaml.Node) (int, error) {
	const want = "a whole number from 1 on"
	var v int
	if err := scalar(n, &v, want, "!!int"); err != nil {
		return 0, err
	}
	if v < 1 {
		return 0, expected(n, want)
	}
	return v, nil
}

// tolerance reads a number that is finite and not negative.
func tolerance(n *yaml.Node) (*float64, error) {
	const want = "a number from 0 on, such as 1e-6"
	var v float64
	if err := scalar(n, &v, want, "!!float", "!!int"); err != nil {
		return nil, err
	}
	if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, expected(n, want)
	}
	return &v, nil
}

func tolerances(n *yaml.Node) (map[string]record.Tolerance, error) {
	if n.Kind != yaml.MappingNode {
		return nil, expected(n, "metrics and their tolerances, such as val_loss: 1e-6")
	}
	read := map[string]record.Tolerance{}
	// The keys are the user's own names: each is known because it is there.
	var entries []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, expected(key, "the name of a metric")
		}
		entries = append(entries, entry{key.Value, func(v *yaml.Node) (err error) {
			read[key.Value], err = metricTolerance(v)
			return
		}})
	}
	return read, mapping(n, entries)
}

func metricTolerance(n *yaml.Node) (record.Tolerance, error) {
	var rtol, atol *float64
	var err error
	if n.Kind == yaml.MappingNode {
		err = mapping(n, []entry{
			{"rtol", func(v *yaml.Node) (err error) { rtol, err = tolerance(v); return }},
			{"atol", func(v *yaml.Node) (err error) { atol, err = tolerance(v); return }},
		})
	} else {
		atol, err = tolerance(n)
	}
	var t record.Tolerance
	if rtol != nil {
		t.RTol = *rtol
	}
	if atol != nil {
		t.ATol = *atol
	}
	return t, err
}

func duration(n *yaml.Node) (time.Duration, error) {
	const want = "a time with its unit, such as 90s or 2h"
	var s string
	if err := scalar(n, &s, want, "!!str"); err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, expected(n, want)
	}
	return d, nil
}

// text reads a scalar as it is written: 3 and true are words too.
func text(n *yaml.Node) (string, error) {
	plain := []string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp"}
	if n.Kind != yaml.ScalarNode || !slices.Contains(plain, n.ShortTag()) || n.Value == "" || strings.ContainsRune(n.Value, 0) {
		return "", expected(n, "a text")
	}
	return n.Value, nil
}

// texts reads a list of texts, or one text.
func texts(n *yaml.Node) ([]string, error) {
	if n.Kind != yaml.SequenceNode {
		one, err := text(n)
		if err != nil {
			return nil, expected(n, "a text or a list of texts")
		}
		return []string{one}, nil
	}
	var list []string
	var found problems
	for _, item := range n.Content {
		s, err := text(item)
		list = append(list, s)
		found.add(err)
	}
	return list, found.joined()
}

func command(n *yaml.Node) ([]string, error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return nil, expected(n, "a list of words, such as [python, train.py, --epochs, 2]")
	}
	var words []string
	var found problems
	for i, item := range n.Content {
		// An empty argument is an argument, once it is quoted; an empty program is none.
		if i > 0 && item.Kind == yaml.ScalarNode && item.ShortTag() == "!!str" && item.Value == "" {
			words = append(words, "")
			continue
		}
		s, err := text(item)
		words = append(words, s)
		found.add(err)
	}
	return words, found.joined()
}

func patterns(n *yaml.Node) ([]string, error) {
	return checked(n, func(pattern string) error {
		_, err := metrics.CompilePattern(pattern)
		return err
	})
}

// sources reads source ids for a level: a list of them, or one text as the option takes it.
func sources(n *yaml.Node, level seed.Level) ([]string, error) {
	return checked(n, func(ids string) error {
		_, err := seed.Parse(ids, level)
		return err
	})
}

// checked is texts with a check of each.
func checked(n *yaml.Node, check func(string) error) ([]string, error) {
	list, err := texts(n)
	if err != nil {
		return nil, err
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	var found problems
	for i, item := range items {
		if err := check(list[i]); err != nil {
			found.add(problem(item, "%v", err))
		}
	}
	return list, found.joined()
}
