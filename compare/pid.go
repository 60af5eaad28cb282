package compare

import (
	"strconv"

	"github.com/reprocheck/reprocheck/runner/record"
)

// A process's number is printed beside metrics without a name, as by loggers. That a number of a record is one, and no result that
// happens to be the same, is sure where it differs between two runs and each has its own: both are asked.

// pidsOf are the numbers of a run's processes.
func pidsOf(run *record.Run) map[int64]bool {
	known := map[int64]bool{}
	for _, pid := range run.PIDs() {
		known[pid] = true
	}
	return known
}

// isPID reports whether a part of a file is the number of a process.
func isPID(l *record.Leaf, pids map[int64]bool) bool {
	n, err := strconv.ParseInt(l.Text, 10, 64)
	return err == nil && l.Kind != "tensor" && pids[n]
}

// numbered is a point of which the number of a process is a part: it is the value, or was taken for the step, or for the epoch of a
// step that stands beside it.
type numbered struct{ value, step bool }

func numberedBy(p record.Point, pids map[int64]bool) numbered {
	whole := int64(p.Value)
	return numbered{
		value: pids[whole] && record.Float(whole) == p.Value,
		step:  pids[p.Step] || pids[p.Step/record.EpochStride],
	}
}

// dropPIDs takes out of the points of a pair what is the number of a process in both runs, each its own. Where it was taken for a
// step, "[4711] loss 0.5", the points are numbered as they come; values has those that are no such number.
func (p seriesPair) dropPIDs(a, b map[int64]bool) seriesPair {
	x, y := p.a.Points, p.b.Points
	shared, values, steps := min(len(x), len(y)), 0, 0
	kept := [2][]record.Point{}
	for i := range max(len(x), len(y)) {
		both := numbered{}
		switch {
		case i < shared:
			n, m := numberedBy(x[i], a), numberedBy(y[i], b)
			both = numbered{n.value && m.value, n.step && m.step}
		case i < len(x):
			both = numberedBy(x[i], a)
		default:
			both = numberedBy(y[i], b)
		}
		if both.value {
			values++
			continue
		}
		if both.step {
			steps++
		}
		for side, points := range [][]record.Point{x, y} {
			if i < len(points) {
				kept[side] = append(kept[side], points[i])
			}
		}
	}
	if values+steps == 0 || shared == 0 {
		return p
	}
	p.pids = len(kept[0])+len(kept[1]) == 0
	for side, s := range []*record.Series{p.a, p.b} {
		again := *s
		again.Points = kept[side]
		for i := range again.Points {
			if steps > 0 {
				again.Points[i].Step = int64(i)
			}
		}
		p.compared[side] = &again
	}
	return p
}
