package local

import (
	"path/filepath"

	"github.com/reprocheck/reprocheck/runner/record"
)

// spread knows of files whose values lie in other ones, as those of TensorFlow's index do in its data files. What is in a
// data file is the content of the file that names it.
type spread struct {
	onDisk []string       // of each artifact
	of     map[string]int // of the files beside, the artifact whose values they hold
}

func (s *spread) add(onDisk string, artifact record.Artifact, beside []string) {
	if artifact.Content != "" && len(beside) > 0 && s.of == nil {
		s.of = map[string]int{}
	}
	if artifact.Content != "" {
		for _, path := range beside {
			s.of[filepath.Clean(path)] = len(s.onDisk)
		}
	}
	s.onDisk = append(s.onDisk, filepath.Clean(onDisk))
}

// settle gives the artifacts that were added, in their order, the content that lies in them.
func (s *spread) settle(artifacts []record.Artifact) {
	for i, path := range s.onDisk {
		a := &artifacts[i]
		if owner, ok := s.of[path]; ok && owner != i && len(a.Leaves) == 0 && a.Unread == "" && a.Link == "" {
			a.Of, a.Content, a.Format = artifacts[owner].Path, artifacts[owner].Content, ""
		}
	}
}
