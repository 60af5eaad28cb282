package lint

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
	"github.com/reprocheck/reprocheck/runner/checkpoint/inspect"
)

// SchemaVersion names the JSON form of a Document.
const SchemaVersion = "reprocheck.checkpoint-lint/v1"

// Status says whether a part of the training is in the checkpoint.
type Status string

const (
	Present    Status = "present"
	Missing    Status = "missing"
	CannotTell Status = "cannot tell"
)

// Document is the result for one checkpoint, a file or a directory.
type Document struct {
	Schema string   `json:"schema"`
	Path   string   `json:"path"`
	Files  []string `json:"files"`
	Layout []string `json:"layouts"`
	// Resume says whether an exact resume is possible: "yes", "no" or "cannot tell".
	Resume string `json:"resume"`
	// GoodFor says what the checkpoint suffices for, and NotFor what not.
	GoodFor []string `json:"good_for"`
	NotFor  []string `json:"not_good_for"`
	Parts   []Part   `json:"parts"`
	Damage  []Damage `json:"damage"`
}

// Part is one part of a training.
type Part struct {
	Rule   string `json:"rule"`
	Title  string `json:"title"`
	Status Status `json:"status"`
	// Why is where it was found, or why nothing can be said.
	Why string `json:"why"`
	// Without and Hides are set for what is missing.
	Without string `json:"without,omitempty"`
	Hides   string `json:"hides,omitempty"`
	Fix     string `json:"fix,omitempty"`
}

// Damage is a fault of what is there.
type Damage struct {
	Rule string `json:"rule"`
	File string `json:"file"`
	Name string `json:"name,omitempty"`
	Text string `json:"text"`
}

// Checker gathers evidence from the files of one checkpoint.
type Checker struct {
	path    string
	files   []string
	layouts []string
	damage  []Damage
	found   map[component.ID]string // where each component was seen first

	optimizer optimizerEvidence
	cuda      bool // tensors were saved from a GPU
	wrapped   bool // names have the prefix of DistributedDataParallel
	rankFiles int  // files that hold the random states of one rank each
}

// NewChecker returns a Checker for the checkpoint at path.
func NewChecker(path string) *Checker {
	return &Checker{path: path, found: map[component.ID]string{}}
}

// AddUnreadable enters a file that could not be opened as a checkpoint.
func (c *Checker) AddUnreadable(name string, err error) {
	c.files = append(c.files, name)
	c.damage = append(c.damage, Damage{Rule: "CK101", File: name, Text: err.Error()})
}

// Add enters one file, and reads its floating-point values and checksums.
func (c *Checker) Add(ctx context.Context, name string, f *checkpoint.File) error {
	c.files = append(c.files, name)
	anatomy := component.Classify(f)
	c.layouts = append(c.layouts, anatomy.Layout)
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Structure && anatomy.Of[i] != component.Optimizer {
			continue
		}
		if _, ok := c.found[anatomy.Of[i]]; !ok && !e.Structure {
			c.found[anatomy.Of[i]] = location(name, e.Name)
		}
		if t := e.Tensor(); t != nil {
			c.cuda = c.cuda || strings.HasPrefix(t.Device, "cuda")
		}
		if anatomy.Of[i] == component.Optimizer {
			c.optimizer.see(e)
		}
	}
	if isRankFile(name) {
		c.rankFiles++
	}
	for _, fact := range f.Facts {
		if strings.HasPrefix(fact.Key, "class transformers.training_args") {
			c.found[component.Config] = name
		}
	}
	c.prefixes(name, f, anatomy)
	c.moments(name, f, anatomy)
	for _, x := range f.Findings {
		if x.ID == "code-execution" {
			c.damage = append(c.damage, Damage{Rule: "CK107", File: name, Name: x.Name, Text: x.Text})
		}
	}
	for _, x := range inspect.Describe(f, name, 0).Findings {
		if x.ID == "dead-storage" {
			c.damage = append(c.damage, Damage{Rule: "CK106", File: name, Text: x.Text})
		}
	}
	return c.values(ctx, name, f)
}

func location(file, name string) string {
	if name == "" {
		return file
	}
	return file + ": " + name
}

// isRankFile knows the names under which Trainer and Accelerate save the random states of each rank.
func isRankFile(name string) bool {
	return strings.Contains(name, "rng_state_") || strings.Contains(name, "random_states_")
}

// Document sums up what was found.
func (c *Checker) Document() *Document {
	d := &Document{Schema: SchemaVersion, Path: c.path, Files: c.files, Layout: c.layouts, Parts: []Part{}, Damage: c.damage, GoodFor: []string{}, NotFor: []string{}}
	if d.Damage == nil {
		d.Damage = []Damage{}
	}
	missing, unclear := false, false
	for _, rule := range Rules() {
		if rule.ID >= "CK1" {
			continue
		}
		p := Part{Rule: rule.ID, Title: rule.Title}
		p.Status, p.Why = c.judge(rule)
		switch p.Status {
		case Missing:
			// The code that resumes has these two itself.
			missing = missing || rule.Component != component.Config && rule.Component != component.Version
			p.Without, p.Hides, p.Fix = rule.Without, rule.Hides, rule.Fix
		case CannotTell:
			unclear = true
			p.Without, p.Fix = rule.Without, rule.Fix
		}
		d.Parts = append(d.Parts, p)
	}
	fatal := slices.ContainsFunc(d.Damage, func(x Damage) bool { return x.Rule != "CK106" && x.Rule != "CK105" })
	switch {
	case missing || fatal:
		d.Resume = "no"
	case unclear:
		d.Resume = "cannot tell"
	default:
		d.Resume = "yes"
	}
	if _, ok := c.found[component.Model]; ok && !fatal {
		d.GoodFor = append(d.GoodFor, "inference", "transfer learning")
		switch {
		case !c.optimizer.seen:
			d.NotFor = append(d.NotFor, "resuming the training")
		case missing:
			d.GoodFor = append(d.GoodFor, "continuing the training")
			d.NotFor = append(d.NotFor, "resuming as if it had never stopped")
		default:
			d.GoodFor = append(d.GoodFor, "continuing the training")
		}
	}
	return d
}

// judge applies one rule about a part of the training. What is optional in a training cannot be told missing.
func (c *Checker) judge(rule Rule) (Status, string) {
	if where, ok := c.found[rule.Component]; ok && rule.Component != "" {
		return Present, where
	}
	if slices.ContainsFunc(c.damage, func(x Damage) bool { return x.Rule == "CK101" }) {
		return CannotTell, "a file could not be read"
	}
	switch rule.ID {
	case "CK003":
		return c.optimizer.moments()
	case "CK004":
		if c.optimizer.initialRate {
			return Missing, "the optimizer's param_groups have initial_lr, which a scheduler sets"
		}
		return CannotTell, "nothing shows whether the training had a scheduler"
	case "CK005":
		return CannotTell, "nothing shows whether the training used a GradScaler"
	case "CK007":
		if c.optimizer.steps != "" {
			return CannotTell, "not by name; the optimizer counted its own steps in " + c.optimizer.steps
		}
	case "CK008":
		return CannotTell, "needed only if gradients are accumulated and the save was between two steps"
	case "CK009":
		return CannotTell, "needed only if the save was within an epoch"
	case "CK010", "CK011":
		return CannotTell, "nothing shows whether the training keeps one"
	case "CK015":
		if !c.cuda {
			return CannotTell, "no tensor was saved from a GPU; needed only if one is used"
		}
		return Missing, "tensors were saved from a GPU"
	case "CK016":
		switch {
		case c.rankFiles > 1:
			return Present, fmt.Sprintf("%d files of random states", c.rankFiles)
		case c.wrapped:
			return Missing, "the model was wrapped by DistributedDataParallel, and there is at most one set of random states"
		}
		return CannotTell, "needed only with more than one rank"
	}
	return Missing, "not found"
}
