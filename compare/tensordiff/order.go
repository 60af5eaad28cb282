package tensordiff

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// orderless are formats that sort names, or keep tensors by size: the order of their entries says nothing of the model's.
var orderless = map[string]bool{
	"safetensors": true, "sharded": true, "hdf5": true, "keras": true, "orbax": true, "tensorbundle": true,
}

// ordering puts the model before other parts of a training, and its layers as they follow each other.
type ordering struct {
	entries []checkpoint.Entry
	part    []component.ID
	place   []int32 // of each entry, in a file that keeps the order in which layers were defined; -1 where it is not known
}

func newOrdering(f *checkpoint.File, of []component.ID) *ordering {
	o := &ordering{entries: f.Entries, part: of}
	if !orderless[f.Format] {
		o.place = places(len(f.Entries))
	}
	return o
}

// follow takes the places from the entries of another file with which those of this one were matched.
func (o *ordering) follow(other *ordering, matches []match) {
	if o.place != nil || other.place == nil {
		return
	}
	o.place = make([]int32, len(o.entries))
	for i := range o.place {
		o.place[i] = -1
	}
	for _, m := range matches {
		o.place[m.a] = other.place[m.b]
	}
}

func (o *ordering) compare(x, y int32) int {
	if p, q := o.part[x], o.part[y]; p != q {
		return int(p) - int(q)
	}
	if o.place != nil && o.place[x] >= 0 && o.place[y] >= 0 {
		return int(o.place[x]) - int(o.place[y])
	}
	return cmp.Or(compareNames(o.entries[x].Name, o.entries[y].Name), int(x)-int(y))
}

// compareNames orders the names of layers where nothing else does: key by key, numbers by their value, embeddings and stems
// first, a last layer last, an encoder before its decoder, a convolution before its normalisation.
func compareNames(a, b string) int {
	var onX, onY [16]string // of most names, without an allocation
	x, y := component.AppendPath(onX[:0], a), component.AppendPath(onY[:0], b)
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		if d := cmp.Or(stage(x[i])-stage(y[i]), withinBlock(x[i])-withinBlock(y[i]), compareKeys(normalised(x[i]), normalised(y[i]))); d != 0 {
			return d
		}
	}
	return len(x) - len(y)
}

// stage says whether a layer is an early or a late one by its name.
func stage(key string) int {
	switch {
	case slices.Contains(heads[:], key):
		return 1
	case slices.Contains([]string{"wte", "wpe", "stem", "conv1", "shared", "encoder", "cls_token", "pos_embed"}, key), strings.Contains(key, "embed"):
		return -1
	}
	return 0
}

// sublayers are what the blocks of transformers are made of, in the order in which they compute.
var sublayers = [...][]string{
	{"wte", "word_embeddings", "embed_tokens"},
	{"wpe", "position_embeddings", "embed_positions"},
	{"input_layernorm", "ln_1", "norm1", "layernorm_before", "attention_norm"},
	{"self_attn", "self_attention", "attn", "attention"},
	{"q_proj", "query", "c_attn", "qkv", "qkv_proj", "query_key_value", "self"},
	{"k_proj", "key"},
	{"v_proj", "value"},
	{"o_proj", "out_proj"},
	{"self_attn_layer_norm", "post_attention_layernorm", "ln_2", "norm2", "layernorm_after", "ffn_norm"},
	{"encoder_attn", "crossattention", "cross_attn"},
	{"encoder_attn_layer_norm"},
	{"pre_feedforward_layernorm"},
	{"mlp", "ffn", "feed_forward", "block_sparse_moe", "intermediate"},
	{"gate_proj"},
	{"up_proj", "c_fc", "dense_h_to_4h"},
	{"down_proj", "dense_4h_to_h"},
	{"post_feedforward_layernorm"},
}

var placeInBlock = func() map[string]int {
	places := map[string]int{}
	for i, names := range sublayers {
		for _, name := range names {
			places[name] = i
		}
	}
	return places
}()

// withinBlock says how early in its block a layer computes by its name; those that are not known follow.
func withinBlock(key string) int {
	if place, ok := placeInBlock[key]; ok {
		return place
	}
	return len(sublayers)
}

// normalised puts a batch normalisation after the convolution of its number.
func normalised(key string) string {
	if number, ok := strings.CutPrefix(key, "bn"); ok {
		return "conv" + number + "~"
	}
	return key
}

// compareKeys compares runs of digits as numbers, and what is between them as text.
func compareKeys(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na > 0 && nb > 0 {
			x, y := strings.TrimLeft(a[:na], "0"), strings.TrimLeft(b[:nb], "0")
			if d := cmp.Or(len(x)-len(y), cmp.Compare(x, y)); d != 0 {
				return d
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// digits returns the length of the run of digits at the start of s.
func digits(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsDigit(r) || r > unicode.MaxASCII })
	if n < 0 {
		return len(s)
	}
	return n
}
