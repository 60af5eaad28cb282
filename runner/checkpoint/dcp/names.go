package dcp

import (
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

// maxSteps bounds the keys that lead to a value.
const maxSteps = 64

// container is a dictionary or list of the state that was saved, of which the files hold the members alone.
type container struct {
	name    string
	list    bool
	members map[string]bool
}

func (c *container) entry() checkpoint.Entry {
	typ := "dict"
	if c.list {
		typ = "list"
	}
	count := strconv.Itoa(len(c.members))
	return checkpoint.Entry{Name: c.name, Kind: checkpoint.KindObject, Type: typ, Text: count, Structure: true, Data: checkpoint.Text(count)}
}

// nest names values by the keys that led to them, which the metadata keep beside the names that are joined of them by dots:
// optimizer.param_groups[0].lr for optimizer.param_groups.0.lr. It returns the containers in the order in which they are
// met, the root first. Metadata without such keys, or with some that contradict each other, leave all names as they are.
func (md *metadata) nest() []*container {
	names := make([]string, len(md.values))
	var order []*container
	byName := map[string]*container{}
	length := 0
	for i, v := range md.values {
		steps := md.paths[v.name]
		if len(steps) == 0 {
			steps = []pickle.Value{v.name}
		}
		at := ""
		for n, step := range steps {
			_, isIndex := step.(int64)
			c := byName[at]
			if c == nil {
				c = &container{at, isIndex, map[string]bool{}}
				byName[at] = c
				order = append(order, c)
			}
			next, ok := pyobject.Name(steps[:n+1])
			if length += len(next); !ok || c.list != isIndex || length > maxNames {
				return md.flat()
			}
			c.members[next] = true
			at = next
		}
		names[i] = at
	}
	seen := map[string]bool{}
	for i, name := range names {
		if byName[name] != nil || seen[name] {
			return md.flat()
		}
		seen[name] = true
		md.values[i].as = name
	}
	return order
}

// flat is a root that has all values as its members.
func (md *metadata) flat() []*container {
	root := &container{members: map[string]bool{}}
	for i, v := range md.values {
		root.members[v.name] = true
		md.values[i].as = v.name
	}
	return []*container{root}
}

// addPaths reads the keys that lead to each value.
func (md *metadata) addPaths(v pickle.Value) {
	d, ok := v.(*pickle.Dict)
	if !ok {
		return
	}
	md.paths = make(map[string][]pickle.Value, len(d.Items))
	for _, pair := range d.Items {
		name, ok1 := pair.Key.(string)
		steps, ok2 := pair.Value.(*pickle.Tuple)
		if ok1 && ok2 && len(steps.Items) <= maxSteps {
			md.paths[name] = steps.Items
		}
	}
}
