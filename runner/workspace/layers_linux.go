package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// layer is one directory that is to get an upper layer.
type layer struct {
	path string
	what string // what the directory is to the user, for messages
	need bool   // without it there is no workspace
}

// layers lists the directories to cover, outermost first. One that lies inside the project belongs to the project.
func (s Spec) layers() (all []layer, limits []string) {
	project := layer{s.Project, "project", true}
	wanted := []layer{project, {s.Home, "HOME", false}, {s.Temp, "temporary directory", false}, {"/tmp", "temporary directory", false}}
	for _, dir := range s.Cover {
		wanted = append(wanted, layer{dir, "directory to cover", false})
	}
	for _, l := range wanted {
		if l.path == "" {
			continue
		}
		path, err := filepath.EvalSymlinks(l.path)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				limits = append(limits, fmt.Sprintf("%s %s has no private layer: %v", l.what, l.path, err))
			}
			continue
		}
		if path == "/" {
			limits = append(limits, l.what+" is the root directory and has no private layer")
			continue
		}
		if !l.need && (within(path, project.path) || covered(path, all)) {
			continue
		}
		l.path = path
		all = append(all, l)
	}
	// A stable order by depth: a layer below another must be mounted after it.
	for i := 1; i < len(all); i++ {
		for j := i; j > 0 && depth(all[j].path) < depth(all[j-1].path); j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	return all, limits
}

func covered(path string, layers []layer) bool {
	for _, l := range layers {
		if path == l.path {
			return true
		}
	}
	return false
}

func depth(path string) int { return strings.Count(path, "/") }
