package metrics

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
	"github.com/reprocheck/reprocheck/runner/record"
)

const (
	defaultMaxPoints = 40_000
	maxSeries        = 2_000
	// maxIndexed bounds the series made of one printed vector; the values beyond share one series.
	maxIndexed = 16
)

// overflow is the name of the series that takes the values of all names beyond maxSeries, as a digest.
const overflow = "(further names)"

// Collector is an io.Writer that makes series of what a run prints. Close ends the stream.
type Collector struct {
	*Lines
	reader    lineReader
	origin    string
	maxPoints int
	budget    int // points that all series together may still keep

	series []*series
	byKey  map[string]*series
	key    []byte
	epoch  int64 // printed on a line of its own, and holding for the lines below it
	inside bool  // epoch is set
	lane   []byte

	remarks *remarks // set for standard error, of which only results are taken
}

// series is a record.Series in the making.
type series struct {
	record.Series
	count  int64
	digest hash.Hash
	hashed []byte // what is added to digest, in a buffer used again
	limit  int
}

// NewCollector returns a Collector whose series are said to come from origin.
func NewCollector(origin string, o Options) *Collector {
	c := &Collector{reader: lineReader{formats: formats(o.Regex)}, origin: origin, maxPoints: o.MaxPoints, byKey: map[string]*series{}}
	if c.maxPoints <= 0 {
		c.maxPoints = defaultMaxPoints
	}
	c.budget = 2 * c.maxPoints
	c.Lines = NewLines(c.line)
	c.Lines.textOnly = len(o.Regex) == 0 // a pattern of the user's knows what it looks for
	return c
}

// Series ends the stream and returns what was read, in the order of first appearance.
func (c *Collector) Series() []record.Series {
	_ = c.Close()
	out := make([]record.Series, 0, len(c.series))
	for _, s := range c.series {
		out = append(out, s.finish())
	}
	return out
}

func (c *Collector) line(number int64, line []byte) {
	if c.remarks != nil && c.remarks.skip(line) {
		return
	}
	for rest := afterBar(line); len(rest) > 0; {
		line, rest = cutJoined(rest)
		c.single(number, line)
	}
}

func (c *Collector) single(number int64, line []byte) {
	fields := c.reader.read(line)
	c.lane, fields = lane(line, fields)
	if c.remarks != nil {
		fields = results(fields)
	}
	c.take(number, fields)
}

// take adds the numbers of one line.
func (c *Collector) take(number int64, fields []field) {
	at := positionOf(fields)
	measuredAny := false
	for i := range fields {
		if fields[i].role == measured {
			measuredAny = true
			break
		}
	}
	if !measuredAny {
		if at.hasCoarse && !at.hasFine {
			c.epoch, c.inside = at.coarse, true
		}
		return
	}
	if !at.hasGlobal && !at.hasCoarse && c.inside && (at.hasFine || at.hasBar) {
		at.coarse, at.hasCoarse = c.epoch, true
	}
	if at.hasBar && !at.hasFine && !at.hasGlobal && !at.full {
		at.fine, at.hasFine = at.bar, true
	} else if !at.named() && at.hasBar {
		at.fine, at.hasFine = at.bar, true
	}
	for i := range fields {
		if fields[i].role == measured {
			c.add(number, &fields[i], at)
		}
	}
}

func (c *Collector) add(number int64, f *field, at position) {
	s := c.find(f)
	step := s.count
	if at.named() {
		step = at.step()
	}
	s.add(record.Point{Step: step, Value: record.Float(f.value), Line: number}, f.text, &c.budget)
}

// find returns the series of a number, made if there was none. Numbers with a volatile unit have a series of their own, so that
// "in 3 steps" and "in 3.2 s" are kept apart.
func (c *Collector) find(f *field) *series {
	c.key = append(c.key[:0], f.label...)
	if len(f.label) == 0 {
		c.key = append(c.key, "value"...)
	}
	if f.index > 0 {
		c.key = append(c.key, '[')
		if f.index < maxIndexed {
			c.key = strconv.AppendInt(c.key, int64(f.index), 10)
		} else {
			c.key = append(c.key, strconv.Itoa(maxIndexed)+"..."...)
		}
		c.key = append(c.key, ']')
	}
	named := len(c.key)
	if c.lane != nil {
		c.key = append(append(c.key, 1), c.lane...)
	}
	if f.why != "" {
		c.key = append(append(c.key, 0), f.why...)
	}
	if s := c.byKey[string(c.key)]; s != nil {
		return s
	}
	return c.open(string(c.key), string(c.key[:named]), f)
}

func (c *Collector) open(key, name string, f *field) *series {
	if len(c.series) >= maxSeries || len(c.byKey) >= 4*maxSeries {
		if s := c.byKey[overflow]; s != nil {
			return s
		}
		key, name = overflow, overflow
	}
	name = strings.ToValidUTF8(name, "?")
	name, _ = volatile.Mask(name)
	why := f.volatile(name)
	if c.lane != nil {
		name += " (" + strings.ToValidUTF8(string(c.lane), "?") + ")"
	}
	if f.why != "" && f.label == nil {
		name = why
	}
	// What was masked in the name, or what is not volatile after all, may lead to a series that exists.
	for _, s := range c.series {
		if s.Name == name && s.Volatile == why {
			c.byKey[key] = s
			return s
		}
	}
	s := &series{Series: record.Series{Name: name, Origin: c.origin, Volatile: why}, digest: sha256.New(), limit: c.maxPoints}
	if name == overflow {
		s.limit = 1
	}
	if why != "" {
		s.limit = min(s.limit, 1000)
	}
	c.series = append(c.series, s)
	c.byKey[key] = s
	return s
}

// add keeps a point while there is room, and the newest in any case.
func (s *series) add(p record.Point, text []byte, budget *int) {
	s.count++
	s.hashed = append(strconv.AppendInt(s.hashed[:0], p.Step, 10), '\t')
	s.hashed = append(append(s.hashed, text...), '\n')
	s.digest.Write(s.hashed)
	if len(s.Points) < s.limit && *budget > 0 || len(s.Points) == 0 {
		*budget--
		p.Text = string(text)
		s.Points = append(s.Points, p)
		return
	}
	s.Dropped++
	last := &s.Points[len(s.Points)-1]
	last.Step, last.Value, last.Line = p.Step, p.Value, p.Line
	if last.Text != string(text) {
		last.Text = string(text)
	}
}

func (s *series) finish() record.Series {
	s.Digest = hex.EncodeToString(s.digest.Sum(nil))
	return s.Series
}
