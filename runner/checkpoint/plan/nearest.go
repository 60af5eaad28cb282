package plan

// nearest gives up what costs least, first: optimizer states of what is kept for good, then of the best, then how many
// are kept for good, then the best but one, then the newest but one, then all of the best. What in the end need not have
// been given up is taken back.
func nearest(s Size, asked Policy, saves int, disk int64) *Alternative {
	try := func(q Policy) *Alternative {
		if steady, peak := q.totals(s, saves); peak <= disk {
			return &Alternative{q, steady, peak}
		}
		return nil
	}
	p := asked
	steps := []func(*Policy) bool{
		func(q *Policy) bool { return change(&q.ModelOnlyPeriodic, q.Every > 0) },
		func(q *Policy) bool { return change(&q.ModelOnlyBest, q.Best > 0) },
		func(q *Policy) bool {
			if q.Every == 0 || q.Every > saves/2 {
				return false
			}
			q.Every *= 2
			return true
		},
		func(q *Policy) bool { return lower(&q.Best, 1) },
		func(q *Policy) bool { return lower(&q.Last, 1) },
		func(q *Policy) bool {
			had := q.Every > 0
			q.Every, q.ModelOnlyPeriodic = 0, false
			return had
		},
		func(q *Policy) bool { return lower(&q.Best, 0) },
	}
	for _, step := range steps {
		for step(&p) {
			if a := try(p); a != nil {
				for _, more := range takenBack {
					for _, q := range more(asked, a.Policy, saves) {
						if richer := try(q); richer != nil {
							a = richer
							break
						}
					}
				}
				return a
			}
		}
	}
	return nil
}

// takenBack list policies that keep more than one that fits, of what was given up last first, and the one that keeps most first.
var takenBack = []func(asked, q Policy, saves int) []Policy{
	func(asked, q Policy, _ int) (list []Policy) {
		for n := asked.Best; n > q.Best; n-- {
			more := q
			more.Best = n
			more.ModelOnlyBest = asked.ModelOnlyBest || q.ModelOnlyBest || q.Best == 0
			list = append(list, more)
		}
		return list
	},
	func(asked, q Policy, saves int) (list []Policy) {
		for every := asked.Every; every > 0 && every <= saves && (q.Every == 0 || every < q.Every); every *= 2 {
			more := q
			more.Every = every
			more.ModelOnlyPeriodic = asked.ModelOnlyPeriodic || q.ModelOnlyPeriodic || q.Every == 0
			list = append(list, more)
		}
		return list
	},
	func(asked, q Policy, _ int) (list []Policy) {
		for n := asked.Last; n > q.Last; n-- {
			more := q
			more.Last = n
			list = append(list, more)
		}
		return list
	},
	func(asked, q Policy, _ int) []Policy {
		q.ModelOnlyBest = asked.ModelOnlyBest
		return []Policy{q}
	},
	func(asked, q Policy, _ int) []Policy {
		q.ModelOnlyPeriodic = asked.ModelOnlyPeriodic && q.Every > 0
		return []Policy{q}
	},
}

func change(flag *bool, useful bool) bool {
	if *flag || !useful {
		return false
	}
	*flag = true
	return true
}

func lower(n *int, to int) bool {
	if *n <= to {
		return false
	}
	*n--
	return true
}
