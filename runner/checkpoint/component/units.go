package component

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Units tells whether the files of a directory are parts of one checkpoint, or checkpoints of their own: two files with
// a model and a state of the training each, or two directories, as checkpoint-500 and checkpoint-1000 are.
type Units struct {
	files map[string]bool
	dirs  map[string]*struct{ model, training bool }
}

var rankInName = regexp.MustCompile(`rank[_-]?\d+`)

// Add enters a file by its name below the directory.
func (u *Units) Add(name string, f *checkpoint.File, anatomy *Anatomy) {
	var model, training bool
	for i := range f.Entries {
		e := &f.Entries[i]
		switch id := anatomy.Of[i]; {
		case e.Structure || e.Type == "None":
		case id == Model:
			model = model || e.Tensor() != nil
		case id == Optimizer:
			training = training || IsOptimizerState(e)
		case id == Epoch || id == Step:
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

// Names returns the checkpoints of their own, one or none where all files make one.
func (u *Units) Names() []string {
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

// One is an error for a directory that holds several checkpoints.
func (u *Units) One(path string) error {
	if names := u.Names(); len(names) > 1 {
		return fmt.Errorf("%s holds %d checkpoints, to be looked at one by one: %s", path, len(names), shortList(names))
	}
	return nil
}

func shortList(names []string) string {
	const most = 5
	text := ""
	for i, n := range names {
		if i == most {
			return text + fmt.Sprintf(" and %d more", len(names)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += n
	}
	return text
}

// IsOptimizerState tells an optimizer's state_dict from a mere count or name of optimizers.
func IsOptimizerState(e *checkpoint.Entry) bool {
	return e.Tensor() != nil || strings.Contains(e.Name, "param_groups") && slices.Contains(Path(e.Name), "param_groups")
}
