package keypath_test

import (
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
)

func TestNames(t *testing.T) {
	var root *keypath.Path
	for _, c := range []struct {
		path         *keypath.Path
		name, quoted string
		depth        int32
	}{
		{root, "", "", 0},
		{root.Key("model"), "model", `["model"]`, 1},
		{root.Key("model").Key("fc.weight"), "model.fc.weight", `["model"]["fc.weight"]`, 2},
		{root.Key("model.fc").Key("weight"), "model.fc.weight", `["model.fc"]["weight"]`, 2},
		{root.Key("groups").Item(0).Key("lr"), "groups[0].lr", `["groups"][0]["lr"]`, 3},
		{root.Item(2), "[2]", "[2]", 1},
		{root.Key("a").Key(""), `a[""]`, `["a"][""]`, 2},
		{root.Key("a[0]").Key("b"), `["a[0]"].b`, `["a[0]"]["b"]`, 2},
		{root.Key("a").Key("line\nbreak"), `a["line\nbreak"]`, `["a"]["line\nbreak"]`, 2},
		{keypath.Raw("arr[0]").Key("x"), "arr[0].x", `["arr[0]"]["x"]`, 1},
	} {
		if got := c.path.String(); got != c.name {
			t.Errorf("named %q, want %q", got, c.name)
		}
		if got := c.path.Place().Quoted(c.name); got != c.quoted {
			t.Errorf("%q quoted is %q, want %q", c.name, got, c.quoted)
		}
		if got := c.path.Depth(); got != c.depth {
			t.Errorf("%q lies in %d containers, want %d", c.name, got, c.depth)
		}
	}
	for _, container := range []*keypath.Path{root, root.Key("a"), root.Key("a[0]").Item(1)} {
		for _, key := range []string{"b", "b.c", "", "b[0]", "line\nbreak"} {
			if got, want := keypath.Join(container.String(), key), container.Key(key).String(); got != want {
				t.Errorf("member %q of %q is %q, want %q", key, container, got, want)
			}
		}
	}
	if got := (keypath.Place{}).Quoted("added by others"); got != "added by others" {
		t.Errorf("an entry without a place is renamed %q", got)
	}
}
