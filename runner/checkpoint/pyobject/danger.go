package pyobject

import (
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// running are modules of which anything can run a program or code of the file's author's choice, or reach into the system.
var running = strings.Fields(`
	_ctypes _io _posixsubprocess _socket _sqlite3 _thread _winapi aiohttp asyncio atexit bdb cProfile cloudpickle code codeop
	commands compileall concurrent ctypes dbm dill distutils doctest ensurepip fcntl fileinput ftplib gc http httplib idlelib imp
	importlib io lib2to3 linecache marshal modulefinder msvcrt multiprocessing nt os pdb pip pkgutil popen2 posix profile pty
	py_compile pydoc requests runpy setuptools shelve shutil signal smtplib socket socketserver sqlite3 ssl subprocess sys
	telnetlib tempfile threading timeit types unittest urllib venv webbrowser xmlrpc zipapp zipimport`)

// harmless are names in them that hold data.
var harmless = []string{"types.SimpleNamespace", "io.BytesIO", "io.StringIO", "_io.BytesIO", "_io.StringIO"}

// within are names in other modules that can do the same, each for all that begin with it.
var within = map[string][]string{
	"__builtin__": builtins,
	"builtins":    builtins,
	"_functools":  {"partial", "reduce"},
	"_operator":   {"attrgetter", "itemgetter", "methodcaller"},
	"_pickle":     {"load"},
	"functools":   {"partial", "reduce"},
	"itertools":   {"starmap"},
	"joblib":      {"load", "numpy_pickle.load"},
	"keras":       {"layers.Lambda", "models.load_model", "saving", "src.layers.core.lambda_layer", "src.saving"},
	"logging":     {"config"},
	"numpy":       {"distutils", "f2py", "fromfile", "lib.npyio", "load", "runstring", "testing"},
	"operator":    {"attrgetter", "itemgetter", "methodcaller"},
	"pandas":      {"core.computation", "eval", "io", "read_"},
	"pickle":      {"load"},
	"platform":    {"popen"},
	"site":        {"addpackage", "addsitedir", "execsitecustomize", "execusercustomize", "main"},
	"sympy":       {"core.sympify", "parsing", "sympify"},
	"tensorflow":  {"io", "keras.layers.Lambda", "raw_ops"},
	"test":        {"support"},
	"torch": {
		"_dynamo.guards", "_inductor", "classes.load_library", "distributed.rpc", "fx.experimental", "fx.graph_module", "hub", "jit.load",
		"load", "ops.load_library", "package", "serialization.load", "utils.cpp_extension", "utils.model_zoo",
	},
	"trace": {"Trace"},
	"uuid":  {"_popen"},
}

var builtins = []string{
	"__import__", "apply", "breakpoint", "compile", "delattr", "eval", "exec", "file", "filter", "getattr", "globals", "input", "locals",
	"map", "open", "setattr", "vars",
}

// CanRun reports whether unpickling with g as a callable can run a program or code of the file's author's choice.
// The lists serve only to tell the user; nothing is ever called, whether listed or not.
func CanRun(g pickle.Global) bool {
	if listed(g.String()) {
		return true
	}
	// A name can lead through what a module has imported: serialization.os.system of torch.
	for name := g.Name; strings.Contains(name, "."); _, name, _ = strings.Cut(name, ".") {
		if listed(name) {
			return true
		}
	}
	return false
}

func listed(name string) bool {
	if slices.Contains(harmless, name) {
		return false
	}
	top, rest, _ := strings.Cut(name, ".")
	return slices.Contains(running, top) ||
		slices.ContainsFunc(within[top], func(begin string) bool { return strings.HasPrefix(rest, begin) })
}
