package metrics

import (
	"bytes"
	"errors"
	"regexp"
)

// patternFormat reads lines with the user's own patterns. A pattern has the named groups value and, if it likes, name and step;
// or one group without a name, which is the value. Without a name group the metric is called after the text in front of the
// value, after the step where that comes first. A line that a pattern matches is read by the patterns alone.
type patternFormat struct{ patterns []*regexp.Regexp }

// CompilePattern compiles a user's pattern; one that names no value is an error.
func CompilePattern(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	if re.SubexpIndex("value") < 0 && (re.NumSubexp() != 1 || re.SubexpNames()[1] != "") {
		return nil, errors.New("no group says where the value is, such as (?P<value>\\S+)")
	}
	return re, nil
}

func (f patternFormat) read(fields []field, line []byte) ([]field, bool) {
	found := false
	for _, re := range f.patterns {
		names := re.SubexpNames()
		for _, m := range re.FindAllSubmatchIndex(line, 256) {
			var value, name, step []byte
			start, label := 0, m[0]
			for g := 1; g < len(names) && 2*g+1 < len(m); g++ {
				if m[2*g] < 0 {
					continue
				}
				text := line[m[2*g]:m[2*g+1]]
				switch {
				case names[g] == "name":
					name = text
				case names[g] == "step":
					step = text
					label = m[2*g+1]
				case names[g] == "value" || names[g] == "" && value == nil && len(names) == 2:
					value, start = text, m[2*g]
				}
			}
			value = bytes.TrimSpace(value)
			n := parseNumber(value)
			if !n.ok {
				continue
			}
			if name == nil {
				if label > start {
					label = m[0]
				}
				name = labelBefore(line[label:start])
			}
			if name == nil {
				name = []byte(re.String())
			}
			found = true
			if s := parseNumber(bytes.TrimSpace(step)); s.ok && s.integer {
				fields = append(fields, field{text: step, value: s.value, role: global})
			}
			fields = append(fields, field{label: name, text: value, value: n.value, start: start, end: start + len(value), given: true})
		}
	}
	return fields, found
}
