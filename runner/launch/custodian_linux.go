package launch

import (
	"os"
	"time"
)

// custodian is a process that removes a directory when this one has ended without doing so.
type custodian struct{ tree *tree }

// newCustodian returns nil where no process can be started: then the next scratch directory's maker removes this one.
func newCustodian(dir string) *custodian {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	defer null.Close()
	t, err := startStub([3]*os.File{null, null, null}, isolation{})
	if err != nil {
		return nil
	}
	if err := t.out.Encode(setup{Remove: dir}); err != nil {
		t.discard()
		return nil
	}
	return &custodian{t}
}

func (c *custodian) dismiss() {
	if c != nil {
		c.tree.discard()
	}
}

// clearAfter removes dir once ended is closed. The runs' process trees are being ended at the same time and may still write.
func clearAfter(ended <-chan order, dir string) {
	for range ended {
	}
	const tries, pause = 300, 100 * time.Millisecond
	for range tries {
		if err := RemoveAll(dir); err == nil {
			return
		}
		time.Sleep(pause)
	}
}
