//go:build !linux

package launch

// custodian is nobody here: what a killed process leaves is removed by the maker of the next scratch directory.
type custodian struct{}

func newCustodian(string) *custodian { return nil }

func (*custodian) dismiss() {}
