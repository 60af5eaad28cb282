package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const (
	scratchPrefix = "reprocheck-"
	ownerFile     = "owner"
)

// Scratch is a directory for temporary files that does not outlive its process for long: Close removes it; a process that is
// killed has it removed by its custodian; and where the custodian was killed too, the next Scratch made here removes it.
type Scratch struct {
	// Dir is its absolute path, in the directory for temporary files.
	Dir string

	watch     sync.Once
	custodian *custodian
}

// NewScratch makes a scratch directory.
func NewScratch() (*Scratch, error) {
	temp, err := filepath.Abs(os.TempDir())
	if err != nil {
		return nil, fmt.Errorf("finding the directory for temporary files: %w", err)
	}
	s := &Scratch{}
	if s.Dir, err = os.MkdirTemp(temp, scratchPrefix); err != nil {
		return nil, fmt.Errorf("making a scratch directory, where TMPDIR says: %w", err)
	}
	// Written whole or not at all, because without it nobody takes the directory for abandoned.
	owner := filepath.Join(s.Dir, ownerFile)
	if err = os.WriteFile(owner+".new", []byte(Owner()), 0o600); err == nil {
		err = os.Rename(owner+".new", owner)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a scratch directory: %w", err), os.RemoveAll(s.Dir))
	}
	return s, nil
}

// Watch has the directory removed should this process be killed, and removes what others have left that were. It takes some
// milliseconds.
func (s *Scratch) Watch() {
	s.watch.Do(func() {
		s.custodian = newCustodian(s.Dir)
		go removeAbandoned(filepath.Dir(s.Dir))
	})
}

// Close removes the directory.
func (s *Scratch) Close() error {
	s.watch.Do(func() {}) // no custodian any more
	err := RemoveAll(s.Dir)
	s.custodian.dismiss()
	return err
}

// removeAbandoned removes the scratch directories below temp that this user's processes have left. What cannot be looked at or
// removed stays: it is somebody else's.
func removeAbandoned(temp string) {
	dir, err := os.Open(temp)
	if err != nil {
		return
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			if path := filepath.Join(temp, name); strings.HasPrefix(name, scratchPrefix) && abandoned(path) {
				_ = RemoveAll(path)
			}
		}
		if err != nil {
			return
		}
	}
}

// abandoned reports whether path is a scratch directory of this user whose process has ended.
func abandoned(path string) bool {
	if info, err := os.Lstat(path); err != nil || !info.IsDir() || !ownedByUser(info) {
		return false
	}
	owner, err := os.ReadFile(filepath.Join(path, ownerFile))
	return err == nil && !Alive(string(owner))
}
