package volatile

import (
	"path"
	"strings"
)

// Container reports why a file is expected to differ between any two runs because of what it is, by its name alone:
// a log of a tracker, a cache, a database with times inside. "" where the name says nothing.
func Container(file string) string {
	base := path.Base(file)
	for dir := range strings.SplitSeq(path.Dir(file), "/") {
		switch {
		case dir == "__pycache__" || dir == ".ipynb_checkpoints":
			return "a cache of the interpreter"
		case dir == "wandb" || dir == "mlruns" || dir == ".aim" || dir == ".neptune" || dir == ".comet":
			return "a folder of an experiment tracker"
		case dir == ".git" || dir == ".dvc" || dir == ".hg":
			return "a folder of a version-control system"
		}
	}
	switch {
	case strings.HasPrefix(base, "events.out.tfevents."):
		return Format("tfevents")
	case strings.HasSuffix(base, ".pyc"):
		return Format("pyc")
	}
	switch strings.ToLower(path.Ext(base)) {
	case ".db", ".sqlite", ".sqlite3", ".db-wal", ".db-shm", ".db-journal":
		return Format("sqlite")
	case ".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg":
		return Format("image")
	case ".pdf":
		return Format("pdf")
	case ".pid", ".lock":
		return Identifier
	}
	return ""
}

// Format reports why files of a format are never compared by their bytes, or ""; the names are those of record.Artifact.Format.
func Format(format string) string {
	switch format {
	case "tfevents":
		return "a TensorBoard event file, with times and the host's name inside"
	case "pyc":
		return "a cache of the interpreter, with modification times inside"
	case "sqlite":
		return "a database, with times and free pages inside"
	case "image":
		return "an image, whose encoder writes dates and versions"
	case "pdf":
		return "a PDF document, with its date of creation inside"
	}
	return ""
}
