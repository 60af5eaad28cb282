package lint

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	fit       fitEvidence
	ranks     rankEvidence
	batches   batchEvidence
	estimator estimatorEvidence
	cuda      bool   // tensors were saved from a GPU
	noGPU     string // where the states of all GPUs were saved, of which there were none
	wrapped   bool   // names have the prefix of DataParallel or DistributedDataParallel
	epochs    string // what shows that the training counts epochs
	position  bool   // a position within an epoch was saved
	schedule  int64  // the furthest last_epoch of a scheduler
	family    family // whose files these are: the first of those that are seen, and PyTorch where it wrote one
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
func (c *Checker) Add(ctx context.Context, name string, f *checkpoint.File, anatomy *component.Anatomy) error {
	c.files = append(c.files, name)
	c.layouts = append(c.layouts, anatomy.Layout)
	if of := familyOf(f.Format); of == pyTorch || c.family == "" {
		c.family = of
	}
	var path []string // of one entry after the other
	for i := range f.Entries {
		e := &f.Entries[i]
		id := anatomy.Of[i]
		path = component.AppendPath(path[:0], e.Name)
		if t := e.Tensor(); t != nil {
			c.cuda = c.cuda || strings.HasPrefix(t.Origin().Device, "cuda")
		}
		if id == component.Optimizer {
			if err := c.optimizer.see(e, path); err != nil {
				return fmt.Errorf("reading %q of %s: %w", checkpoint.Clip(e.Name, 80), name, err)
			}
		}
		c.fit.see(name, e, id, path)
		c.progress(e, id, path, name)
		c.estimator.see(name, e)
		c.ranks.see(e, id, path)
		if anatomy.Layout == "lightning" && c.batches.see(e, path) {
			continue
		}
		if _, ok := c.found[id]; !ok && isEvidence(id, e, path, f.Format) {
			c.found[id] = location(name, e.Name)
		}
	}
	c.ranks.file(name)
	for _, fact := range f.Facts {
		if fact.Key == "metadata.json" && strings.Contains(fact.Value, "keras_version") {
			c.found[component.Version] = name + ": metadata.json"
		}
	}
	c.prefixes(name, f, anatomy)
	for _, x := range f.Findings {
		if x.ID == "code-execution" {
			c.damage = append(c.damage, Damage{Rule: "CK107", File: name, Name: x.Name, Text: x.Text})
		}
	}
	if text := inspect.DeadStorage(f); text != "" {
		c.damage = append(c.damage, Damage{Rule: "CK106", File: name, Text: text})
	}
	return c.values(ctx, name, f, anatomy)
}

// progress notes what tells how far the training was, and by what it counts.
func (c *Checker) progress(e *checkpoint.Entry, id component.ID, path []string, file string) {
	if len(path) == 0 {
		return
	}
	last := path[len(path)-1]
	switch {
	case id == component.Scheduler && last == "last_epoch":
		if n, err := strconv.ParseInt(e.Text, 10, 64); err == nil {
			c.schedule = max(c.schedule, n)
		}
	case id == component.Sampler && !e.Structure && e.Type != "None" && isPosition(e, path) && !overall.MatchString(last):
		c.position = true
	case id == component.Config && strings.Contains(strings.ToLower(last), "epoch") && e.Kind == checkpoint.KindNumber:
		c.epochs = location(file, e.Name)
	case e.Structure && e.Text == "0" && strings.Contains(strings.ToLower(last), "cuda") && e.Type != "dict" && id != component.Config:
		c.noGPU = location(file, e.Name)
	}
}

func location(file, name string) string {
	if name == "" {
		return file
	}
	return file + ": " + name
}

// Document sums up what was found.
func (c *Checker) Document() *Document {
	d := &Document{Schema: SchemaVersion, Path: c.path, Files: c.files, Layout: c.layouts, Parts: []Part{}, Damage: slices.Clone(c.damage), GoodFor: []string{}, NotFor: []string{}}
	if misfit, ok := c.fit.judge(); ok {
		d.Damage = append(d.Damage, misfit)
	}
	if d.Damage == nil {
		d.Damage = []Damage{}
	}
	if c.family == "" && c.estimator.alone() {
		c.family = scikitLearn
	}
	_, keys := c.found[component.RNGJAX]
	if keys && c.family == "" {
		c.family = jax
	}
	missing, unclear := false, false
	for _, rule := range Rules() {
		if rule.ID >= "CK1" || rule.Component == component.RNGJAX && !keys && c.family != jax {
			continue
		}
		p := Part{Rule: rule.ID, Title: rule.Title}
		p.Status, p.Why = c.judge(rule)
		switch p.Status {
		case Missing:
			switch {
			case rule.Component == component.Config || rule.Component == component.Version:
				// The code that resumes has these two itself.
			case rule.Component == component.Epoch && c.countsSteps():
				unclear = true
			default:
				missing = true
			}
			p.Without, p.Fix = rule.worded(c.family)
			p.Hides = rule.Hides
		case CannotTell:
			unclear = true
			p.Without, p.Fix = rule.worded(c.family)
		}
		d.Parts = append(d.Parts, p)
	}
	fatal := slices.ContainsFunc(d.Damage, func(x Damage) bool { return x.Rule != "CK106" && x.Rule != "CK105" && x.Rule != "CK107" })
	switch {
	case missing || fatal:
		d.Resume = "no"
	case unclear:
		d.Resume = "cannot tell"
	default:
		d.Resume = "yes"
	}
	_, model := c.found[component.Model]
	if _, ok := c.found[component.EMA]; ok && !model && !fatal {
		d.GoodFor = append(d.GoodFor, "inference with the averaged weights")
	}
	if model && !fatal {
		d.GoodFor = append(d.GoodFor, "inference")
		if c.family != scikitLearn {
			d.GoodFor = append(d.GoodFor, "transfer learning")
		}
		switch {
		case c.family == scikitLearn: // fit() of most estimators begins anew
		case !c.optimizer.seen && c.family != boosting:
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

// epochInName is how examples of Accelerate name directories, and read the epoch from there.
var epochInName = regexp.MustCompile(`epoch[_=-]?\d`)

// overall are names of counts of samples since the training began, which say nothing of epochs.
var overall = regexp.MustCompile(`global|seen|consumed|processed|total`)

// countsSteps reports whether the training counts steps, and nothing shows that it counts epochs too: no number of epochs
// in its configuration, no position within one, and no scheduler that is stepped less often than the optimizer.
func (c *Checker) countsSteps() bool {
	_, step := c.found[component.Step]
	if slices.Contains(c.layouts, "accelerate") { // leaves it to its users, who name the folder by it
		step = step || c.optimizer.steps != ""
	}
	return step && !c.position && c.epochs == "" && (c.schedule == 0 || c.schedule >= c.optimizer.made)
}

// judge applies one rule about a part of the training. What is optional in a training cannot be told missing.
func (c *Checker) judge(rule Rule) (Status, string) {
	if where, ok := c.found[rule.Component]; ok && rule.Component != 0 {
		return Present, where
	}
	if slices.ContainsFunc(c.damage, func(x Damage) bool { return x.Rule == "CK101" }) {
		return CannotTell, "a file could not be read"
	}
	if status, why, ok := c.family.judge(rule.ID); ok {
		return status, why
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
		if c.family != "" && c.family != pyTorch {
			return CannotTell, "nothing shows whether the training scaled its loss"
		}
		return CannotTell, "nothing shows whether the training used a GradScaler"
	case "CK006":
		name := filepath.Base(c.path)
		switch {
		case epochInName.MatchString(name):
			return CannotTell, fmt.Sprintf("not in it; its name is %s, from which some programs read the epoch", name)
		case c.countsSteps():
			return Missing, "not found; the training counts steps, and may need none"
		}
	case "CK007":
		if c.optimizer.steps != "" {
			return CannotTell, "not by name; the optimizer counted its own steps in " + c.optimizer.steps
		}
	case "CK008":
		return CannotTell, "needed only if gradients are accumulated and the save was between two steps"
	case "CK009":
		if slices.Contains(c.layouts, "trainer") {
			return Present, "Trainer passes over the batches that global_step counts"
		}
		if c.batches.counted {
			return c.batches.judge()
		}
		return CannotTell, "needed only if the save was within an epoch"
	case "CK010", "CK011":
		return CannotTell, "nothing shows whether the training keeps one"
	case "CK014":
		if c.family != "" && c.family != pyTorch {
			return CannotTell, "not PyTorch's; needed only if PyTorch draws numbers too"
		}
	case "CK015":
		switch {
		case c.noGPU != "":
			return Present, c.noGPU + ": empty, there was no GPU"
		case c.cuda:
			return Missing, "tensors were saved from a GPU"
		}
		return CannotTell, "no tensor was saved from a GPU; needed only if one is used"
	case "CK019":
		return CannotTell, "needed only if the training splits a key as it goes; keys that are made of a seed and the step need none"
	case "CK016":
		return c.ranks.judge(c.wrapped)
	}
	return Missing, "not found"
}
