package lint

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// rankEvidence is what tells how many processes trained together, and how many of them saved their random states.
type rankEvidence struct {
	world int64           // a number of ranks that a file states
	ranks map[string]bool // ranks that wrote files of their own
	files int             // files that hold the random states of one rank each
	lists map[string]int  // states in lists of one for each rank, by the name without the index
}

// ofRank knows the names of files that each rank writes: DeepSpeed's and Composer's, and those of
// torch.distributed.checkpoint.
var ofRank = regexp.MustCompile(`(?:zero_pp_|dp_|bf16_zero_pp_|[-_])rank_?(\d+)[_.-]`)

func (r *rankEvidence) file(name string) {
	if strings.Contains(name, "rng_state_") || strings.Contains(name, "random_states_") {
		r.files++
	}
	if m := ofRank.FindStringSubmatch(name); m != nil && !strings.Contains(name, "mp_rank_") {
		r.rank(m[1])
	}
}

func (r *rankEvidence) rank(n string) {
	if r.ranks == nil {
		r.ranks = map[string]bool{}
	}
	r.ranks[n] = true
}

func (r *rankEvidence) see(e *checkpoint.Entry, id component.ID, path []string) {
	if len(path) == 0 {
		return
	}
	if last := path[len(path)-1]; last == "dp_world_size" || last == "world_size" {
		if n, err := strconv.ParseInt(e.Text, 10, 64); err == nil {
			r.world = max(r.world, n)
		}
	}
	if id != component.RNGTorch {
		return
	}
	for i, key := range path {
		if _, err := strconv.Atoi(key); err != nil {
			continue
		}
		if r.lists == nil {
			r.lists = map[string]int{}
		}
		r.lists[strings.Join(path[:i], ".")+"[]"+strings.Join(path[i+1:], ".")]++
		return
	}
}

// judge says whether every rank's random states are there.
func (r *rankEvidence) judge(wrapped bool) (Status, string) {
	states := r.files
	for _, n := range r.lists {
		states = max(states, n)
	}
	world := max(r.world, int64(len(r.ranks)))
	switch {
	case world > 1 && int64(states) < world:
		return Missing, fmt.Sprintf("%d ranks trained, and there are the random states of %d", world, states)
	case states > 1:
		return Present, fmt.Sprintf("random states of %d ranks", states)
	case world == 1:
		return Present, "not needed: one rank trained"
	case wrapped:
		return Missing, "the model was wrapped by DistributedDataParallel (or by DataParallel, which has one rank), and there is at most one set of random states"
	}
	return CannotTell, "needed only with more than one rank"
}
