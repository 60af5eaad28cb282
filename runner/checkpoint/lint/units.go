package lint

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// units tells whether the files of a directory are parts of one checkpoint, or checkpoints of their own: two files with
// a model and a state of the training each, or two directories, as checkpoint-500 and checkpoint-1000 are.
type units struct {
	files map[string]bool
	dirs  map[string]*struct{ model, training bool }
}

var rankInName = regexp.MustCompile(`rank[_-]?\d+`)

func (u *units) add(name string, f *checkpoint.File) {
	var model, training bool
	anatomy := component.Classify(f)
	for i := range f.Entries {
		e := &f.Entries[i]
		switch id := anatomy.Of[i]; {
		case e.Structure || e.Type == "None":
		case id == component.Model:
			model = model || e.Tensor() != nil
		case id == component.Optimizer:
			training = training || isOptimizerState(e)
		case id == component.Epoch || id == component.Step:
			training = true
		}
	}
	if u.files == nil {
		u.files, u.dirs = map[string]bool{}, map[string]*struct{ model, training bool }{}
	}
	if model && training {
		u.files[rankInName.ReplaceAllString(name, "rank")] = true
	}
	if dir, _, ok := strings.Cut(name, "/"); ok {
		d := u.dirs[dir]
		if d == nil {
			d = &struct{ model, training bool }{}
			u.dirs[dir] = d
		}
		d.model, d.training = d.model || model, d.training || training
	}
}

// names returns the checkpoints of their own, one or none where all files make one.
func (u *units) names() []string {
	if len(u.files) > 1 {
		return slices.Sorted(maps.Keys(u.files))
	}
	var names []string
	for name, d := range u.dirs {
		if d.model && d.training {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
