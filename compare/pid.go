package compare

import (
	"strconv"

	"github.com/reprocheck/reprocheck/runner/record"
)

// A process's number is printed beside metrics without a name, as by loggers. That a number of a record is one, and no result that
// happens to be the same, is sure where it differs between two runs and each has its own: both are asked. So it is where runs are
// equal in a number above all that Linux gives out, which is what a process is told where its number is pinned.

// pidsOf are the numbers of the processes of two runs.
func pidsOf(expected, actual *record.Run) (pids [2]map[int64]bool) {
	for side, run := range []*record.Run{expected, actual} {
		pids[side] = map[int64]bool{}
		for _, pid := range run.PIDs() {
			pids[side][pid] = true
		}
	}
	return pids
}

// pinnedPIDs reports whether the first point is a number that only a pinned process has.
func (p seriesPair) pinnedPIDs() bool {
	const largest = 1 << 22 // PID_MAX_LIMIT, proc_pid_max(5)
	return len(p.a.Points) > 0 && p.a.Points[0].Value > largest
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
func (p seriesPair) dropPIDs(pids [2]map[int64]bool) seriesPair {
	x, y := p.a.Points, p.b.Points
	at := func(i int) numbered {
		switch {
		case i >= len(x):
			return numberedBy(y[i], pids[1])
		case i >= len(y):
			return numberedBy(x[i], pids[0])
		}
		n, m := numberedBy(x[i], pids[0]), numberedBy(y[i], pids[1])
		return numbered{n.value && m.value, n.step && m.step}
	}
	values, steps := 0, 0
	for i := range max(len(x), len(y)) {
		switch n := at(i); {
		case n.value:
			values++
		case n.step:
			steps++
		}
	}
	if values+steps == 0 || min(len(x), len(y)) == 0 {
		return p
	}
	p.pids = values == max(len(x), len(y))
	for side, s := range []*record.Series{p.a, p.b} {
		again := *s
		again.Points = nil
		for i, point := range s.Points {
			if at(i).value {
				continue
			}
			if steps > 0 {
				point.Step = int64(len(again.Points))
			}
			again.Points = append(again.Points, point)
		}
		p.compared[side] = &again
	}
	return p
}
