package lint

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// isEvidence reports whether a value shows that a part of the training was saved, and is not only its name, a setting or a
// seed: a configuration calls its sections like the parts that they configure.
func isEvidence(id component.ID, e *checkpoint.Entry, path []string, format string) bool {
	if e.Structure || e.Type == "None" {
		return false
	}
	t := e.Tensor()
	switch id {
	case component.Model:
		return t != nil || format == "xgboost" || format == "lightgbm"
	case component.EMA:
		return t != nil && !isSingle(t)
	case component.Optimizer:
		return component.IsOptimizerState(e)
	case component.Scheduler:
		return isSchedule(path)
	case component.Scaler:
		return e.Kind != checkpoint.KindString && e.Type != "bool" && isScale(path)
	case component.Sampler:
		return isPosition(e, path)
	case component.Version:
		return isFrameworkVersion(e, path)
	case component.Config: // Keras and Lightning write names of groups and arguments
		return len(path) == 0 || !strings.HasSuffix(path[len(path)-1], "name")
	}
	return true
}

func isSingle(t *checkpoint.Tensor) bool {
	n, err := checkpoint.Elements(t.Shape)
	return err == nil && n == 1
}

var (
	// moves are words of what schedulers count or keep, and not of how they are set up.
	moves = regexp.MustCompile(`(?i)(^|_)(last|count|counter|updates?|iteration|iter|it|cur|current|best|bad|num_steps|num_epochs_no_improve|steps?)(_|$)`)
	// setUp are words of what schedulers are set up with, though other words of it move.
	setUp = regexp.MustCompile(`(?i)warm|total|max|size|per|every|decay|milestone|mode|restart|cycle|min|start|end`)
)

// isSchedule reports whether a value within a scheduler says how far it is.
func isSchedule(path []string) bool {
	for _, key := range path {
		if moves.MatchString(key) && !setUp.MatchString(key) && !strings.Contains(strings.ToLower(key), "sched") {
			return true
		}
	}
	return false
}

var (
	scale    = regexp.MustCompile(`(?i)scale|growth_tracker|unskipped`)
	settings = regexp.MustCompile(`(?i)init|min|max|window|factor|interval|size|enabled`)
)

// isScale reports whether a value within a scaler of losses is its scale.
func isScale(path []string) bool {
	last := path[len(path)-1]
	return scale.MatchString(last) && !settings.MatchString(last)
}

// set are words of how samplers and loaders are set up.
var set = regexp.MustCompile(`(?i)(^|_)(size|sizes|workers?|replicas|rank|world|shuffle|seed|names?|types?|kind|total|len|length|drop|prefetch|factor|timeout|paths?|dirs?|version|pin|persistent|splits?|classes|class|labels?|columns?|format|weights?)(_|$)`)

// passed are words of counts of what a training has seen.
var passed = regexp.MustCompile(`(?i)seen|consumed|processed|yielded|fetched`)

// isPosition reports whether a value of a sampler or a loader can say how far it is.
func isPosition(e *checkpoint.Entry, path []string) bool {
	if e.Kind == checkpoint.KindString || e.Type == "bool" {
		return false
	}
	if len(path) == 0 || e.Kind == checkpoint.KindBytes {
		return true
	}
	last := path[len(path)-1]
	return !set.MatchString(last) || passed.MatchString(last)
}

var (
	dotted = regexp.MustCompile(`\d\.\d`)
	// others are words of versions of what is no framework.
	others = regexp.MustCompile(`(?i)(^|_)(model|api|schema|format|data|dataset|checkpoint|ckpt|config|git|sha|hash|commit)(_|$)`)
)

// isFrameworkVersion reports whether a value is the version of a library: a text with dots, or its numbers, as XGBoost
// writes them.
func isFrameworkVersion(e *checkpoint.Entry, path []string) bool {
	key := ""
	for _, key = range path {
		if others.MatchString(key) {
			return false
		}
	}
	if _, err := strconv.Atoi(key); err == nil {
		return e.Kind == checkpoint.KindNumber
	}
	switch e.Kind {
	case checkpoint.KindString:
		return dotted.MatchString(e.Text)
	case checkpoint.KindObject: // torch.__version__ is one
		return true
	case checkpoint.KindTensor:
		return !isSingle(e.Tensor()) || !strings.Contains(e.Type, "int") && !strings.HasPrefix(e.Type, "float")
	}
	return false
}
