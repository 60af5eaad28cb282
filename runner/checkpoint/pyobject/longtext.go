package pyobject

import (
	"io"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// longText adds a text that stays in the file.
func (w *walker) longText(p *keypath.Path, t *pickle.Text) error {
	data := checkpoint.Section(w.src.File, t.Off, t.Len)
	head := make([]byte, shortText+utf8.UTFMax)
	if err := checkpoint.ReadFull(data, head, 0); err != nil {
		return err
	}
	return w.add(p, checkpoint.Entry{Kind: checkpoint.KindString, Type: "str", Text: checkpoint.Clip(string(head), shortText), Data: data})
}

// latin1 reads bytes that are written as a text, one character for each.
type latin1 struct {
	text checkpoint.Data // UTF-8, all characters below U+0100
	size int64           // of the bytes

	once   sync.Once
	before []int64 // how many bytes begin before every multiple of stride in the text
	err    error
}

const stride = 32 << 10

func (l *latin1) Size() int64 { return l.size }

func (l *latin1) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off >= l.size {
		return 0, io.EOF
	}
	l.once.Do(func() { l.err = l.count() })
	if l.err != nil {
		return 0, l.err
	}
	if left := l.size - off; int64(len(p)) > left {
		p, err = p[:left], io.EOF
	}
	at, found := slices.BinarySearch(l.before, off)
	if !found {
		at--
	}
	skip := off - l.before[at]
	var buf [stride + 1]byte // with the second half of a character that begins in the first
	for ; n < len(p); at++ {
		text, err := l.read(buf[:], at)
		if err != nil {
			return n, err
		}
		for i := 0; i < min(len(text), stride) && n < len(p); i++ {
			b := text[i]
			switch {
			case b&0xc0 == 0x80:
				continue
			case b >= utf8.RuneSelf && i+1 < len(text):
				b = b<<6 | text[i+1]&0x3f
			}
			if skip > 0 {
				skip--
				continue
			}
			p[n] = b
			n++
		}
	}
	return n, err
}

// read fills buf with the text from a multiple of stride on, as far as it goes.
func (l *latin1) read(buf []byte, at int) ([]byte, error) {
	from := int64(at) * stride
	buf = buf[:max(0, min(int64(len(buf)), l.text.Size()-from))]
	if len(buf) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return buf, checkpoint.ReadFull(l.text, buf, from)
}

func (l *latin1) count() error {
	var buf [stride]byte
	n := int64(0)
	for at := 0; int64(at)*stride < l.text.Size(); at++ {
		l.before = append(l.before, n)
		text, err := l.read(buf[:], at)
		if err != nil {
			return err
		}
		n += int64(len(text))
		for _, b := range text {
			n -= int64(b >> 7 &^ (b >> 6)) // 1 for the second byte of a character
		}
	}
	return nil
}
