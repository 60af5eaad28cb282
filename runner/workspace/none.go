package workspace

// none lets the run work in the user's own tree.
func (w *Workspace) none() error {
	w.dir = w.asked
	mark, err := markTime(w.root)
	if err != nil {
		return err
	}
	w.limits = append(w.limits, "nothing is isolated: runs write to the user's own tree, and what one leaves the next one finds; deleted files are not seen, and added and modified files are not told apart")
	w.changes = noneChanges(w.spec.Project, w.spec.Hide, mark)
	return nil
}
