package diagnose

import (
	"context"
	"time"

	"github.com/reprocheck/reprocheck/seed/probe"
)

// tick is longer than the coarsest clock that programs are seeded from: seconds, and the two seconds of a zip archive's dates.
// Runs that follow one another within one agree in what comes of it, and would be taken for reproducible, or for mended by
// whatever was pinned in them.
const tick = 2500 * time.Millisecond

// mayReadClock is readsClock, and true where a script started Python, as nothing shows what else that starts.
func (c *inquiry) mayReadClock(o *observation) bool {
	return readsClock(o) || c.scripted()
}

// readsClock reports whether a run may have read a clock: lines of the user's that did, directly or through a library, and
// whatever a command without Python does, which nothing shows.
func readsClock(o *observation) bool {
	if len(o.run.Processes) == 0 {
		return true
	}
	for _, s := range o.summary.Sites {
		if s.Kind == probe.KindClock && s.File != "" && !importing(s) {
			return true
		}
	}
	return false
}

// outlasted reports whether runs began so far apart that a coarse clock cannot have made them agree.
func outlasted(runs []*observation) bool {
	first, last := runs[0].run.Started, runs[0].run.Started
	for _, o := range runs {
		if o.run.Started.Before(first) {
			first = o.run.Started
		}
		if o.run.Started.After(last) {
			last = o.run.Started
		}
	}
	return last.Sub(first) > tick
}

// outlastTick waits until runs made now fall into another tick than those made before.
func outlastTick(ctx context.Context, made []*observation) error {
	var last time.Time
	for _, o := range made {
		if end := o.run.Started.Add(time.Duration(o.run.Seconds * float64(time.Second))); end.After(last) {
			last = end
		}
	}
	return sleepUntil(ctx, last.Add(tick))
}

func sleepUntil(ctx context.Context, at time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(at)):
		return nil
	}
}
