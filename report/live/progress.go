package live

import (
	"fmt"
	"strings"
	"time"

	"github.com/reprocheck/reprocheck/report/terminal"
)

// progress is what is known of an audit that is under way.
type progress struct {
	planned  int // runs that are known to be wanted; a diagnosis adds to them as it goes
	started  int
	finished int
	spent    time.Duration // by the finished runs, together
	running  map[string]*running
}

type running struct {
	number     int // 1-based, in the order of starting
	experiment string
	step       int64
	elapsed    time.Duration
}

func (p *progress) start(run, experiment string) {
	p.started++
	p.planned = max(p.planned, p.started)
	p.running[run] = &running{number: p.started, experiment: experiment}
}

func (p *progress) advance(run string, step int64, elapsed time.Duration) {
	if r := p.running[run]; r != nil {
		r.step, r.elapsed = max(r.step, step), elapsed
	}
}

func (p *progress) finish(run string, elapsed time.Duration) {
	if p.running[run] == nil {
		return
	}
	delete(p.running, run)
	p.finished++
	p.spent += elapsed
}

// left estimates the time until all runs that are planned have finished, as if each took the mean of the earlier ones
// and as many went side by side as do now. Nothing is known before the first has finished.
func (p *progress) left() (time.Duration, bool) {
	if p.finished == 0 {
		return 0, false
	}
	mean := p.spent / time.Duration(p.finished)
	work := mean * time.Duration(p.planned-p.started)
	for _, r := range p.running {
		work += max(0, mean-r.elapsed)
	}
	return work / time.Duration(max(1, len(p.running))), true
}

// oldest is the run under way that began first, nil where there is none. It is the one shown: a line that told of each run
// in turn would flicker.
func (p *progress) oldest() *running {
	var oldest *running
	for _, r := range p.running {
		if oldest == nil || r.number < oldest.number {
			oldest = r
		}
	}
	return oldest
}

// String is the status line: empty while no run is under way.
func (p *progress) String() string {
	r := p.oldest()
	if r == nil {
		return ""
	}
	parts := []string{fmt.Sprintf("run %d of %d", r.number, p.planned), terminal.Printable(r.experiment)}
	if r.step > 0 {
		parts = append(parts, fmt.Sprintf("step %d", r.step))
	}
	parts = append(parts, clock(r.elapsed))
	if left, known := p.left(); known {
		parts = append(parts, "about "+clock(left)+" left")
	}
	if n := len(p.running) - 1; n > 0 {
		parts = append(parts, fmt.Sprintf("%d more side by side", n))
	}
	return strings.Join(parts, "  ")
}
