package keras

import "testing"

// TestSharedObjectsAreNumbered holds that a configuration does not depend on addresses, and still tells which layers share.
func TestSharedObjectsAreNumbered(t *testing.T) {
	first := numbered(`[{"shared_object_id": 140338696879440}, {"shared_object_id": 77}, {"shared_object_id": 140338696879440}]`)
	if want := `[{"shared_object_id": 0}, {"shared_object_id": 1}, {"shared_object_id": 0}]`; first != want {
		t.Errorf("%s, want %s", first, want)
	}
	if other := numbered(`[{"shared_object_id": 5}, {"shared_object_id": 5}, {"shared_object_id": 6}]`); other == first {
		t.Error("another sharing has the same configuration")
	}
	for _, config := range []string{`{"name": "\"shared_object_id\": 17"}`, `{"units": 17}`, `{"shared_object_id": null}`} {
		if got := numbered(config); got != config {
			t.Errorf("%s became %s", config, got)
		}
	}
}
