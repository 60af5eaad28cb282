package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

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
		{"rtol", func(n *yaml.Node) (err error) { f.RTol, err = tolerance(n); return }},
		{"atol", func(n *yaml.Node) (err error) { f.ATol, err = tolerance(n); return }},
		{"dtype-tolerances", func(n *yaml.Node) error { return scalar(n, &f.DTypeTolerances, "true or false", "!!bool") }},
		{"tolerance", func(n *yaml.Node) (err error) { f.Tolerances, err = tolerances(n); return }},
		{"metric-regex", func(n *yaml.Node) (err error) { f.MetricRegex, err = patterns(n); return }},
	})
}

// located completes problems with the file's name and bounds their number.
func located(path string, err error) error {
	var problems []error
	for _, e := range flatten(err) {
		if p, ok := e.(*Error); ok {
			p.Path = path
		}
		problems = append(problems, e)
	}
	if rest := len(problems) - maxProblems; rest > 0 {
		problems = append(problems[:maxProblems], fmt.Errorf("%s: and %d more problems", path, rest))
	}
	return errors.Join(problems...)
}

func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
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
	var known []string
	for _, e := range entries {
		known = append(known, e.key)
	}
	var problems []error
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := slices.Index(known, key.Value)
		first, again := lines[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || at < 0:
			problems = append(problems, unknownKey(key, known))
		case again:
			problems = append(problems, problem(key, "key %q was already given on line %d", key.Value, first))
		default:
			lines[key.Value] = key.Line
			if err := entries[at].take(value); err != nil {
				problems = append(problems, named(key.Value, err))
			}
		}
	}
	return errors.Join(problems...)
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
		if p, ok := e.(*Error); ok {
			p.Problem = key + ": " + p.Problem
		}
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
	var problems []error
	for _, item := range n.Content {
		s, err := text(item)
		list, problems = append(list, s), append(problems, err)
	}
	return list, errors.Join(problems...)
}

func command(n *yaml.Node) ([]string, error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return nil, expected(n, "a list of words, such as [python, train.py, --epochs, 2]")
	}
	var words []string
	var problems []error
	for _, item := range n.Content {
		// An empty word is an argument like any other, once it is quoted.
		if item.Kind == yaml.ScalarNode && item.ShortTag() == "!!str" && item.Value == "" {
			words = append(words, "")
			continue
		}
		s, err := text(item)
		words, problems = append(words, s), append(problems, err)
	}
	if words[0] == "" && errors.Join(problems...) == nil {
		problems = append(problems, expected(n.Content[0], "the program to run"))
	}
	return words, errors.Join(problems...)
}

func patterns(n *yaml.Node) ([]string, error) {
	list, err := texts(n)
	if err != nil {
		return nil, err
	}
	items := n.Content
	if n.Kind != yaml.SequenceNode {
		items = []*yaml.Node{n}
	}
	var problems []error
	for i, pattern := range list {
		if _, err := regexp.Compile(pattern); err != nil {
			problems = append(problems, problem(items[i], "%v", err))
		}
	}
	return list, errors.Join(problems...)
}

// sources reads source ids for a level: a list of them, or one text as the option takes it.
func sources(n *yaml.Node, level seed.Level) ([]string, error) {
	list, err := texts(n)
	if err != nil {
		return nil, err
	}
	if _, err := seed.Parse(strings.Join(list, ","), level); err != nil {
		return nil, problem(n, "%v", err)
	}
	return list, nil
}
