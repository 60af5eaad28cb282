package volatile

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	tests := []struct{ in, matched, why string }{
		{"2026-11-23", "2026-11-23", Date},
		{"2026-11-23 16:04:11,123 INFO", "2026-11-23 16:04:11,123", Date},
		{"2026-11-23 16:04:11,123.123 INFO", "2026-11-23 16:04:11,123.123", Date}, // "%(asctime)s.%(msecs)03d"
		{"2026-11-23 16:04:11,123.456 INFO", "2026-11-23 16:04:11,123", Date},
		{"2026-11-23T16:04:11.123456Z", "2026-11-23T16:04:11.123456Z", Date},
		{"2026-11-23T16:04:11+01:00", "2026-11-23T16:04:11+01:00", Date},
		{"2026-11-23_16-04-11/m.pt", "2026-11-23_16-04-11", Date},
		{"2026_11_23_16_04", "2026_11_23_16_04", Date},
		{"20261123_160411", "20261123_160411", Date},
		{"20261123-160411-model", "20261123-160411", Date},
		{"20261123T160411Z", "20261123T160411Z", Date},
		{"20261123160411", "20261123160411", Date},
		{"202611231604", "202611231604", Date}, {"202611232504", "", ""}, {"2026112316041", "", ""},
		{"2026/11/23 16:04", "2026/11/23 16:04", Date},
		{"23/11/2026", "23/11/2026", Date},
		{"11/23 16:04:11 d2", "11/23 16:04:11", Date},
		{"16:04:11", "16:04:11", Time},
		{"16:04:11,5", "16:04:11", Time}, {"16:04:11,123 x", "16:04:11,123", Time},
		{"0:12:33 iter", "0:12:33", Time},
		{"1 day, 0:12:33", "1 day, 0:12:33", Time}, {"12 days, 10:12:33.5 x", "12 days, 10:12:33.5", Time}, {"1 day", "", ""},
		{"00:10<00:00", "00:10", Time},
		{"0m 8s) 2.7", "0m 8s", Time},
		{"16h04m11s", "16h04m11s", Time},
		{"Nov23_16-04-11_node7", "Nov23_16-04-11", Date},
		{"Mon Nov 23 16:21:08 2026", "Mon Nov 23 16:21:08 2026", Date},
		{"Mon Nov 23 16:21:08 UTC 2026", "Mon Nov 23 16:21:08 UTC 2026", Date},
		{"Nov  3 16:21:08 host", "Nov  3 16:21:08", Date},
		{"Mon, 23 Nov 2026 16:21:08 GMT", "Mon, 23 Nov 2026 16:21:08 GMT", Date},
		{"I1123 16:04:11.123456 12345 x.py:3]", "I1123 16:04:11.123456 12345", Date},
		{"1764000000", "1764000000", Date},
		{"1764000000.123", "1764000000.123", Date},
		{"1764000000123", "1764000000123", Date},
		{"123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-42d3-a456-426614174000", Identifier},
		{"a23e4567e89b42d3a456426614174000", "a23e4567e89b42d3a456426614174000", Identifier},
		{"0x7f12ab34cd56>", "0x7f12ab34cd56", Address},
		{"/tmp/tmpab12cd34/m.pt loss", "/tmp/tmpab12cd34/m.pt", Path},
		{"/var/folders/x1/T/y", "/var/folders/x1/T/y", Path},
		{"tmpab12cd3_", "tmpab12cd3_", Path},

		{"2026", "", ""}, {"2026-13-23", "", ""}, {"0.123", "", ""}, {"12345", "", ""}, {"97.2%", "", ""}, {"20269999", "", ""},
		{"3:10", "", ""}, {"1:2:3", "", ""}, {"64:128", "", ""}, {"9764000000", "", ""}, {"17640000001", "", ""}, {"0xff", "", ""},
		{"0cc175b9c0f1b6a831c399e269772661", "", ""}, // the MD5 digest of "a"
		{"May 3", "", ""}, {"Monday", "", ""}, {"March", "", ""}, {"tmpfile", "", ""}, {"temporary_x", "", ""}, {"/tmpfs/x", "", ""}, {"/home/me", "", ""},
		{"1.5e10", "", ""}, {"5s", "", ""}, {"128x128", "", ""}, {"", "", ""}, {"a", "", ""}, {"deadbeef-cafe", "", ""},
	}
	for _, tt := range tests {
		n, why := Match([]byte(tt.in))
		if tt.in[:n] != tt.matched || why != tt.why {
			t.Errorf("Match(%q) takes %q as %q, want %q as %q", tt.in, tt.in[:n], why, tt.matched, tt.why)
		}
	}
}

// Each pair of texts is equal once masked; the third is not.
func TestMask(t *testing.T) {
	tests := [][3]string{
		{"saved runs/2026-11-23_16-04-11/m.pt", "saved runs/2026-11-24_01-02-03/m.pt", "saved runs/2026-11-23_16-04-11/n.pt"},
		{"run-3f2a9c1e done", "run-77ab12cd done", "fun-3f2a9c1e done"},
		{"at 0x7f12ab34cd56", "at 0x7f0000000000", "at 0x7f"},
		{"run 3f2a9c1e ok", "run 12345678 ok", "run 3f2a9c1e ko"},
		{"job: ab-12", "job: 9", "bob: ab-12"},
		{"ran 3f2a9c1e", "ran 3f2a9c1e", "ran 77ab12cd"},
		{"digest 3f2a9c1e", "digest 3f2a9c1e", "digest 77ab12cd"},
		{"step 100", "step 100", "step 200"},
		{"w is 0.1784059555297337", "w is 0.1784059555297337", "w is 0.1684059555297338"}, // 16 digits from 16 to 19 are no microseconds here
		{"w is x_0.1784059555297337", "w is x_0.1784059555297337", "w is x_0.1684059555297338"},
		{"w is -1764000000.5", "w is -1764000000.5", "w is -1764000001.5"},
		{"seen 1764000000.5", "seen 1764000001.5", "been 1764000000.5"},
		{"sha256-" + strings.Repeat("3f2a", 16), "sha256-" + strings.Repeat("3f2a", 16), "sha256-" + strings.Repeat("3f2b", 16)},
	}
	for _, tt := range tests {
		a, _ := Mask(tt[0])
		b, _ := Mask(tt[1])
		c, _ := Mask(tt[2])
		if a != b || a == c {
			t.Errorf("masked:\n%s\n%s\n%s", a, b, c)
		}
	}
}

func TestMoment(t *testing.T) {
	for _, tt := range []struct {
		text, name string
		want       bool
	}{
		{"1764000000.25", "w", true}, {"1764000000.25", "score", false}, {"20261123160411", "w", true},
		{"1764000000", "", true}, {"1764000000", "started", true}, {"1764000000", "train/saved_at", true}, {"1764000000", "timestamp", true},
		{"20261123", "run", true}, {"20261123", "date", true},
		{"202611231604", "started", true}, {"202611231604", "", true}, {"1764000000123", "when", true}, {"1764000000123", "run/t", true},
		{"202611231604", "w", false}, {"202611231604", "seed", false}, {"202611231604", "flops", false}, {"1764000000123", "tokens", false},
		{"1764000000", "seed", false}, {"1764000000", "run/seed", false}, {"20261123", "w", false}, {"1764000000123", "sum", false},
		{"0.1764000000", "started", false}, {"12", "started", false},
	} {
		if got := Moment([]byte(tt.text), tt.name); got != tt.want {
			t.Errorf("%s called %q: %v", tt.text, tt.name, got)
		}
	}
}

func TestMaskPath(t *testing.T) {
	tests := [][3]string{
		{"runs/2026-11-23_16-04-11/model-3f2a9c1e.pt", "runs/2026-11-24_01-02-03/model-77ab12cd.pt", "runs/2026-11-24_01-02-03/optim-77ab12cd.pt"},
		{"Nov23_16-04-11_node/x", "Nov24_01-02-03_node/x", "Nov24_01-02-03_edon/x"},
		{"ckpt-12345.pt", "ckpt-7.pt", "ckpt-7.bin"},
		{"out/123e4567-e89b-42d3-a456-426614174000", "out/00000000-e89b-42d3-a456-426614174000", "in/00000000-e89b-42d3-a456-426614174000"},
		{"model.pt", "model.pt", "model2.pt"},
		{"model-3f2a9c1e.pt", "model-12345678.pt", "model-facade.pt"},
	}
	for _, tt := range tests {
		if MaskPath(tt[0]) != MaskPath(tt[1]) || MaskPath(tt[0]) == MaskPath(tt[2]) {
			t.Errorf("masked:\n%s\n%s\n%s", MaskPath(tt[0]), MaskPath(tt[1]), MaskPath(tt[2]))
		}
	}
}

func TestShortIDs(t *testing.T) {
	for pair, want := range map[[2]string]bool{{"3f2a9c1e", "77ab12cd"}: true, {"3f2a9c1e", "12345678"}: true, {"12345678", "87654321"}: false,
		{"facade", "decade"}: false, {"3f2a9c1e", "77ab12"}: false, {"3f2a9", "77ab1"}: false, {"3f2a9c1x", "77ab12cd"}: false, {"", ""}: false} {
		if got := ShortIDs(pair[0], pair[1]); got != want {
			t.Errorf("ShortIDs(%q) = %v", pair, got)
		}
	}
}

// An identifier of eight hexadecimal digits may have no letter, no decimal digit, or look like a duration.
func TestMaskAnyShortID(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, text := range []string{"model-%s.pt", "out/%s/m.pt", "run %s ok", "%s/x", "job: %s"} {
		path, masked := "", ""
		for i := range 5000 {
			full := strings.ReplaceAll(text, "%s", fmt.Sprintf("%08x", r.Uint32()))
			p := MaskPath(full)
			m, _ := Mask(full)
			if i == 0 {
				path, masked = p, m
			}
			if p != path {
				t.Fatalf("MaskPath(%q) = %q, want %q", full, p, path)
			}
			if m != masked && text != "%s/x" {
				t.Fatalf("Mask(%q) = %q, want %q", full, m, masked)
			}
		}
	}
}

func TestContainer(t *testing.T) {
	for _, path := range []string{"runs/events.out.tfevents.1764000000.host.1.0", "__pycache__/a.cpython-311.pyc", "wandb/run-1/x", "mlruns/0/meta.yaml", "x.sqlite3", "plot.PNG", "a.pdf", ".git/index"} {
		if Container(path) == "" {
			t.Errorf("%s is compared by its bytes", path)
		}
	}
	for _, path := range []string{"model.pt", "wandb.py", "metrics.json", "events.txt", "log.txt", "a/b.bin", ""} {
		if why := Container(path); why != "" {
			t.Errorf("%s is left out: %s", path, why)
		}
	}
}

func FuzzMask(f *testing.F) {
	for _, s := range []string{"2026-11-23 16:04:11,123", "Nov23_16-04-11", "I1123 16:04:11.1 1 x", "0x7f12ab34cd56", "/tmp/x", "Mon, 23 Nov 2026", "1m 2s", "17640000001764000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		masked, why := Mask(s)
		if why == "" && masked != s {
			t.Errorf("%q became %q without a reason", s, masked)
		}
		if len(masked) > len(s)*len(Identifier)+len(s) {
			t.Errorf("%d bytes became %d", len(s), len(masked))
		}
		MaskPath(s)
		Container(s)
		Name(s)
		Unit(s)
		if n, why := Match([]byte(s)); n > len(s) || (n > 0) != (why != "") {
			t.Errorf("Match(%q) = %d, %q", s, n, why)
		}
		if strings.Contains(masked, "\x00") != strings.Contains(s, "\x00") && !strings.Contains(s, "/tmp/") {
			t.Errorf("%q became %q", s, masked)
		}
	})
}
