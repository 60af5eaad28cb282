package volatile

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"

	"google.golang.org/protobuf/encoding/protowire"
)

// The file that TensorFlow writes beside a SavedModel: hashes of its parts, a version, and a number drawn anew for each that is
// written (fingerprint.proto).
const (
	fingerprintName = "fingerprint.pb"
	maxFingerprint  = 4096
	fieldUUID       = 7
)

// FingerprintFormat is the format of a SavedModel's fingerprint.
const FingerprintFormat = "fingerprint"

// Fingerprint is the digest of a SavedModel's fingerprint without the number that is drawn for it; "" where the file is none.
func Fingerprint(r io.ReaderAt, name string, size int64) string {
	if path.Base(name) != fingerprintName || size > maxFingerprint {
		return ""
	}
	message := make([]byte, size)
	if n, _ := r.ReadAt(message, 0); int64(n) < size {
		return ""
	}
	sum := sha256.New()
	for len(message) > 0 {
		field, kind, head := protowire.ConsumeTag(message)
		if head < 0 || field > fieldUUID {
			return ""
		}
		value := protowire.ConsumeFieldValue(field, kind, message[head:])
		if value < 0 {
			return ""
		}
		if field != fieldUUID {
			sum.Write(message[:head+value])
		}
		message = message[head+value:]
	}
	return hex.EncodeToString(sum.Sum(nil))
}
