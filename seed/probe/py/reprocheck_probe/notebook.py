"""Names the cells of a notebook: train.ipynb:In[2] is the second cell of code in train.ipynb, which need not be the second
that ran."""

import os
import sys

# Processes further up than this are not asked for the notebook, and a larger file is not read.
_FURTHEST = 8
_LARGEST = 64 << 20


class Notebook:
    """The notebook that the process runs, as far as the command lines of those that started it tell."""

    def __init__(self, below_root):
        self._below_root = below_root
        self._path = None
        self._cells = None

    def name(self, file):
        """Returns the name under which a cell is shown: of the notebook and the cell in it, else of IPython's own count."""
        if self._cells is None:
            self._cells = []
            self._find()
        count, source = _executed(file)
        if source in self._cells:
            return "%s:In[%d]" % (self._below_root(self._path), self._cells.index(source) + 1)
        return "notebook:In[%s]" % count

    def _find(self):
        pid = os.getpid()
        for _ in range(_FURTHEST):
            path = _notebook_of(pid)
            if path is not None:
                self._path, self._cells = path, _cells(path)
                return
            pid = _parent(pid)
            if pid <= 1:
                return


def _executed(file):
    """Returns by how many cells IPython had counted on, and the source as it was sent; the file's name and None where IPython
    does not tell, as one older than 8 does not."""
    try:
        shell = sys.modules["IPython"].get_ipython()
        count = shell.compile.format_code_name(file)[1][len("In["):-1]
        return count, shell.history_manager.input_hist_raw[int(count)].strip("\n")
    except Exception:
        return os.path.basename(file), None


def _notebook_of(pid):
    """Returns the path of the first notebook that a process is told to run, None where it is told of none."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            arguments = os.fsdecode(file.read()).split("\0")
        folder = os.readlink("/proc/%d/cwd" % pid)
    except OSError:
        return None
    for before, argument in zip([""] + arguments, arguments):
        if argument.endswith(".ipynb") and not argument.startswith("-") and before != "--output":
            return os.path.join(folder, argument)
    return None


def _parent(pid):
    from .identity import parent

    return parent(pid)


def _cells(path):
    """Returns the sources of the cells of code that are not empty."""
    import json

    try:
        with open(path, encoding="utf-8") as file:
            cells = json.loads(file.read(_LARGEST))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [source.strip("\n") for source in sources if source.strip()]
