package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tghook/tghook"
)

func TestNothingIsLostRepeatedOrOutOfOrder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"28 updates delivered: 0 lost, 0 repeated, 0 out of order; 1 run again after a failure.",
		"  200     duplicate  ", "  500     failed     ", "  503     late       ",
		"  delivers it again: the answer was lost\n", "  sendMessage \"Hello, Zoë!\"\n",
		"This program injects three failures:", "What the outcomes mean:", "What to do next:",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

func TestTheAuditFindsWhatIsLostRepeatedOrOutOfOrder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := newAudit(&out)
	for id := range int64(4) {
		a.expect(&tghook.Update{ID: id, ChatID: 7})
		a.started[id] = 1
	}
	a.succeeded = []int64{1, 0, 2, 2}
	if err := a.verdict(nil); err == nil {
		t.Error("no error")
	}
	if want := "1 lost, 1 repeated, 1 out of order"; !strings.Contains(out.String(), want) {
		t.Errorf("%q is not in %q", want, &out)
	}
}
