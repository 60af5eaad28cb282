// Package kerascode tells what a model's configuration makes Keras run when it loads the model: the functions of Lambda layers, whose
// code is in the file, and what it names of other modules.
package kerascode

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

const (
	// maxDepth bounds nested objects, maxNames what is told of one configuration.
	maxDepth = 10_000
	maxNames = 64
)

// object is one that is being read: {"module": ..., "class_name": ..., "config": ...} of Keras 3, without a module before that.
type object struct {
	list   bool
	key    string
	atKey  bool
	fields map[string]string
}

// Findings returns what is to be told of a configuration, which is JSON; what is none is not looked at further.
func Findings(name, config string) (found []checkpoint.Finding) {
	d := json.NewDecoder(strings.NewReader(config))
	d.UseNumber()
	var open []object
	var seen []string
	for len(open) < maxDepth && len(seen) < maxNames {
		token, err := d.Token()
		if err != nil {
			break
		}
		var top *object
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		switch t := token.(type) {
		case string:
			if top != nil && top.atKey {
				top.key, top.atKey = t, false
				continue
			}
			if top != nil && !top.list && (top.key == "module" || top.key == "class_name" || top.key == "config") {
				top.fields[top.key] = t
			}
		case json.Delim:
			switch t {
			case '{', '[':
				open = append(open, object{list: t == '[', atKey: t == '{', fields: map[string]string{}})
				continue
			}
			if g, ok := runs(top.fields); ok && !slices.Contains(seen, g) {
				seen = append(seen, g)
				found = append(found, pyobject.RunsCode(name, g))
			}
			open = open[:len(open)-1]
			if top = nil; len(open) > 0 {
				top = &open[len(open)-1]
			}
		}
		if top != nil && !top.list {
			top.atKey = true
		}
	}
	return found
}

// runs names what an object of the configuration stands for, where that can run code.
func runs(fields map[string]string) (string, bool) {
	module, class := fields["module"], fields["class_name"]
	switch {
	case class == "__lambda__":
		return "a lambda", true
	case class == "function":
		class = fields["config"]
	case module == "":
		module = "keras.layers"
	}
	g := pickle.Global{Module: module, Name: class}
	return g.String(), class != "" && pyobject.CanRun(g)
}
