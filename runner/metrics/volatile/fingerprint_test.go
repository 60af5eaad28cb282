package volatile

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestAFingerprintIsComparedWithoutItsRandomNumber(t *testing.T) {
	message := func(hash uint64, uuid string) []byte {
		p := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), hash)
		return protowire.AppendString(protowire.AppendTag(p, fieldUUID, protowire.BytesType), uuid)
	}
	digest := func(name string, p []byte) string { return Fingerprint(bytes.NewReader(p), name, int64(len(p))) }
	first := digest("saved/fingerprint.pb", message(1, "26"))
	switch {
	case first == "":
		t.Error("a fingerprint is not known")
	case digest("fingerprint.pb", message(1, "195")) != first:
		t.Error("the random number counts")
	case digest("fingerprint.pb", message(2, "26")) == first:
		t.Error("a hash does not count")
	}
	for name, p := range map[string][]byte{"model.pb": message(1, "26"), "fingerprint.pb": []byte("text"), "a/fingerprint.pb": make([]byte, maxFingerprint+1)} {
		if got := digest(name, p); got != "" {
			t.Errorf("%s of %d bytes is taken for a fingerprint", name, len(p))
		}
	}
}
