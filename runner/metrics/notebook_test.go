package metrics

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// executed is a notebook as nbclient leaves it: its streams in pieces, with times, ids and pictures.
func executed(id, began, loss, rate, picture string, piecemeal bool) string {
	out := fmt.Sprintf(`{"output_type": "stream", "name": "stdout", "text": ["step 0 loss %s\n", "took %s s\n"]}`, loss, rate)
	bar := fmt.Sprintf(`{"output_type": "stream", "name": "stderr", "text": "100%%|██| 50/50 [00:00<00:00, %sit/s]\n"}`, rate)
	if piecemeal {
		out, bar = bar, out
	}
	return fmt.Sprintf(`{"cells": [{"cell_type": "code", "id": %q, "metadata": {"execution": {"iopub.execute_input": %q}}, "execution_count": 1,
		"source": ["for step in steps:\n", "    train(step)"], "outputs": [%s, %s,
		{"output_type": "execute_result", "data": {"text/plain": ["<Model at 0x7f%s>"], "image/png": %q}}]}], "nbformat": 4}`,
		id, began, out, bar, "3f2a9c1e40", picture)
}

func TestNotebookDigest(t *testing.T) {
	digest := func(text string) string {
		d, err := NotebookDigest(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	one := digest(executed("a1b2c3d4", "2026-11-26T18:00:00Z", "0.5", "51.2", "iVBOR0", false))
	if again := digest(executed("99887766", "2026-11-27T09:30:00Z", "0.5", "9.9", "iVBOR1", true)); again != one {
		t.Error("another digest where times, ids, rates, pictures and the mix of the streams differ alone")
	}
	if other := digest(executed("a1b2c3d4", "2026-11-26T18:00:00Z", "0.6", "51.2", "iVBOR0", false)); other == one {
		t.Error("the same digest for another loss")
	}
}

func TestNotebookDigestRefusesOthers(t *testing.T) {
	for _, in := range []string{"", "{}", "[1, 2]", `{"cells": 3}`, "text", `{"cells": [{"source": 3}]}`} {
		if _, err := NotebookDigest(strings.NewReader(in)); !errors.Is(err, ErrNoNotebook) {
			t.Errorf("%q: error %v, want ErrNoNotebook", in, err)
		}
	}
}
