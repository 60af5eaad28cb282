package component

import (
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// shapes are the containers of a file that are known by their members.
type shapes struct {
	of         map[string]ID   // by the container's name
	containers map[string]bool // all containers and instances
	weights    map[string]bool // containers of which a member is named as parameters are
	generators generators
	nested     bool // the file tells containers from keys with dots
	joined     bool // the names of the file are joined from keys
}

// signs are members that, together, tell a container: PyTorch's state_dict() of optimizers, schedulers and gradient
// scalers, the state of numpy.random.Generator, an nn.Module pickled whole.
var signs = []struct {
	id      ID
	members []string
}{
	{Optimizer, []string{"state", "param_groups"}},
	{Scheduler, []string{"last_epoch", "_step_count"}},
	{Scheduler, []string{"last_epoch", "base_lrs"}},
	{Scheduler, []string{"last_epoch", "_last_lr"}},
	{Scheduler, []string{"_schedulers", "_last_lr"}},
	{Scaler, []string{"scale", "growth_factor", "_growth_tracker"}},
	{Scaler, []string{"cur_scale", "cur_iter"}}, // DeepSpeed's DynamicLossScaler
	{RNGNumPy, []string{"bit_generator", "state"}},
	{Model, []string{"_parameters", "_modules"}},
}

func shapesOf(f *checkpoint.File, tf *tensorFlow) *shapes {
	s := &shapes{of: map[string]ID{}, containers: map[string]bool{}, weights: map[string]bool{}, generators: generators{}, joined: joined[f.Format]}
	for _, g := range f.RNG {
		switch g.Generator {
		case "python-random":
			s.generators[g.Name] = RNGPython
		case "numpy-mt19937":
			s.generators[g.Name] = RNGNumPy
		case "jax-key":
			s.generators[g.Name] = RNGJAX
		}
	}
	marks := map[string]int{} // bits of markers
	bits := map[string]int{}
	for _, sign := range signs {
		for _, m := range sign.members {
			if bits[m] == 0 {
				bits[m] = 1 << len(bits)
			}
		}
	}
	var segments []segment // of one entry after the other
	for i := range f.Entries {
		e := tf.entry(&f.Entries[i])
		if e.Kind == checkpoint.KindObject && e.Type != "None" {
			s.containers[e.Name] = true
			s.nested = s.nested || e.Name == ""
		}
		switch {
		case isSettings(e):
			s.of[e.Name] = Config
		case IsEstimator(e):
			s.of[e.Name] = Model
		case isGenerator(e, "random.Random"):
			s.of[e.Name] = RNGPython
		case isGenerator(e, "numpy.random."):
			s.of[e.Name] = RNGNumPy
		case isGenerator(e, "torch._C.Generator"):
			s.of[e.Name] = RNGTorch
		case e.Type == "object" && strings.HasPrefix(e.Text, "jax.") && strings.HasSuffix(e.Text, ".PRNGKeyArray"):
			s.of[e.Name] = RNGJAX
		case e.Type == "str" && strings.HasPrefix(e.Text, "cuda"):
			if made, ok := strings.CutSuffix(e.Name, "[arg 0][arg 0]"); ok && s.of[made] == RNGTorch {
				s.of[made] = RNGCUDA // a generator of this device
			}
		}
		segments = appendSegments(segments[:0], e.Name)
		for _, x := range segments {
			if bit := bits[x.key]; bit != 0 {
				marks[x.container(e.Name)] |= bit
			}
		}
	}
	for name, seen := range marks {
		for _, sign := range signs {
			want := 0
			for _, m := range sign.members {
				want |= bits[m]
			}
			if _, ok := s.of[name]; !ok && seen&want == want {
				s.of[name] = sign.id
			}
		}
	}
	for i := range f.Entries {
		e := tf.entry(&f.Entries[i])
		if e.Tensor() == nil {
			continue
		}
		segments = appendSegments(segments[:0], e.Name)
		if isParameter(segments) && !isMoment(segments) {
			s.weights[s.container(e, segments)] = true
		}
	}
	return s
}

// container returns the name of the innermost container of an entry; where names are joined from keys, what stands before the last.
func (s *shapes) container(e *checkpoint.Entry, segments []segment) string {
	if s.joined && len(segments) > 0 {
		return segments[len(segments)-1].container(e.Name)
	}
	for _, x := range slices.Backward(segments) {
		if name := x.container(e.Name); s.containers[name] {
			return name
		}
	}
	return ""
}

// isSettings knows instances of classes that hold a configuration by their names.
func isSettings(e *checkpoint.Entry) bool {
	if e.Type != "object" && e.Type != "call" {
		return false
	}
	class := e.Text[strings.LastIndexByte(e.Text, '.')+1:]
	for _, end := range []string{"Namespace", "Config", "Arguments", "Args", "Options"} {
		if strings.HasSuffix(class, end) {
			return true
		}
	}
	return false
}

// IsEstimator knows the estimators, transformers and pipelines of scikit-learn by the package of their classes.
func IsEstimator(e *checkpoint.Entry) bool {
	return e.Type == "object" && strings.HasPrefix(e.Text, "sklearn.")
}

// isGenerator knows generators that were pickled themselves by what makes them.
func isGenerator(e *checkpoint.Entry, class string) bool {
	return (e.Type == "object" || e.Type == "call") && strings.HasPrefix(e.Text, class)
}

// generators are the states of random number generators that the reader recognised, by the name of their container.
type generators map[string]ID

func (g generators) find(name string, segments []segment) (ID, bool) {
	if len(g) == 0 {
		return 0, false
	}
	if id, ok := g[""]; ok {
		return id, true
	}
	if id, ok := g[name]; ok {
		return id, true
	}
	for _, s := range segments {
		if id, ok := g[s.container(name)]; ok {
			return id, true
		}
	}
	return 0, false
}

// generator recognises PyTorch's generator states by what they are, as uint8: the CPU's is 5056 bytes
// (at::CPUGeneratorImpl: a Mersenne Twister with two cached normals); that of CUDA 16 bytes (Philox seed and offset), and
// 816016 before PyTorch 1.7.
func generator(e *checkpoint.Entry, path []segment) (ID, bool) {
	t := e.Tensor()
	if t == nil || t.DType != checkpoint.Uint8 || len(t.Shape) != 1 {
		return 0, false
	}
	switch t.Shape[0] {
	case 5056:
		return RNGTorch, true
	case 816016:
		return RNGCUDA, true
	case 16:
		for _, s := range path {
			if wordsOf(s.key).one("cuda", "rng", "random") {
				return RNGCUDA, true
			}
		}
	}
	return 0, false
}

// isParameter knows the names of parameters and buffers in PyTorch, Flax and Keras.
func isParameter(path []segment) bool {
	if len(path) == 0 {
		return false
	}
	return wordsOf(path[len(path)-1].key).one("weight", "bias", "kernel", "embedding", "gamma", "beta", "running") ||
		len(path) > 1 && path[len(path)-2].key == "vars"
}

// isMoment knows the names of what optimizers keep for each parameter.
func isMoment(path []segment) bool {
	for _, s := range path {
		switch s.key {
		case "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "exp_inf", "acc_delta", "mu", "nu":
			return true
		}
	}
	return false
}
