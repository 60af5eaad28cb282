package torchzip

import (
	"slices"
	"testing"
)

func TestCodeOfTheSameModuleIsTheSameInEveryProcess(t *testing.T) {
	first := []source{
		{"code/__torch__/net.py", "class Net(Module):\n  b : Final[int] = 2\n  a : Final[str] = \"x\"\n  def forward(self):\n    return 1\n" +
			"class ___torch_mangle_12.Net(Module):\n  d : Final[int] = 1\n  c : Final[int] = 1\n"},
		{"code/__torch__/___torch_mangle_9.py", "  inner : __torch__.___torch_mangle_12.Net"},
	}
	second := []source{
		{"code/__torch__/net.py", "class Net(Module):\n  a : Final[str] = \"x\"\n  b : Final[int] = 2\n  def forward(self):\n    return 1\n" +
			"class ___torch_mangle_103.Net(Module):\n  c : Final[int] = 1\n  d : Final[int] = 1\n"},
		{"code/__torch__/___torch_mangle_99.py", "  inner : __torch__.___torch_mangle_103.Net"},
	}
	swapped := []source{second[0], {second[1].name, "  inner : __torch__.___torch_mangle_99.Net"}}

	want := canonical(first)
	if got := canonical(slices.Clone(second)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := canonical(swapped); slices.Equal(got, want) {
		t.Errorf("code that refers to another class is the same: %q", got)
	}
	if want := "code/__torch__/___torch_mangle_0.py"; first[1].name != want {
		t.Errorf("the first class that got a number is in %q, want %q", first[1].name, want)
	}
}
