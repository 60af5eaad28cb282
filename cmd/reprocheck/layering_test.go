package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/reprocheck/reprocheck/"
)

// rooms says which rooms of the module each room may import beside itself and what lies below it. Results flow one way:
// seed, runner, compare, report, cmd. A room below another has a line of its own where it may import less or more.
var rooms = map[string][]string{
	"seed":       {},
	"seed/probe": {"seed"},

	"runner":            {"runner/plan", "runner/record", "seed"},
	"runner/record":     {"seed"},
	"runner/plan":       {"seed", "runner/record"},
	"runner/launch":     {"seed"},
	"runner/workspace":  {"runner/record", "runner/launch"},
	"runner/checkpoint": {},
	"runner/metrics":    {"runner/record"},
	"runner/local": {"seed", "seed/probe", "runner/record", "runner/plan", "runner/launch", "runner/workspace",
		"runner/checkpoint", "runner/metrics"},

	"compare":          {"runner/record", "runner/checkpoint", "runner/metrics"},
	"compare/trace":    {"runner/record", "seed", "seed/probe"},
	"compare/diagnose": {"compare", "compare/trace", "runner/record", "runner/plan", "seed", "seed/probe"},

	"report": {"runner/record", "compare", "compare/diagnose", "seed"},

	"cmd": {"seed", "seed/probe", "runner", "runner/record", "runner/plan", "runner/launch", "runner/workspace", "runner/checkpoint",
		"runner/metrics", "runner/local", "compare", "compare/trace", "compare/diagnose", "report"},
}

// starters are the rooms that start processes, use the network or read the machine; all others work on what they are given.
var starters = []string{"runner/launch", "runner/workspace", "runner/local", "runner", "cmd"}

// room is the longest room that a package of the module lies in.
func room(pkg string) string {
	for at := pkg; at != "."; at = filepath.Dir(at) {
		if _, ok := rooms[at]; ok {
			return at
		}
	}
	return ""
}

// TestArchitectureNamesEveryPackage holds the table of docs/architecture.md to what there is. The readers of single formats
// are not in it: their names say what they are.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	formats := []string{"dcp", "gguf", "hdf5", "jsonfile", "keras", "lightgbm", "msgpack", "npyfile", "npz", "onnx", "orbax", "picklefile", "safetensors", "stablebaselines",
		"tensorbundle", "torchlegacy", "torchzip", "xgboost"}
	named := map[string]bool{}
	for _, part := range strings.Split(string(text), "`")[1:] {
		named[strings.TrimSuffix(part, "/")] = true
	}
	everything := func(string) bool { return true }
	for _, s := range sources(t, parser.ImportsOnly, everything) {
		pkg := s.pkg()
		below, reader := strings.CutPrefix(pkg, "runner/checkpoint/")
		if !named[pkg] && !(reader && (named[below] || slices.Contains(formats, below))) {
			t.Errorf("%s has no place in docs/architecture.md", pkg)
			named[pkg] = true
		}
	}
}

// source is one file of the module that is not a test.
type source struct {
	path string // relative to the module's root
	file *ast.File
}

func (s source) pkg() string { return filepath.ToSlash(filepath.Dir(s.path)) }

func (s source) imports() []string {
	var paths []string
	for _, spec := range s.file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err) // the parser has accepted it
		}
		paths = append(paths, path)
	}
	return paths
}

// sources parses the module's files for every operating system.
func sources(t *testing.T, mode parser.Mode, keep func(path string) bool) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() && rel != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".go" || !keep(rel) {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
		if err != nil {
			return err
		}
		all = append(all, source{rel, file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func ships(path string) bool {
	return !strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, "fixtures/") && !strings.HasPrefix(path, "examples/")
}

// TestLayers fails when an arrow between rooms points back.
func TestLayers(t *testing.T) {
	files := sources(t, parser.ImportsOnly, ships)
	if len(files) < 100 {
		t.Fatalf("found only %d files", len(files))
	}
	for _, f := range files {
		from := room(f.pkg())
		if from == "" {
			t.Errorf("%s lies in no room: give %s a line in rooms", f.path, f.pkg())
			continue
		}
		for _, path := range f.imports() {
			if problem := arrow(from, path); problem != "" {
				t.Errorf("%s: %s", f.path, problem)
			}
		}
	}
}

// arrow says what is wrong with an import, empty where nothing is.
func arrow(from, path string) string {
	switch path {
	case "os/exec", "net", "net/http", "os/signal":
		if !slices.Contains(starters, from) {
			return from + " is to work on what it is given, and imports " + path
		}
		return ""
	}
	ours, ok := strings.CutPrefix(path, module)
	if !ok {
		return ""
	}
	to := room(ours)
	if to == from || slices.Contains(rooms[from], to) {
		return ""
	}
	return from + " may not import " + ours
}

// TestArrow holds the check itself to arrows that point back.
func TestArrow(t *testing.T) {
	for _, c := range []struct {
		from, path string
		allowed    bool
	}{
		{"runner/record", module + "seed", true},
		{"runner/record", module + "runner/plan", false},
		{"runner/checkpoint", module + "runner/checkpoint/npy", true},
		{"runner/checkpoint", module + "runner/record", false},
		{"seed", module + "seed/probe", false},
		{"seed", module + "runner/record", false},
		{"runner", module + "compare", false},
		{"runner", module + "report", false},
		{"compare", module + "runner", false},
		{"compare", module + "report/terminal", false},
		{"compare", "os/exec", false},
		{"compare/diagnose", module + "runner/plan", true},
		{"compare/diagnose", module + "runner", false},
		{"report", module + "compare/diagnose", true},
		{"report", module + "runner", false},
		{"runner/launch", "os/exec", true},
		{"compare", "strings", true},
	} {
		if problem := arrow(c.from, c.path); (problem == "") != c.allowed {
			t.Errorf("%s importing %s: %q, allowed should be %v", c.from, c.path, problem, c.allowed)
		}
	}
}

// TestLibrariesKeepQuiet fails where a library ends the process, reads its arguments or environment, or prints.
func TestLibrariesKeepQuiet(t *testing.T) {
	forbidden := map[string][]string{
		"os":  {"Exit", "Args", "Environ", "Getenv", "LookupEnv", "Setenv", "Stdout", "Stderr", "Stdin"},
		"fmt": {"Print", "Printf", "Println"},
	}
	library := func(path string) bool { return ships(path) && !strings.HasPrefix(path, "cmd/") }
	for _, f := range sources(t, parser.SkipObjectResolution, library) {
		if slices.Contains(f.imports(), "log") {
			t.Errorf("%s logs", f.path)
		}
		ast.Inspect(f.file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := call.X.(*ast.Ident); ok && slices.Contains(forbidden[pkg.Name], call.Sel.Name) {
				t.Errorf("%s uses %s.%s: only cmd/ may", f.path, pkg.Name, call.Sel.Name)
			}
			return true
		})
	}
}

// TestDependencies fails when go.mod requires a module directly that nothing imports.
func TestDependencies(t *testing.T) {
	used := map[string]bool{}
	for _, f := range sources(t, parser.ImportsOnly, func(string) bool { return true }) {
		for _, path := range f.imports() {
			used[path] = true
		}
	}
	direct := 0
	for _, required := range requirements(t) {
		direct++
		imported := false
		for path := range used {
			imported = imported || path == required || strings.HasPrefix(path, required+"/")
		}
		if !imported {
			t.Errorf("go.mod requires %s, and nothing imports it", required)
		}
	}
	if direct == 0 {
		t.Error("go.mod requires nothing directly")
	}
}

// requirements are the modules that go.mod requires directly.
func requirements(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "\t") && len(fields) >= 2 && !strings.HasSuffix(strings.TrimSpace(line), "// indirect") {
			modules = append(modules, fields[0])
		}
	}
	return modules
}
