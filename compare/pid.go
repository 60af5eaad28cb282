package compare

import (
	"github.com/reprocheck/reprocheck/runner/record"
)

// A process's number is printed beside metrics without a name, as by loggers. That a number of a record is one, and no result that
// happens to be the same, is sure where it differs between two runs and each has its own: both are asked.

// pidsOf are the numbers that a run's processes knew themselves or their parents by.
func pidsOf(run *record.Run) map[int64]bool {
	// A container hands out small numbers, which anything may be.
	const least = 100
	known := map[int64]bool{}
	for _, p := range run.Processes {
		for _, pid := range p.PIDs {
			if pid >= least {
				known[pid] = true
			}
		}
	}
	return known
}

func value(p record.Point) int64 {
	n := int64(p.Value)
	if record.Float(n) != p.Value {
		return -1
	}
	return n
}

func step(p record.Point) int64 { return p.Step }

// only reports whether a number of all points is that of a process.
func only(s *record.Series, pids map[int64]bool, of func(record.Point) int64) bool {
	for _, p := range s.Points {
		if !pids[of(p)] {
			return false
		}
	}
	return len(s.Points) > 0
}

// renumbered is a series whose points were taken for those of a step that is the number of a process, "[4711] loss 0.5".
func renumbered(s *record.Series) *record.Series {
	again := *s
	again.Points = make([]record.Point, len(s.Points))
	for i, p := range s.Points {
		p.Step = int64(i)
		again.Points[i] = p
	}
	return &again
}
