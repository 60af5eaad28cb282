package tree

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
)

// keys adds a dictionary of numbers by their keys.
func keys(t *testing.T, b *Builder, p *keypath.Path, list ...string) {
	t.Helper()
	d, err := b.Dict(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		p, err := d.Key(k)
		if err == nil {
			err = b.Int(p, big.NewInt(1))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d.End()
}

func names(f *checkpoint.File) (list []string) {
	for _, e := range f.Entries {
		list = append(list, e.Name)
	}
	return list
}

func TestNamesAreThoseOfTheDigestsDefinition(t *testing.T) {
	f := &checkpoint.File{}
	b := NewBuilder(f)
	keys(t, b, nil, "plain", "with.dot", "", `quo"te`, "brac[ket", "tab\t")
	want := []string{"", "plain", "with.dot", `[""]`, `["quo\"te"]`, `["brac[ket"]`, `["tab\t"]`}
	if err := b.Finish(); err != nil || !slices.Equal(names(f), want) {
		t.Errorf("%q %v, want %q", names(f), err, want)
	}
	if f.Entries[0].Text != "6" {
		t.Errorf("a dictionary of 6 members says %q", f.Entries[0].Text)
	}
}

func TestNamesThatCollideAreQuoted(t *testing.T) {
	f := &checkpoint.File{}
	b := NewBuilder(f)
	d, err := b.Dict(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "a.b", "c"} {
		p, err := d.Key(key)
		if err != nil {
			t.Fatal(err)
		}
		if key == "a" {
			keys(t, b, p, "b")
		} else if err := b.None(p); err != nil {
			t.Fatal(err)
		}
	}
	d.End()
	want := []string{"", "a", `["a"]["b"]`, `["a.b"]`, "c"}
	if err := b.Finish(); err != nil || !slices.Equal(names(f), want) {
		t.Errorf("%q %v, want %q", names(f), err, want)
	}
}

func TestATextKeyIsNotANumber(t *testing.T) {
	d, err := NewBuilder(&checkpoint.File{}).Dict(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Key("1"); err != nil {
		t.Error(err)
	}
	if p, err := d.NumberKey("1"); err != nil || p.String() != "[1]" {
		t.Errorf("%v %v", p, err)
	}
	var damaged *checkpoint.DamagedError
	if _, err := d.NumberKey("1"); !errors.As(err, &damaged) {
		t.Errorf("one key twice: %v", err)
	}
	if _, err := d.Key("1"); !errors.As(err, &damaged) {
		t.Errorf("one key twice: %v", err)
	}
}

// TestPackedTextsAreTheDefinedBytes follows docs/checkpoint-digest.md: "s", a length of 8 bytes, the text.
func TestPackedTextsAreTheDefinedBytes(t *testing.T) {
	f := &checkpoint.File{}
	b := NewBuilder(f)
	if err := b.Strings(nil, PackFrom, func() (string, error) { return "ab", nil }); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, f.Entries[0].Data.Size())
	if err := checkpoint.ReadFull(f.Entries[0].Data, got, 0); err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("s\x02\x00\x00\x00\x00\x00\x00\x00ab", PackFrom); string(got) != want || len(f.Entries) != 1 {
		t.Errorf("%d entries, of %q…", len(f.Entries), got[:min(len(got), 22)])
	}
}

func TestLimits(t *testing.T) {
	var limit *checkpoint.LimitError
	b := NewBuilder(&checkpoint.File{})
	var p *keypath.Path
	var err error
	for i := 0; err == nil && i < 10*maxDepth; i++ {
		var l *List
		if l, err = b.List(p); err == nil {
			p = l.Next()
		}
	}
	if !errors.As(err, &limit) {
		t.Errorf("nested deep: %v", err)
	}
	b = NewBuilder(&checkpoint.File{})
	l, err := b.List(nil)
	for i := 0; err == nil && i < 10*maxEntries; i++ {
		err = b.Float(l.Next(), math.Pi)
	}
	if !errors.As(err, &limit) {
		t.Errorf("many values: %v", err)
	}
	b = NewBuilder(&checkpoint.File{})
	text := strings.Repeat("x", 1<<20)
	l, err = b.List(nil)
	for i := 0; err == nil && i < 1<<10; i++ {
		err = b.String(l.Next(), text)
	}
	if !errors.As(err, &limit) {
		t.Errorf("long texts: %v", err)
	}
}
