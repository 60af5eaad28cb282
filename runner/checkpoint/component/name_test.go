package component

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathOfNames(t *testing.T) {
	for name, want := range map[string][]string{
		"":                               {},
		"..[":                            {},
		"model.fc.weight":                {"model", "fc", "weight"},
		"optimizer.state[0].exp_avg":     {"optimizer", "state", "0", "exp_avg"},
		`["a b"]["c.d"]`:                 {"a b", "c", "d"},
		"g@note":                         {"g", "note"},
		"größe.模型":                       {"größe", "模型"},
		strings.Repeat("x.", 32) + "end": append(repeated("x", 31), "end"),
	} {
		if d := cmp.Diff(want, Path(name)); d != "" {
			t.Errorf("%q: %s", name, d)
		}
	}
	// Of a long name both ends are seen, each segment where it is.
	var keys []string
	for i := range 1000 {
		keys = append(keys, strconv.Itoa(i))
	}
	name := strings.Join(keys, ".")
	got := split(name)
	if len(got) != outer+inner || got[outer-1].key != "23" || got[outer].key != "992" || got[outer+inner-1].key != "999" {
		t.Errorf("%v", got)
	}
	for _, s := range got {
		if !strings.HasPrefix(name[s.start:], s.key) {
			t.Errorf("%q is not at %d", s.key, s.start)
		}
	}
	for n := range 40 {
		if want := min(n, outer+inner); len(Path(strings.Join(keys[:n], "."))) != want {
			t.Errorf("%d keys: %v", n, Path(strings.Join(keys[:n], ".")))
		}
	}
}

func repeated(key string, n int) (keys []string) {
	for range n {
		keys = append(keys, key)
	}
	return keys
}
