package launch

// watcher answers the filter.
type watcher struct{}

func (w *watcher) report(o *Outcome) {}

func (k *keeper) filter() error { return nil }
