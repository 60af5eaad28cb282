package plan

import (
	"math/rand/v2"
	"testing"
)

// TestNothingIsGivenUpInVain: the nearest policy fits, one is found wherever the smallest fits, and none that keeps more of
// one thing and no less of any other fits too.
func TestNothingIsGivenUpInVain(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		s := Size{Model: 1 + rng.Int64N(100), Optimizer: rng.Int64N(300)}
		asked := Policy{Last: 1 + rng.IntN(6), Best: rng.IntN(4), ModelOnlyPeriodic: rng.IntN(2) > 0, ModelOnlyBest: rng.IntN(2) > 0}
		saves := 1 + rng.IntN(60)
		if rng.IntN(3) > 0 {
			asked.Every = 1 + rng.IntN(20)
		}
		_, peak := asked.totals(s, saves)
		disk := rng.Int64N(peak) + 1
		d, err := Make(s, asked, saves, disk)
		if err != nil {
			t.Fatal(err)
		}
		if d.Fits {
			continue
		}
		least := Policy{Last: 1}
		if _, peak := least.totals(s, saves); (peak <= disk) != (d.Nearest != nil) {
			t.Fatalf("%+v, %s, %d saves on %d: nearest %+v", s, asked, saves, disk, d.Nearest)
		}
		if d.Nearest == nil {
			continue
		}
		p := d.Nearest.Policy
		if _, peak := p.totals(s, saves); peak > disk || peak != d.Nearest.Peak {
			t.Fatalf("%s takes %d of %d", p, peak, disk)
		}
		var richer []Policy
		with := func(change func(*Policy)) {
			q := p
			change(&q)
			richer = append(richer, q)
		}
		if p.Last < asked.Last {
			with(func(q *Policy) { q.Last++ })
		}
		if p.Best < asked.Best {
			with(func(q *Policy) { q.Best++; q.ModelOnlyBest = q.ModelOnlyBest || p.Best == 0 })
		}
		if p.Every > asked.Every {
			with(func(q *Policy) { q.Every /= 2 })
		}
		if p.Every == 0 && asked.Every > 0 && asked.Every <= saves {
			every := asked.Every
			for 2*every <= saves {
				every *= 2
			}
			with(func(q *Policy) { q.Every, q.ModelOnlyPeriodic = every, true })
		}
		if p.ModelOnlyBest != asked.ModelOnlyBest {
			with(func(q *Policy) { q.ModelOnlyBest = false })
		}
		if p.ModelOnlyPeriodic && !asked.ModelOnlyPeriodic {
			with(func(q *Policy) { q.ModelOnlyPeriodic = false })
		}
		for _, q := range richer {
			if _, peak := q.totals(s, saves); peak <= disk {
				t.Fatalf("%+v, asked %s, %d saves on %d: %s, and %s fits too", s, asked, saves, disk, p, q)
			}
		}
	}
}
