package runner

import (
	"time"

	"github.com/reprocheck/reprocheck/runner/record"
)

// Observer is told how an audit proceeds. Its methods are called from several goroutines when runs go side by side.
type Observer interface {
	// AuditStarted says how many runs are planned at first; a diagnosis plans more.
	AuditStarted(runs int)
	RunStarted(run, experiment string)
	// RunProgress says how many optimizer steps, or lines with metrics, a run has shown.
	RunProgress(run string, step int64, elapsed time.Duration)
	RunFinished(run string, exit record.Exit, elapsed time.Duration)
	// Note says in a sentence what is done next and why.
	Note(text string)
}

// NopObserver tells nobody.
type NopObserver struct{}

func (NopObserver) AuditStarted(int)                               {}
func (NopObserver) RunStarted(string, string)                      {}
func (NopObserver) RunProgress(string, int64, time.Duration)       {}
func (NopObserver) RunFinished(string, record.Exit, time.Duration) {}
func (NopObserver) Note(string)                                    {}
