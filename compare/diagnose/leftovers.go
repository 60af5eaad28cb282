package diagnose

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// leftovers makes one more run where runs that agree left files in HOME or below the temporary directory. Each of them
// began without those files; the user's own next run would find them.
//
// Where that changes results, files in a directory that was there before are the cause of a divergence. HOME and what is
// made in the temporary directory itself are each run's own, so that runs agree in spite of them is true, and worth a warning.
func (c *inquiry) leftovers(ctx context.Context) error {
	asked := slices.Contains(c.audit.Settings.Vary, seed.ExternalState)
	agreed := c.plain == record.Reproducible || c.plain == record.WithinTolerance
	if len(c.shipped) < 2 || !agreed || !asked && !c.audit.Settings.Diagnose {
		return nil
	}
	left := c.leftBehind()
	if len(left.paths) == 0 {
		if asked {
			c.audit.Sensitivities = append(c.audit.Sensitivities, record.Sensitivity{Source: seed.ExternalState, Values: []string{"no run leaves files outside the project"}})
		}
		return nil
	}
	c.lab.Note("The command left " + some(left.paths) + ". Seeing whether a run that finds it gives the same result.")
	found, d, err := c.against(ctx, c.shipped[0], plan.Varied(c.base, seed.ExternalState))
	if err != nil {
		return err
	}
	name := found.run.Experiment
	changed := c.verdict(d) == record.Diverged
	file, line := "", 0
	if changed {
		file, line = where(left.site)
	}
	c.audit.Sensitivities = append(c.audit.Sensitivities, record.Sensitivity{Source: seed.ExternalState, Changed: changed, File: file, Line: line,
		Values: []string{"as before the first run", found.run.Values[seed.ExternalState]}})
	if !changed {
		c.setExperiment(name, record.Reproducible, "a run that finds what another left agrees")
		return nil
	}
	c.setExperiment(name, record.Diverged, "a run that finds what another left differs")
	who := "The command"
	if left.site != nil {
		who = at(left.site)
	}
	story := fmt.Sprintf("%s leaves %s, and a run that finds it gives another result than one that does not.", who, some(left.paths))
	if !left.kept {
		c.audit.Warnings = append(c.audit.Warnings, record.Warning{ID: "depends-on-leftovers", File: file, Line: line,
			Text: story + " Each run here began without it; the next one outside reprocheck will not."})
		return nil
	}
	c.causes = append(c.causes, conviction{suspicion: &suspicion{source: seed.ExternalState, strength: entered, site: left.site, story: story},
		proof: record.Proven, evidence: []string{
			fmt.Sprintf("with external-state as before the first run, %d runs agree (%s)", len(c.shipped), c.base.Name),
			fmt.Sprintf("with external-state as a run leaves it, a run differs (%s)", name)}})
	if c.audit.Verdict != record.Diverged {
		c.audit.Verdict, c.audit.FirstDivergence = record.Diverged, d.first()
		c.audit.Reason = "runs that begin alike agree, and one that finds what another left outside the project differs"
	}
	return nil
}

// leftBehind is what every shipped run left outside the project under the same path.
type leftBehind struct {
	paths []string
	kept  bool        // some of it in a directory that was there before
	site  *trace.Seen // the line that first opened it, nil where that is not known
}

// leftBehind leaves out what lies in hidden directories, such as those of caches, unless a line of the user's opened it:
// most of that is made by an import.
func (c *inquiry) leftBehind() (left leftBehind) {
	opened := map[string]*trace.Seen{}
	for _, s := range c.shipped[0].summary.Sites {
		path := s.First.DetailString("path")
		if s.Kind == probe.KindOpen && s.File != "" && opened[path] == nil && !s.First.DetailBool("importing") {
			opened[path] = s
		}
	}
	for _, file := range c.shipped[0].run.Left {
		everywhere := !slices.ContainsFunc(c.shipped[1:], func(o *observation) bool {
			_, found := slices.BinarySearchFunc(o.run.Left, file, func(a, b record.Leftover) int { return cmp.Compare(a.Path, b.Path) })
			return !found
		})
		s := opened[file.Path]
		if !everywhere || s == nil && !file.Kept && hidden(file.Path) {
			continue
		}
		left.paths = append(left.paths, file.Path)
		left.kept = left.kept || file.Kept
		if s != nil && (left.site == nil || s.Order < left.site.Order) {
			left.site = s
		}
	}
	return left
}

// hidden reports whether a file lies in a directory whose name begins with a dot.
func hidden(path string) bool { return strings.Contains(filepath.Dir(path)+"/", "/.") }

// uncompared lists the files that every shipped run left outside the project, and that nothing has compared.
func (c *inquiry) uncompared() []string {
	if c.lab == nil || len(c.shipped) == 0 {
		return nil
	}
	return slices.DeleteFunc(c.leftBehind().paths, func(path string) bool {
		return slices.ContainsFunc(c.shipped[0].run.Artifacts, func(a record.Artifact) bool { return a.Path == path })
	})
}

// writtenElsewhere says, of a command that left nothing to compare, what it wrote where nothing is compared, and what to do.
func (c *inquiry) writtenElsewhere() string {
	files := c.uncompared()
	if len(c.shipped) > 0 {
		files = append(files, c.shipped[0].run.Outside...)
	}
	if len(files) == 0 {
		return ""
	}
	return fmt.Sprintf(". It wrote outside its directory, where files are not compared: %s; with --results %s they are", some(files), filepath.Dir(files[0]))
}
