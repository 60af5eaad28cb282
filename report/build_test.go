package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/report"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

func TestBuildOrdersCausesByCertainty(t *testing.T) {
	a := &record.Audit{}
	for i, proof := range []record.Proof{record.Suspected, record.Proven, "hunch", record.Observed, record.Proven} {
		a.Causes = append(a.Causes, record.Cause{Source: seed.NumpyLegacy, Proof: proof, Line: i})
	}
	var lines []int
	for _, c := range report.Build(a, nil).Causes {
		lines = append(lines, c.Line)
	}
	if diff := cmp.Diff([]int{1, 4, 3, 0, 2}, lines); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestBuildGivesNoVerdictOnAFailedCommand(t *testing.T) {
	a := divergedOneCause()
	a.record.Failed = "as-shipped-2"
	a.runs[1].Exit = record.Exit{Code: 139, Signal: "SIGSEGV"}
	d := a.document()
	want := &report.Failure{Run: "as-shipped-2", ExitCode: 139, Signal: "SIGSEGV", Stderr: []string{}}
	if diff := cmp.Diff(want, d.Failed); diff != "" || d.Verdict != record.Inconclusive || d.ExitCode() != 3 {
		t.Errorf("verdict %s, exit status %d, failure (-want +got):\n%s", d.Verdict, d.ExitCode(), diff)
	}
}

func TestBuildMakesPathsRelative(t *testing.T) {
	for in, want := range map[string]string{
		"train.py":                      "train.py",
		"/home/ada/project/train.py":    "train.py",
		"/home/ada/project/a/b.py":      "a/b.py",
		"/home/ada/project2/train.py":   "/home/ada/project2/train.py",
		"/usr/lib/python3.11/random.py": "/usr/lib/python3.11/random.py",
		"/home/ada/project/..hidden":    "..hidden",
		"/home/ada":                     "/home/ada",
		"":                              "",
	} {
		a := &record.Audit{Dir: "/home/ada/project", FirstDivergence: &record.Divergence{File: in}, Causes: []record.Cause{{File: in}},
			Checklist: []record.ChecklistItem{{Source: seed.PythonHash, File: in}}, Sensitivities: []record.Sensitivity{{File: in}},
			Warnings: []record.Warning{{File: in}}}
		d := report.Build(a, nil)
		for part, got := range map[string]string{"divergence": d.FirstDivergence.File, "cause": d.Causes[0].File,
			"checklist": d.Checklist[0].File, "sensitivity": d.Sensitivities[0].File, "warning": d.Warnings[0].File} {
			if got != want {
				t.Errorf("%s of %q: %q, want %q", part, in, got, want)
			}
		}
		if a.FirstDivergence.File != in || a.Sensitivities[0].File != in {
			t.Error("Build changed the audit")
		}
	}
}

func TestBuildListsEverySource(t *testing.T) {
	d := divergedOneCause().document()
	sources := seed.All()
	if len(d.Checklist) != len(sources) {
		t.Fatalf("%d sources in the checklist, want %d", len(d.Checklist), len(sources))
	}
	for i, s := range sources {
		if item := d.Checklist[i]; item.Source != string(s.ID) || item.Title != s.Title || item.Expects != s.Checklist || item.Why == "" {
			t.Errorf("item %d is %+v", i, item)
		}
		if level := d.Experiments[1].Levels[string(s.ID)]; (level == "pin") != (s.ID == seed.NumpyLegacy) || level != "pin" && level != "inherit" {
			t.Errorf("pin:numpy-legacy has level %q for %s", level, s.ID)
		}
	}
}

// What the machine refused to a run is a limit of the verdict, each once.
func TestBuildCollectsTheLimitsOfRuns(t *testing.T) {
	a := reproducible()
	a.record.Limits = []string{"one machine"}
	for i, r := range a.runs {
		r.Isolation = record.Isolation{Kind: []string{"overlay", "copy", "copy"}[i], Limits: []string{"no private HOME"}}
		r.Refused = []string{"one machine", "no seccomp"}
		r.LeftRunning = []string{"python3", "sleep"}
	}
	d := a.document()
	left := "Processes that the command left running (python3, sleep) were ended after it: what they had not written by then is missing."
	if diff := cmp.Diff([]string{left, "one machine", "no private HOME", "no seccomp"}, d.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"overlay", "copy"}, d.Workspaces); diff != "" {
		t.Errorf("workspaces (-want +got):\n%s", diff)
	}
}

func TestBuildBoundsAndCountsLongLists(t *testing.T) {
	a := reproducible()
	for _, r := range a.runs {
		r.Metrics, r.Artifacts = nil, nil
		for i := range 1003 {
			r.Metrics = append(r.Metrics, record.Series{Name: fmt.Sprint("m", i), Points: []record.Point{{Value: 1}}, Dropped: 6})
			r.Artifacts = append(r.Artifacts, record.Artifact{Path: fmt.Sprint("f", i), SHA256: digest(i)})
		}
	}
	d := a.document()
	run := d.Runs[0]
	if len(run.Metrics) != 1000 || run.MoreMetrics != 3 || len(run.Artifacts) != 1000 || run.MoreArtifacts != 3 || len(d.Artifacts) != 1000 || d.MoreArtifacts != 3 {
		t.Errorf("%d metrics and %d more, %d artifacts and %d more, %d compared and %d more; want 1000 and 3 of each",
			len(run.Metrics), run.MoreMetrics, len(run.Artifacts), run.MoreArtifacts, len(d.Artifacts), d.MoreArtifacts)
	}
	if got := run.Metrics["m0"].Points; got != 7 {
		t.Errorf("%d points, want the 1 kept and the 6 dropped", got)
	}
}

func TestBuildKeepsMetricsOfOneNameApart(t *testing.T) {
	a := reproducible()
	a.runs[0].Metrics = []record.Series{
		{Name: "loss", Origin: "stdout", Points: []record.Point{{Value: 1}, {Value: 2}}},
		{Name: "loss", Origin: "history.json", Points: []record.Point{{Value: 3}}},
		{Name: "empty", Origin: "stdout"},
	}
	metrics := a.document().Runs[0].Metrics
	if len(metrics) != 3 || *metrics["loss"].Final != 2 || *metrics["loss (history.json)"].Final != 3 || metrics["empty"].Final != nil {
		t.Errorf("metrics are %+v", metrics)
	}
}

func TestBuildComparesFiles(t *testing.T) {
	versions := func(list ...record.Artifact) audit {
		a := reproducible()
		for i, r := range a.runs {
			r.Artifacts = nil
			if i < len(list) {
				list[i].Path = "model.pt"
				r.Artifacts = []record.Artifact{list[i]}
			}
		}
		return a
	}
	of := func(sha, content int) record.Artifact {
		return record.Artifact{SHA256: digest(sha), Content: digest(content)}
	}
	cut := versions(of(1, 1), of(1, 1))
	cut.runs[2].Truncated = "the divergence was seen"
	for name, c := range map[string]struct {
		audit audit
		want  []report.File
		text  string
	}{
		"equal":        {versions(of(1, 1), of(1, 1), of(1, 1)), []report.File{{Path: "model.pt", Runs: 3, Of: 3, Same: "bytes"}}, ""},
		"other bytes":  {versions(of(1, 1), of(2, 1), of(3, 1)), []report.File{{Path: "model.pt", Runs: 3, Of: 3, Same: "content"}}, "Files equal in content, not in bytes: model.pt"},
		"different":    {versions(of(1, 1), of(1, 1), of(2, 2)), []report.File{{Path: "model.pt", Runs: 3, Of: 3, Same: "nothing"}}, "Files that differ in what is not compared: model.pt"},
		"no content":   {versions(record.Artifact{SHA256: digest(1)}, record.Artifact{SHA256: digest(2)}, record.Artifact{SHA256: digest(3)}), []report.File{{Path: "model.pt", Runs: 3, Of: 3, Same: "nothing"}}, "Files that differ in what is not compared: model.pt"},
		"another link": {versions(record.Artifact{Link: "a"}, record.Artifact{Link: "b"}, record.Artifact{Link: "a"}), []report.File{{Path: "model.pt", Runs: 3, Of: 3, Same: "nothing"}}, "Files that differ in what is not compared: model.pt"},
		"missing":      {versions(of(1, 1), of(1, 1)), []report.File{{Path: "model.pt", Runs: 2, Of: 3, Same: "nothing"}}, "Files that differ in what is not compared: model.pt"},
		"one run cut":  {cut, []report.File{{Path: "model.pt", Runs: 2, Of: 2, Same: "bytes"}}, ""},
		"none":         {versions(), []report.File{}, ""},
	} {
		d := c.audit.document()
		if diff := cmp.Diff(c.want, d.Artifacts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		got := string(text(t, d, report.TextOptions{}))
		if c.text == "" && strings.Contains(got, "Files") || !strings.Contains(got, c.text) {
			t.Errorf("%s: the text should say %q:\n%s", name, c.text, got)
		}
	}
}

// TestBuildKeepsFilesThatDiffer looks for a file that differs behind thousands that do not.
// TestBuildComparesRenamedFiles takes the files in folders with random names for one, as the verdict does.
func TestBuildComparesRenamedFiles(t *testing.T) {
	a := reproducible()
	for i, r := range a.runs {
		folder := "runs/" + []string{"calm-sun", "hot-moon", "brisk-sea"}[i]
		r.Artifacts = []record.Artifact{{Path: folder + "/m.pt", SHA256: digest(1)}, {Path: folder + "/r.txt", SHA256: digest(i)}}
	}
	a.runs[2].Artifacts = append(a.runs[2].Artifacts, record.Artifact{Path: "alone", SHA256: digest(9)})
	want := []report.File{{Path: "alone", Runs: 1, Of: 3, Same: "nothing"}, {Path: "runs/calm-sun/m.pt", Runs: 3, Of: 3, Same: "bytes"},
		{Path: "runs/calm-sun/r.txt", Runs: 3, Of: 3, Same: "nothing"}}
	if diff := cmp.Diff(want, a.document().Artifacts); diff != "" {
		t.Error(diff)
	}
}

func TestBuildKeepsFilesThatDiffer(t *testing.T) {
	a := &record.Audit{Experiments: []record.Experiment{{Name: "as-shipped", Runs: []string{"as-shipped-1", "as-shipped-2"}}}}
	var runs []*record.Run
	for _, id := range a.Experiments[0].Runs {
		run := &record.Run{ID: id, Experiment: "as-shipped"}
		for i := range 3000 {
			run.Artifacts = append(run.Artifacts, record.Artifact{Path: fmt.Sprintf("data/%04d", i), SHA256: "equal"})
		}
		run.Artifacts = append(run.Artifacts, record.Artifact{Path: "model.pt", SHA256: "of " + id})
		runs = append(runs, run)
	}
	d := report.Build(a, runs)
	if n := len(d.Artifacts); n != 1000 || d.MoreArtifacts != 2001 {
		t.Errorf("%d files and %d more, want 1000 and 2001", n, d.MoreArtifacts)
	}
	if last := d.Artifacts[len(d.Artifacts)-1]; last.Path != "model.pt" || d.Artifacts[0].Path != "data/0000" {
		t.Errorf("the list goes from %s to %s, want to model.pt, which differs", d.Artifacts[0].Path, last.Path)
	}
}
