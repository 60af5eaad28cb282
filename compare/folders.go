package compare

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
	"github.com/reprocheck/reprocheck/runner/record"
)

// folders maps folders that only the actual run made to their counterparts in the expected run. Loggers name the folder of a run with
// letters and words drawn at random ("run-20261123_160411-3dji89lk", "brisk-sun-4"), which nothing in the name itself gives away.
type folders map[string]string

// pairFolders pairs the folders below the same parent which only one of the runs has: those that hold the same files, by depth and name
// without its volatile parts, where no other of them does.
func pairFolders(expected, actual []record.Artifact) folders {
	pairs := folders{}
	pairs.below(treeOf(expected), treeOf(actual), "", "")
	return pairs
}

// Names maps the files of the actual run that the expected run has under another name: in a folder with a random name, or with a
// time or an identifier in its own.
func Names(expected, actual []record.Artifact) map[string]string {
	names := map[string]string{}
	for _, p := range pairArtifacts(expected, actual, pairFolders(expected, actual)) {
		if p.a != nil && p.b != nil && p.a.Path != p.b.Path {
			names[p.b.Path] = p.a.Path
		}
	}
	return names
}

// path is what the expected run calls a file or folder of the actual run.
func (f folders) path(name string) string {
	if len(f) == 0 {
		return name
	}
	for dir := name; dir != "." && dir != "/"; dir = path.Dir(dir) {
		if counterpart, ok := f[dir]; ok {
			return counterpart + name[len(dir):]
		}
	}
	return name
}

// text is a text of the actual run with the names of its folders as the expected run has them.
func (f folders) text(s string) string {
	for _, dir := range slices.Sorted(maps.Keys(f)) {
		if a, b := path.Base(dir), path.Base(f[dir]); a != b {
			s = strings.ReplaceAll(s, a, b)
		}
	}
	return s
}

func (f folders) below(expected, actual *folder, expectedDir, actualDir string) {
	lone := func(of, other *folder) map[string][]string {
		byShape := map[string][]string{}
		for name, child := range of.children {
			if other.children[name] == nil {
				byShape[child.shape()] = append(byShape[child.shape()], name)
			}
		}
		return byShape
	}
	pair := func(a, b string) {
		inExpected, inActual := path.Join(expectedDir, a), path.Join(actualDir, b)
		if inExpected != inActual {
			f[inActual] = inExpected
		}
		f.below(expected.children[a], actual.children[b], inExpected, inActual)
	}
	for name := range expected.children {
		if actual.children[name] != nil {
			pair(name, name)
		}
	}
	candidates := lone(actual, expected)
	for shape, names := range lone(expected, actual) {
		if others := candidates[shape]; len(names) == 1 && len(others) == 1 {
			pair(names[0], others[0])
		}
	}
}

// folder holds the names of files, and the folders below it.
type folder struct {
	children map[string]*folder
	files    []string
}

func treeOf(files []record.Artifact) *folder {
	root := &folder{children: map[string]*folder{}}
	for i := range files {
		at := root
		dirs := strings.Split(files[i].Path, "/")
		for _, dir := range dirs[:len(dirs)-1] {
			next := at.children[dir]
			if next == nil {
				next = &folder{children: map[string]*folder{}}
				at.children[dir] = next
			}
			at = next
		}
		at.files = append(at.files, dirs[len(dirs)-1])
	}
	return root
}

// shape lists the files of a folder and of those below it.
func (d *folder) shape() string {
	var list []string
	var walk func(at *folder, depth int)
	walk = func(at *folder, depth int) {
		for _, name := range at.files {
			list = append(list, strconv.Itoa(depth)+"/"+volatile.MaskPath(name))
		}
		for child := range maps.Values(at.children) {
			walk(child, depth+1)
		}
	}
	walk(d, 0)
	slices.Sort(list)
	return strings.Join(list, "\x00")
}

// target is what a link leads to, below the project where it lies there.
func target(a *record.Artifact) string {
	if path.IsAbs(a.Link) {
		return a.Link
	}
	return path.Join(path.Dir(a.Path), a.Link)
}
