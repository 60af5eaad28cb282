package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
	"github.com/reprocheck/reprocheck/runner/record"
)

// maskedOrigin is the place of a series without what differs between runs in the names of files.
func maskedOrigin(origin string) string {
	if origin == "stdout" {
		return origin
	}
	return volatile.MaskPath(origin)
}

// warnings says what a user should know about an otherwise ordinary result.
func warnings(r *Result) []record.Warning {
	var out []record.Warning
	metrics, artifacts := Equal, Equal
	for _, m := range r.Metrics {
		metrics = worse(metrics, m.Class.verdict())
		if m.Class == Equal && m.Detail != "" {
			out = append(out, record.Warning{ID: "metric-steps", Text: fmt.Sprintf("%s was %s", m.Name, m.Detail)})
		}
	}
	for _, a := range r.Artifacts {
		artifacts = worse(artifacts, a.Class.verdict())
		// A text that begins as JSON does may be lines of JSON, or something else.
		if a.Class == Equal && a.Unread != "" && !strings.HasPrefix(a.Unread, "json: ") && !warned(out, "unreadable-file") {
			out = append(out, record.Warning{ID: "unreadable-file",
				Text: fmt.Sprintf("%s is the same in every byte, and its content could not be read: %s", a.name(), a.Unread)})
		}
	}
	if metrics == Equal && artifacts != Different && r.Output == Different && len(r.Metrics)+len(r.Artifacts) > 0 {
		out = append(out, record.Warning{ID: "output-differs",
			Text: "standard output differs in words, although every metric and every file is equal; times and identifiers were left out"})
	}
	if metrics == Equal && artifacts == Different && len(r.Metrics) > 0 {
		a := r.FirstArtifact()
		out = append(out, record.Warning{ID: "equal-metrics-unequal-artifacts",
			Text: fmt.Sprintf("every printed metric is equal, and %s is not: the runs differ by less than the digits printed, or in what is not printed", a.name())})
	}
	return out
}

func warned(list []record.Warning, id string) bool {
	return slices.ContainsFunc(list, func(w record.Warning) bool { return w.ID == id })
}

func (a *ArtifactDiff) name() string {
	if a.Path != "" {
		return a.Path
	}
	return a.ActualPath
}
