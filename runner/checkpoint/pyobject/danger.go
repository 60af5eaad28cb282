package pyobject

import (
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// runsCode reports whether unpickling with g as a callable can run a program or code of the file's author's choice.
// The list serves only to tell the user; nothing is ever called, whether listed or not.
func runsCode(g pickle.Global) bool {
	top, _, _ := strings.Cut(g.Module, ".")
	switch top {
	case "os", "posix", "nt", "subprocess", "pty", "commands", "popen2", "shutil", "socket", "ctypes", "_ctypes", "runpy",
		"code", "codeop", "importlib", "imp", "pip", "webbrowser", "asyncio", "multiprocessing", "threading", "pdb", "bdb",
		"timeit", "profile", "cProfile", "urllib", "requests", "httplib", "http", "ftplib", "marshal", "types", "sys",
		"_posixsubprocess", "signal", "pydoc", "doctest", "tempfile", "zipimport", "cloudpickle":
		return true
	case "builtins":
		switch g.Name {
		case "eval", "exec", "execfile", "compile", "open", "file", "__import__", "getattr", "setattr", "delattr",
			"globals", "locals", "vars", "input", "breakpoint", "apply":
			return true
		}
	case "operator", "_operator":
		return g.Name == "attrgetter" || g.Name == "methodcaller" || g.Name == "itemgetter"
	case "functools", "_functools":
		return g.Name == "partial" || g.Name == "reduce"
	case "torch":
		return g.Name == "load" || strings.HasPrefix(g.Module, "torch.hub") || strings.HasPrefix(g.Module, "torch.utils.cpp_extension")
	case "pickle", "_pickle", "dill", "joblib":
		return g.Name == "load" || g.Name == "loads"
	case "numpy":
		return g.Module == "numpy.testing._private.utils" || g.Name == "runstring"
	}
	return false
}
