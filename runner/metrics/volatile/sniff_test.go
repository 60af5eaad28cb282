package volatile

import "testing"

func TestSniff(t *testing.T) {
	tests := map[string]string{
		"SQLite format 3\x00\x10": "sqlite",
		"\x89PNG\r\n\x1a\n\x00":   "image",
		"\xff\xd8\xff\xe0":        "image",
		"GIF89a":                  "image",
		"%PDF-1.7":                "pdf",
		"\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fK\"\x09\x00\x00\xc0\xe5\x9a\x12\xd8A\x1a\x0dbrain.Event:2": "tfevents",
		"PK\x03\x04": "", "loss 0.5": "", "": "", "\x93NUMPY": "",
	}
	for head, want := range tests {
		if got := Sniff([]byte(head)); got != want {
			t.Errorf("Sniff(%q) = %q, want %q", head, got, want)
		}
		if want != "" && Format(want) == "" {
			t.Errorf("format %q has no reason", want)
		}
	}
}
