package launch

import "context"

// Capabilities finds out by trial what this machine lets the launcher do.
func Capabilities(ctx context.Context) []Capability { return nil }
