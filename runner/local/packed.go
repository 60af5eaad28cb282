package local

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/reprocheck/reprocheck/runner/metrics"
)

const (
	// maxUnpacked bounds what one packed file is unpacked to, and maxMembers how many files of an archive are looked at.
	maxUnpacked = 1 << 30
	maxMembers  = 100_000
)

var errUnpacked = errors.New("more than is unpacked")

// packedDigest is the digest of what a compressed file or an archive holds, without the times and orders that packing adds; ""
// where the file is neither, is damaged, or holds more than is unpacked.
func packedDigest(f *os.File, size int64) (format, digest string) {
	var head [512]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", ""
	}
	left := &allowance{maxUnpacked}
	switch magic := string(head[:n]); {
	case n > 3 && magic[:3] == "\x1f\x8b\x08":
		format, digest, err = gzipDigest(io.NewSectionReader(f, 0, size), left)
	case n > 4 && magic[:4] == "PK\x03\x04":
		format, digest, err = zipDigest(f, size, left)
	case isTar(head[:n]):
		format, digest, err = tarDigest(io.NewSectionReader(f, 0, size), left)
	default:
		return "", ""
	}
	if err != nil {
		return "", ""
	}
	return format, digest
}

// allowance is how many bytes may still be unpacked.
type allowance struct{ left int64 }

func (a *allowance) of(r io.Reader) io.Reader { return allowed{r, a} }

type allowed struct {
	from io.Reader
	*allowance
}

func (a allowed) Read(p []byte) (int, error) {
	n, err := a.from.Read(p)
	if a.left -= int64(n); a.left < 0 {
		return n, errUnpacked
	}
	return n, err
}

// isTar looks for the magic of POSIX and GNU archives, which stands at offset 257 of the first header.
func isTar(head []byte) bool { return len(head) > 262 && string(head[257:262]) == "ustar" }

func gzipDigest(r io.Reader, left *allowance) (format, digest string, err error) {
	unpacked, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return "", "", err
	}
	in := bufio.NewReaderSize(left.of(unpacked), 4096)
	head, err := in.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", "", err
	}
	if isTar(head) {
		if _, digest, err = tarDigest(in, left); err != nil {
			return "", "", err
		}
		_, err = io.Copy(io.Discard, in) // to where the checksum stands
		return "tar.gz", digest, err
	}
	digest, err = textOrBytes(in)
	return "gzip", digest, err
}

func tarDigest(r io.Reader, left *allowance) (format, digest string, err error) {
	var all members
	archive := tar.NewReader(left.of(r))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return "tar", all.digest(), nil
		}
		if err != nil {
			return "", "", err
		}
		if err := all.add(fmt.Sprintf("%c %s %s", header.Typeflag, header.Name, header.Linkname), archive); err != nil {
			return "", "", err
		}
	}
}

func zipDigest(f *os.File, size int64, left *allowance) (format, digest string, err error) {
	archive, err := zip.NewReader(f, size)
	if err != nil {
		return "", "", err
	}
	var all members
	for _, member := range archive.File {
		in, err := member.Open()
		if err != nil {
			return "", "", err
		}
		err = all.add(member.Name, left.of(in))
		if err = errors.Join(err, in.Close()); err != nil {
			return "", "", err
		}
	}
	return "zip", all.digest(), nil
}

// members are the files of an archive, each by its name and the digest of its content.
type members []string

func (m *members) add(name string, r io.Reader) error {
	if len(*m) >= maxMembers {
		return errUnpacked
	}
	digest, err := textOrBytes(r)
	*m = append(*m, fmt.Sprintf("%d:%s%s", len(name), name, digest))
	return err
}

// digest does not depend on the order, which is often that of a directory.
func (m members) digest() string {
	slices.Sort(m)
	sum := sha256.New()
	for _, member := range m {
		fmt.Fprintf(sum, "%d:%s", len(member), member)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// textOrBytes is the digest of a text without its times and identifiers, and of anything else as it is.
func textOrBytes(r io.Reader) (string, error) {
	sum := sha256.New()
	whole := io.TeeReader(r, sum)
	digest, isText, err := metrics.MaskedDigest(whole)
	if err != nil {
		return "", err
	}
	if isText {
		return digest, nil
	}
	if _, err := io.Copy(io.Discard, whole); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
