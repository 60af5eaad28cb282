package lint

import (
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// estimatorEvidence tells whether all that a checkpoint holds is estimators of scikit-learn, within which everything lies that
// fitting goes on from.
type estimatorEvidence struct {
	seen, others bool
	file, name   string // the estimator whose members follow it
}

func (x *estimatorEvidence) see(file string, e *checkpoint.Entry) {
	switch {
	case x.seen && x.file == file && within(e.Name, x.name):
	case component.IsEstimator(e):
		x.seen, x.file, x.name = true, file, e.Name
	case e.Tensor() != nil:
		x.others = true
	}
}

// within reports whether a name is that of a member of a container.
func within(name, container string) bool {
	below, ok := strings.CutPrefix(name, container)
	return ok && (container == "" || below != "" && (below[0] == '.' || below[0] == '['))
}

func (x *estimatorEvidence) alone() bool { return x.seen && !x.others }
