package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tghook/tghook/bench/grammy"
	"github.com/tghook/tghook/bench/rivals"
)

const (
	backlogChats = 500
	handlerTime  = 5 * time.Millisecond
	patience     = 2 * time.Minute // for one poller
)

// BenchmarkPoll has Poll, its rivals, and a loop that handles one update after the other,
// work off a backlog of 20,000 updates of 500 chats. The handler takes 5 ms. The backlog is
// shorter for slow pollers. Poll must reach at least 20 times the updates/s of that loop,
// with no update out of order, repeated or at risk.
func BenchmarkPoll(b *testing.B) {
	for _, l := range polled() {
		measurePoller(b, l.Name, os.Args[0], "-test.run=^TestPoller$")
	}
	for _, how := range []string{"grammy", "grammy_runner", "grammy_runner_sequentialize"} {
		measurePoller(b, how, "node", filepath.Join("grammy", "poll.mjs"))
	}
}

// measurePoller measures the poller of that name. program runs it with args, followed by
// the arguments of TestPoller.
func measurePoller(b *testing.B, name, program string, args ...string) {
	b.Helper()
	size := 20_000
	if slices.Contains([]string{oneByOne.Name, "tgbotapi", "grammy"}, name) { // one update at a time
		size = 500
	}
	b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
		if program == "node" {
			grammy.Need(b)
		}
		for b.Loop() {
			ctx, cancel := context.WithTimeout(b.Context(), patience)
			tg := newBacklog(ctx, b, size)
			cmd := exec.CommandContext(ctx, program, slices.Concat(args, []string{name, tg.url, tg.token, strconv.Itoa(size)})...)
			cmd.Stderr = os.Stderr
			output, err := cmd.Output()
			if err != nil {
				b.Fatalf("%v: %s", err, output)
			}
			var w work
			if err := json.NewDecoder(bytes.NewReader(output)).Decode(&w); err != nil { // without the test's PASS
				b.Fatal(err)
			}
			w.report(b, name, size, tg.end(b))
			cancel()
		}
	})
}

// work is the report of a bot's process on a backlog. Times are in microseconds; points in
// time count from 1970.
type work struct {
	Begun   int64     `json:"begun"`
	CPU     int64     `json:"cpu"`
	Handled handlings `json:"handled"`
}

func (w *work) report(b *testing.B, name string, size int, asked []getUpdates) {
	b.Helper()
	all := len(w.Handled)
	first := w.Handled.perUpdate()
	if len(first) != size {
		b.Fatalf("%d of %d updates were handled", len(first), size)
	}
	overlapping, overtaking := first.disorder(chatsOf(size))
	repeated, risk := all-size, first.atRisk(asked)
	if name == rivals.Own.Name || name == oneByOne.Name {
		if overlapping+overtaking+repeated+risk > 0 {
			b.Errorf("%d updates overlap, %d are out of order, %d are repeated, %d were at risk", overlapping, overtaking, repeated, risk)
		}
	}
	next, told := first[size-1].ID+1, slices.MaxFunc(asked, func(x, y getUpdates) int { return cmp.Compare(x.Offset, y.Offset) })
	if name == rivals.Own.Name && told.Offset != next {
		b.Errorf("at the end %d updates are not confirmed", next-told.Offset)
	}
	b.ReportMetric(float64(size)/time.Duration((first.end()-w.Begun)*1000).Seconds(), "updates/s")
	b.ReportMetric(float64(first.atOnce()), "at-once")
	b.ReportMetric(float64(overlapping), "overlapping")
	b.ReportMetric(float64(overtaking), "out-of-order")
	b.ReportMetric(float64(repeated), "repeated")
	b.ReportMetric(float64(risk), "at-risk")
	b.ReportMetric(float64(w.CPU)/float64(size), "cpu-us/update")
	b.ReportMetric(0, "ns/op")
}
