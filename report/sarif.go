package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"

	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner/record"
)

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID    string    `json:"id"`
	Short sarifText `json:"shortDescription"`
	Help  sarifText `json:"help"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	ExitCode      int                 `json:"exitCode"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
	// BaseID %SRCROOT% says that the URI is relative to the top of the sources.
	BaseID string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

// unexplained is the rule of a divergence for which no cause was found.
const unexplained = "diverged"

// SARIF writes the report in the Static Analysis Results Interchange Format 2.1.0 (OASIS), which code hosts show beside
// the code: one result for each cause, at its line. A divergence without a cause is one result, and a report without a
// verdict is an execution that did not succeed.
func SARIF(w io.Writer, d *Document) error {
	run := sarifRun{
		Tool:    sarifTool{sarifDriver{Name: "reprocheck", Version: terminal.Printable(d.Tool.Version), Rules: []sarifRule{}}},
		Results: []sarifResult{},
	}
	ruled := map[string]bool{}
	for _, c := range d.Causes {
		id := terminal.Printable(c.Source)
		if !ruled[id] {
			ruled[id] = true
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: id, Short: sarifText{terminal.Printable(c.Title)}, Help: sarifText{prose(c.Fix)}})
		}
		level := "error"
		if c.Proof == record.Suspected {
			level = "warning"
		}
		text := fmt.Sprintf("%s (%s). %s Fix: %s", terminal.Printable(c.Title), certainty(c.Proof), prose(c.Story), prose(c.Fix))
		run.Results = append(run.Results, sarifResult{RuleID: id, Level: level, Message: sarifText{text}, Locations: sarifLocations(c.File, c.Line)})
	}
	if f := d.FirstDivergence; d.Verdict == record.Diverged && len(d.Causes) == 0 {
		result := sarifResult{RuleID: unexplained, Level: "error", Message: sarifText{prose(d.Reason)}}
		if f != nil {
			result.Locations = sarifLocations(f.File, f.Line)
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: unexplained,
			Short: sarifText{"runs of the same command differ"}, Help: sarifText{"Run `reprocheck run` again with a larger --max-runs to find the cause."}})
		run.Results = append(run.Results, result)
	}
	exit := d.ExitCode()
	invocation := sarifInvocation{Successful: exit <= 1, ExitCode: exit}
	if exit > 1 {
		invocation.Notifications = []sarifNotification{{Level: "error", Message: sarifText{prose(d.Reason)}}}
	}
	run.Invocations = []sarifInvocation{invocation}

	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func sarifLocations(file string, line int) []sarifLocation {
	if file == "" {
		return nil
	}
	at := sarifPhysical{Artifact: sarifArtifact{URI: (&url.URL{Path: filepath.ToSlash(file)}).String(), BaseID: "%SRCROOT%"}}
	if filepath.IsAbs(file) {
		at.Artifact = sarifArtifact{URI: (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String()}
	}
	if line > 0 {
		at.Region = &sarifRegion{StartLine: line}
	}
	return []sarifLocation{{at}}
}
