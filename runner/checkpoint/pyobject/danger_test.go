package pyobject

import (
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

func TestNamesThatRunCodeAreKnown(t *testing.T) {
	for _, g := range []pickle.Global{
		{Module: "posix", Name: "system"}, {Module: "builtins", Name: "exec"}, {Module: "builtins", Name: "map"}, {Module: "io", Name: "open"},
		{Module: "torch", Name: "serialization.os.system"}, {Module: "collections", Name: "abc.sys.modules"}, {Module: "pandas", Name: "eval"},
		{Module: "torch.fx.graph_module", Name: "reduce_graph_module"}, {Module: "torch.serialization", Name: "load"},
		{Module: "numpy.f2py.crackfortran", Name: "getlincoef"}, {Module: "idlelib.pyshell", Name: "ModifiedInterpreter.runcommand"},
		{Module: "pkgutil", Name: "resolve_name"}, {Module: "numpy", Name: "load"}, {Module: "logging.config", Name: "_resolve"},
	} {
		if !CanRun(g) {
			t.Errorf("%s is not told", g)
		}
	}
	for _, g := range []pickle.Global{
		{Module: "types", Name: "SimpleNamespace"}, {Module: "_io", Name: "BytesIO"}, {Module: "collections", Name: "OrderedDict"},
		{Module: "torch._utils", Name: "_rebuild_tensor_v2"}, {Module: "numpy._core.multiarray", Name: "_reconstruct"},
		{Module: "numpy", Name: "memmap"}, {Module: "joblib.numpy_pickle", Name: "NumpyArrayWrapper"}, {Module: "pathlib", Name: "PosixPath"},
		{Module: "models.test.code", Name: "Net.Config"}, {Module: "__main__", Name: "Net"}, {Module: "test", Name: "Net"},
		{Module: "builtins", Name: "slice"}, {Module: "logging", Name: "getLogger"}, {Module: "random", Name: "Random"},
	} {
		if CanRun(g) {
			t.Errorf("%s is said to run code", g)
		}
	}
}
