package lint

// judge says what is true of a part of the training in every file of a family, ok being false where that depends on the file.
func (f family) judge(rule string) (status Status, why string, ok bool) {
	switch f {
	case boosting:
		switch rule {
		case "CK002", "CK003":
			return Present, "not needed: boosting adds to the model, and has no optimizer", true
		case "CK006", "CK007":
			return Present, "the model counts its rounds", true
		case "CK012", "CK013":
			return CannotTell, "needed only if code of the training's own draws from it; the library has its own", true
		}
	case scikitLearn:
		switch rule {
		case "CK002", "CK003", "CK004", "CK005", "CK006", "CK007", "CK008", "CK010", "CK011":
			return Present, "not needed: an estimator has within itself what partial_fit and warm_start go on from", true
		case "CK009":
			return CannotTell, "needed only if partial_fit gets the data part by part", true
		case "CK012":
			return CannotTell, "needed only if code of the training's own draws from it", true
		case "CK013":
			return CannotTell, "needed only if an estimator whose random_state is None is fitted further", true
		case "CK017":
			return Present, "the estimators' own parameters", true
		}
	}
	return "", "", false
}
