package lint

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEstimatorsKeepTheirTraining holds that nothing is said to be missing that estimators have within themselves, and that
// those beside another model excuse nothing.
func TestEstimatorsKeepTheirTraining(t *testing.T) {
	dir := write(t, "write_sklearn.py", "sklearn", "joblib")
	for _, name := range []string{"pipeline.pkl", "pipeline.joblib", "several.pkl"} {
		d := check(t, filepath.Join(dir, name))
		if missing := with(d, Missing); len(missing) > 0 || d.Resume != "cannot tell" || !slices.Equal(d.GoodFor, []string{"inference"}) || len(d.NotFor) > 0 {
			t.Errorf("%s: missing %v, resume %q, good for %q, not for %q", name, missing, d.Resume, d.GoodFor, d.NotFor)
		}
		for _, p := range d.Parts {
			for _, word := range []string{"state_dict", "DataLoader", "torch.", "GradScaler"} {
				if p.Rule != "CK014" && p.Rule != "CK015" && strings.Contains(p.Why+p.Without+p.Fix, word) {
					t.Errorf("%s: %s speaks of %s", name, p.Rule, word)
				}
			}
		}
	}
	if missing := with(check(t, filepath.Join(dir, "beside.pkl")), Missing); !slices.Contains(missing, "CK002") {
		t.Errorf("a model beside an estimator: missing %v", missing)
	}
}
