package metrics

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
)

// sniffed is how much of a file decides whether it is text.
const sniffed = 8 << 10

// unfinishedBar is a bar of tqdm's on its way, which a log or a page may hold on a line of its own: how often it is drawn is chance.
var unfinishedBar = regexp.MustCompile(`(^|[\s>])\d{1,2}%\|.*\| *\d+/\d+ \[`)

// readers are used again: a run may write very many short texts.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}

// MaskedDigest is the SHA-256, in hexadecimal, of a text without what differs by nature: times, durations, dates, identifiers,
// addresses, temporary paths, what progress bars drew on the way, blank lines and the width of blanks. Two logs of the same training have
// the same digest. What is beyond the first 1 MiB of a line, and a line that is no text, counts as it is. The numbers of the run's own processes are left out as well. isText is false, and the digest empty, for what is not
// UTF-8 text. The text may be of any length.
func MaskedDigest(r io.Reader, pids ...int64) (digest string, isText bool, err error) {
	in := readers.Get().(*bufio.Reader)
	defer readers.Put(in)
	in.Reset(struct{ io.Reader }{r}) // alone: io.Copy would have a file bring a buffer of its own
	defer in.Reset(nil)
	head, err := in.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, fmt.Errorf("reading the beginning of a text: %w", err)
	}
	if !looksLikeText(head) {
		return "", false, nil
	}
	sum := sha256.New()
	m := masker{reader: lineReader{formats: formats(nil)}, reasons: map[string]string{}}
	own := ownNumbers{pids: slices.Sorted(slices.Values(pids))}
	lines := NewLines(func(_ int64, line []byte) {
		if bytes.Contains(line, []byte("%|")) && unfinishedBar.Match(line) {
			return
		}
		if masked := m.mask(own.mask(line)); len(masked) > 0 {
			sum.Write(masked)
			sum.Write([]byte{'\n'})
		}
	})
	lines.lost = func(part []byte) { sum.Write(part) }
	if _, err := io.Copy(lines, in); err != nil {
		return "", false, fmt.Errorf("reading a text: %w", err)
	}
	_ = lines.Close()
	return hex.EncodeToString(sum.Sum(nil)), true, nil
}

// looksLikeText allows control characters that terminals understand, and a character cut at the end of head.
func looksLikeText(head []byte) bool {
	for i := 0; i < len(head); {
		c := head[i]
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\b' && c != '\f' && c != 0x1B {
			return false
		}
		if c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && size <= 1 {
			return len(head) == sniffed && len(head)-i < utf8.UTFMax
		}
		i += size
	}
	return true
}

// masker replaces the volatile parts of lines.
type masker struct {
	reader  lineReader
	out     []byte
	reasons map[string]string // volatile.Name of labels seen before
}

// maxReasons bounds the labels remembered.
const maxReasons = 4096

// mask returns the line without its volatile parts and with single blanks; the result is valid until the next call.
func (m *masker) mask(line []byte) []byte {
	m.out = m.out[:0]
	fields := m.reader.read(line)
	slices.SortStableFunc(fields, func(a, b field) int { return a.start - b.start })
	at := 0
	for i := range fields {
		f := &fields[i]
		if f.start < at || f.end <= f.start {
			continue
		}
		why := ""
		if f.role == measured {
			why = m.why(f)
		}
		m.words(line[at:f.start])
		if why == "" {
			m.verbatim(line[f.start:f.end]) // no digits of a number that counts are looked at again
		} else {
			m.token(why)
		}
		at = f.end
	}
	m.words(line[at:])
	return bytes.TrimRight(m.out, " ")
}

func (m *masker) why(f *field) string {
	if f.why != "" {
		return f.volatile(string(f.label))
	}
	if why, ok := m.reasons[string(f.label)]; ok {
		return why
	}
	why := volatile.Name(string(f.label))
	if len(m.reasons) < maxReasons {
		m.reasons[string(f.label)] = why
	}
	return why
}

// words copies text without numbers that count: shapes inside words are masked, and so are words that a volatile name announces
// ("host=node7", '"run_id": "abc"').
func (m *masker) words(text []byte) {
	for len(text) > 0 {
		sep := separator(text)
		if sep < 0 {
			m.plain(text)
			return
		}
		start := sep + 1
		for start < len(text) && (text[start] == ' ' || text[start] == '"' || text[start] == '\'') {
			start++
		}
		end := start
		quote := byte(0)
		if start > sep+1 && text[start-1] != ' ' {
			quote = text[start-1]
		}
		for end < len(text) && (quote != 0 && text[end] != quote || quote == 0 && isWord(text[end])) {
			end++
		}
		label := labelBefore(text[:start])
		if label == nil || end == start || m.why(&field{label: label}) == "" {
			m.plain(text[:sep+1])
			text = text[sep+1:]
			continue
		}
		m.plain(text[:start])
		m.token(volatile.Name(string(label)))
		text = text[end:]
	}
}

// separator is the place of the first sign in text that may stand between a name and a value, -1 where there is none. The colon of a time
// of day is none.
func separator(text []byte) int {
	for i, c := range text {
		if c == '=' || c == ':' && !(i > 0 && isDigit(text[i-1]) && i+1 < len(text) && isDigit(text[i+1])) {
			return i
		}
	}
	return -1
}

func (m *masker) plain(text []byte) {
	masked, _ := volatile.Mask(string(text))
	m.verbatim([]byte(masked))
}

// verbatim copies text with single blanks.
func (m *masker) verbatim(text []byte) {
	for _, c := range text {
		if c == '\t' {
			c = ' '
		}
		if c == ' ' && (len(m.out) == 0 || m.out[len(m.out)-1] == ' ') {
			continue
		}
		m.out = append(m.out, c)
	}
}

func (m *masker) token(why string) {
	m.out = append(m.out, '<')
	m.out = append(m.out, why...)
	m.out = append(m.out, '>')
}
