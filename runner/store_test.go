package runner_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner"
	"github.com/reprocheck/reprocheck/runner/record"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func newAudit(t *testing.T, store *runner.Store, at time.Time) *record.Audit {
	t.Helper()
	id, err := store.NewAudit(at)
	if err != nil {
		t.Fatal(err)
	}
	a := &record.Audit{Version: record.Version, ID: id, Command: []string{"python", "train.py"}}
	if err := store.PutAudit(a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestStoreFindsAudits(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	store := runner.OpenStore(dir)
	if _, err := store.Audit(""); !errors.Is(err, runner.ErrNoAudit) || !strings.Contains(err.Error(), "`reprocheck run` makes one") {
		t.Errorf("an empty store: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("looking into a store made one")
	}
	one, two, three := newAudit(t, store, noon), newAudit(t, store, noon), newAudit(t, store, noon.Add(time.Hour))
	ids := []string{"20260304-120000", "20260304-120000-2", "20260304-130000"}
	if diff := cmp.Diff(ids, []string{one.ID, two.ID, three.ID}); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if listed, err := store.Audits(); err != nil || !cmp.Equal(ids, listed) {
		t.Errorf("listed %v, %v", listed, err)
	}
	for name, want := range map[string]string{
		"":                     three.ID,
		two.ID:                 two.ID,
		store.AuditDir(one.ID): one.ID,
	} {
		if a, err := store.Audit(name); err != nil || a.ID != want {
			t.Errorf("%q: %v, %v, want %s", name, a, err, want)
		}
	}
	// An audit's directory without a record is one that is only just being made.
	if err := os.Mkdir(store.AuditDir("20260304-140000"), 0o755); err != nil {
		t.Fatal(err)
	}
	if a, err := store.Audit(""); err != nil || a.ID != three.ID {
		t.Errorf("the latest beside an unfinished one: %v, %v", a, err)
	}
	file := filepath.Join(t.TempDir(), "metrics.json")
	if err := os.WriteFile(file, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"20990101-000000", "no/such/dir", t.TempDir(), file} {
		if a, err := store.Audit(name); !errors.Is(err, runner.ErrNoAudit) {
			t.Errorf("%q: %v, %v", name, a, err)
		}
	}
}

func TestStoreRefusesWhatItCannotRead(t *testing.T) {
	store := runner.OpenStore(t.TempDir())
	a := newAudit(t, store, noon)
	path := filepath.Join(store.AuditDir(a.ID), "audit.json")
	for text, want := range map[string]string{
		fmt.Sprintf(`{"version": %d, "id": "x"}`, record.Version+1): "use the newer reprocheck that wrote it",
		"":                    "unexpected end of JSON input",
		`{"version": 1, "id"`: "unexpected end of JSON input",
		`[]`:                  "cannot unmarshal array",
		`{}`:                  "audit.json holds no record of an audit",
		`null`:                "audit.json holds no record of an audit",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Audit(a.ID); err == nil || errors.Is(err, runner.ErrNoAudit) || !strings.Contains(err.Error(), want) {
			t.Errorf("audit %q: %v, want %q", text, err, want)
		}
	}
	run := &record.Run{Version: record.Version + 1, ID: "as-shipped-1"}
	if err := os.MkdirAll(store.RunDir(a.ID, run.ID), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := store.PutRun(a.ID, run); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Run(a.ID, run.ID); err == nil || !strings.Contains(err.Error(), "use the newer reprocheck that wrote it") {
		t.Errorf("a run of a newer version: %v", err)
	}
	if err := store.PutRun(a.ID, &record.Run{ID: run.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Run(a.ID, run.ID); err == nil || !strings.Contains(err.Error(), "run.json holds no record of a run") {
		t.Errorf("a run without a version: %v", err)
	}
	if _, err := store.Run(a.ID, "as-shipped-2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a run that is not there: %v", err)
	}
	for _, id := range []string{"../../../etc", "/etc", ""} {
		elsewhere := &record.Audit{Version: record.Version, ID: a.ID, Experiments: []record.Experiment{{Name: "as-shipped", Runs: []string{id}}}}
		if err := store.PutAudit(elsewhere); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Audit(a.ID); err == nil || !strings.Contains(err.Error(), "lies outside it") {
			t.Errorf("an audit that names the run %q: %v", id, err)
		}
	}
}

func TestDropAudit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	store := runner.OpenStore(dir)
	one, two := newAudit(t, store, noon), newAudit(t, store, noon.Add(time.Second))
	if err := store.DropAudit(one.ID); err != nil {
		t.Fatal(err)
	}
	if listed, err := store.Audits(); err != nil || !cmp.Equal([]string{two.ID}, listed) {
		t.Errorf("left %v, %v", listed, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := store.DropAudit(two.ID); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "notes" {
		t.Errorf("left %v, %v", left, err)
	}
	empty := runner.OpenStore(filepath.Join(t.TempDir(), "empty"))
	if err := empty.DropAudit(newAudit(t, empty, noon).ID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(empty.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty store is left: %v", err)
	}
}

func TestWriteFileIsWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.json")
	for _, text := range []string{"first", "second"} {
		if err := runner.WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("read %q, %v", got, err)
		}
	}
	// A reader that has the old file open keeps the old one whole.
	old, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := runner.WriteFile(path, []byte("a third, which is longer")); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 100)
	if n, _ := old.Read(text); string(text[:n]) != "second" {
		t.Errorf("the open file reads %q", text[:n])
	}
	// Where the file cannot be put in place, nothing is left beside it.
	taken := filepath.Join(dir, "directory")
	if err := os.MkdirAll(filepath.Join(taken, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := runner.WriteFile(taken, []byte("x")); err == nil || !strings.Contains(err.Error(), "writing "+taken) {
		t.Errorf("over a directory: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestLastLines(t *testing.T) {
	store := runner.OpenStore(t.TempDir())
	var long, many strings.Builder
	for n := range 100 {
		fmt.Fprintf(&many, "line %d\n", n)
	}
	long.WriteString(strings.Repeat("x", 1<<20) + "\nlast\n")
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":      {"", nil},
		"empty lines":  {"\n\r\n\n", nil},
		"two":          {"one\ntwo\n", []string{"one", "two"}},
		"no end":       {"one\ntwo", []string{"one", "two"}},
		"windows":      {"one\r\ntwo\r\n", []string{"one", "two"}},
		"a bar":        {" 10%\r 50%\r100%\nTraceback\n", []string{"100%", "Traceback"}},
		"a blank line": {"one\n\ntwo\n", []string{"one", "", "two"}},
	} {
		if diff := cmp.Diff(c.want, lastLines(t, store, c.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if is := lastLines(t, store, many.String()); len(is) != 20 || is[0] != "line 80" || is[19] != "line 99" {
		t.Errorf("of many lines: %q", is)
	}
	if is := lastLines(t, store, long.String()); len(is) != 2 || len(is[0]) > 16<<10 || is[1] != "last" {
		t.Errorf("of a long line: %d lines", len(is))
	}
	if is := store.LastLines("no", record.Stream{Path: "stderr"}, "run"); is != nil {
		t.Errorf("of no file: %q", is)
	}
}

func lastLines(t *testing.T, store *runner.Store, text string) []string {
	t.Helper()
	dir := store.RunDir("audit", "run-1")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "stderr"), []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	return store.LastLines("audit", record.Stream{Path: "stderr", Bytes: int64(len(text))}, "run-1")
}
