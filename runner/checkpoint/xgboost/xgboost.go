// Package xgboost reads the models that XGBoost saves, in JSON or in UBJSON. Both give the same entries: an array of
// integers is a tensor of int64, because JSON does not tell their width, and an array of reals one of float32, or of
// float64 where its numbers need that.
package xgboost

import (
	"bytes"
	"context"
	"io"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

// Reader reads XGBoost's models.
type Reader struct{}

// Format returns "xgboost".
func (Reader) Format() string { return "xgboost" }

// Sniff looks for the first two keys, which XGBoost sorts. Neither encoding has a magic string.
func (Reader) Sniff(head []byte, _ string, _ int64) bool { return isUBJ(head) || isJSON(head) }

func isUBJ(head []byte) bool {
	const key = "L\x00\x00\x00\x00\x00\x00\x00" // 64-bit length, of less than 256
	return bytes.HasPrefix(head, []byte("{"+key+"\x07learner{"+key+"\x0aattributes{"))
}

func isJSON(head []byte) bool {
	compact := bytes.Map(func(r rune) rune {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			return -1
		}
		return r
	}, head[:min(len(head), 256)])
	return bytes.HasPrefix(compact, []byte(`{"learner":{"attributes":{`))
}

// Open reads the model. Arrays of UBJSON stay in the file until they are read.
func (Reader) Open(ctx context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	head := make([]byte, min(size, 256))
	if err := checkpoint.ReadFull(r, head, 0); err != nil {
		return nil, err
	}
	f := &checkpoint.File{Format: "xgboost"}
	b := tree.NewBuilder(f)
	var err error
	switch {
	case isUBJ(head):
		err = readUBJ(ctx, b, r, size)
	case isJSON(head):
		err = readJSON(ctx, b, r, size)
	default:
		err = checkpoint.ErrUnknownFormat
	}
	if err != nil {
		return nil, err
	}
	return f, b.Finish()
}
