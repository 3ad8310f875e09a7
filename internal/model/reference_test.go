package model_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
)

// modelInvariants is the promise.
var modelInvariants = []struct {
	name  string
	check func(*modelTrace, modelComplaint)
}{
	{"stuck", (*modelTrace).checkStuck},
	{"acknowledged", (*modelTrace).checkAcknowledged},
	{"once", (*modelTrace).checkOnce},
	{"lane", (*modelTrace).checkLane},
	{"reply", (*modelTrace).checkReply},
	{"replay", (*modelTrace).checkReplay},
	{"answer", (*modelTrace).checkAnswer},
	{"attempts", (*modelTrace).checkAttempts},
	{"liveness", (*modelTrace).checkLiveness},
	{"shutdown", (*modelTrace).checkShutdown},
	{"accounting", (*modelTrace).checkAccounting},
	{"rest", (*modelTrace).checkRest},
	{"in time", (*modelTrace).checkInTime},
	{"cause", (*modelTrace).checkCause},
}

type modelComplaint func(format string, args ...any)

// modelFailure is an invariant that does not hold.
type modelFailure struct{ invariant, text string }

func (f *modelFailure) String() string { return f.invariant + ": " + f.text }

func modelBody(text, method string) string {
	return fmt.Sprintf(`{"method":%q,"text":%q}`, method, text)
}

var modelRetryForm = regexp.MustCompile(`^[1-9][0-9]*$`)

var (
	modelNamed  = regexp.MustCompile(`stay unacknowledged: ([0-9 ]+)(\.\.\.)?(;|$)`)
	modelBroken = regexp.MustCompile(`did not end: ([0-9 ]+)(\.\.\.)?(;|$)`)
)

// What must be found must be found: bad traces, one or more for each invariant.
func TestModelChecker(t *testing.T) {
	at := func(seq int) modelMoment { return modelMoment{seq, time.Duration(seq) * time.Second} }
	const late = tghook.OutcomeLate
	// good is an update that is handled with a reply, beside one that fails and is
	// handled without.
	good := func() *modelTrace {
		tr := newModelTrace(modelSchedule{
			setup: modelSetup{replicas: 2, maxAttempts: 3},
			ops: []modelOp{
				{what: modelArrive, id: 1, kind: tghook.KindMessage, chat: 1},
				{what: modelArrive, id: 2, kind: tghook.KindMessage, chat: 1},
			},
		})
		one := &modelDelivery{id: 1, begin: at(1), end: at(5), status: 200, contentType: "application/json", body: modelBody("1.0", "sendMessage"), outcome: "replied", attempt: 1, reports: 1}
		two := &modelDelivery{id: 2, begin: at(2), end: at(8), status: 500, outcome: "failed", attempt: 1, reports: 1}
		again := &modelDelivery{id: 2, begin: at(9), end: at(12), status: 200, outcome: "handled", attempt: 2, reports: 1}
		tr.deliveries = []*modelDelivery{one, two, again}
		tr.runs = []*modelRun{
			{id: 1, begin: at(3), end: at(4), ok: true, text: "1.0", rides: true},
			{id: 2, begin: at(6), end: at(7)},
			{id: 2, n: 1, begin: at(10), end: at(11), ok: true},
		}
		tr.reports = []*modelReport{
			{id: 1, of: one, at: at(5), outcome: "replied", attempt: 1, status: 200, rode: true},
			{id: 2, of: two, at: at(8), outcome: "failed", attempt: 1, status: 500},
			{id: 2, of: again, at: at(12), outcome: "handled", attempt: 2, status: 200},
		}
		tr.fates = map[int64]modelFate{1: modelAcked, 2: modelAcked}
		tr.stops = []*modelStopping{{begin: at(20), end: at(20)}}
		tr.stats = []modelStats{{}}
		return &tr
	}
	require.Nil(t, good().check(""), "a good trace is called bad")
	for _, test := range []struct {
		invariant, name string
		spoil           func(*modelTrace)
	}{
		{"stuck", "a goroutine is left", func(tr *modelTrace) { tr.stuck = "deadlock" }},
		{"acknowledged", "a failure", func(tr *modelTrace) { tr.deliveries[1].status = 200 }},
		{"acknowledged", "another process's success", func(tr *modelTrace) { tr.runs[0].proc = 1 }},
		{"acknowledged", "a success whose claim was lost", func(tr *modelTrace) {
			tr.setup.store = true
			tr.claims[""] = &modelClaim{lost: at(4)}
		}},
		{"acknowledged", "early, without LateAck", func(tr *modelTrace) {
			tr.deliveries[1].status, tr.deliveries[1].outcome = 200, late
		}},
		{"acknowledged", "early, and forgotten", func(tr *modelTrace) {
			tr.setup.late, tr.runs, tr.reports = tghook.LateAck, tr.runs[:2], tr.reports[:1]
			tr.deliveries = tr.deliveries[:2]
			tr.deliveries[1].status, tr.deliveries[1].outcome = 200, late
		}},
		{"once", "two at once", func(tr *modelTrace) { tr.runs[1].end = at(11) }},
		{"once", "again after success", func(tr *modelTrace) { tr.runs[1].ok = true }},
		{"once", "again elsewhere, with a Store", func(tr *modelTrace) {
			tr.setup.store, tr.runs[1].ok, tr.runs[2].proc = true, true, 1
			tr.claims[""] = &modelClaim{tried: true, done: true}
		}},
		{"once", "two at once elsewhere, with a Store", func(tr *modelTrace) {
			tr.setup.store, tr.runs[1].end, tr.runs[2].proc = true, at(13), 1
			tr.claims[""] = &modelClaim{tried: true}
		}},
		{"once", "without a claim", func(tr *modelTrace) { tr.setup.store = true }},
		{"once", "after the end of the claim", func(tr *modelTrace) {
			tr.setup.store, tr.claims[""] = true, &modelClaim{over: at(5)}
		}},
		{"once", "the handler after its dead letter", func(tr *modelTrace) { tr.runs[1].bury = true }},
		{"lane", "two of a lane at once", func(tr *modelTrace) { tr.runs[0].end = at(7) }},
		{"lane", "overtaken while it waits", func(tr *modelTrace) {
			tr.deliveries[0].begin, tr.deliveries[1].begin = at(2), at(1)
		}},
		{"lane", "overtaken after an early answer", func(tr *modelTrace) {
			tr.deliveries[0].begin = modelMoment{2, at(3).at}
			tr.deliveries[1] = &modelDelivery{id: 2, begin: at(1), end: modelMoment{2, at(2).at}, outcome: late, status: 503, retry: "2"}
		}},
		{"reply", "another body", func(tr *modelTrace) { tr.deliveries[0].body += " " }},
		{"reply", "no content type", func(tr *modelTrace) { tr.deliveries[0].contentType = "" }},
		{"reply", "the reply of a failure", func(tr *modelTrace) { tr.runs[0].ok = false }},
		{"reply", "called too", func(tr *modelTrace) { tr.calls = []*modelCall{{text: "1.0", begin: at(19)}} }},
		{"reply", "called twice", func(tr *modelTrace) {
			tr.deliveries[0].body, tr.calls = "", []*modelCall{{text: "1.0", begin: at(19)}, {text: "1.0", begin: at(20)}}
		}},
		{"reply", "called too soon", func(tr *modelTrace) {
			tr.deliveries[0].body, tr.calls = "", []*modelCall{{text: "1.0", begin: at(5)}}
		}},
		{"reply", "vanished", func(tr *modelTrace) { tr.deliveries[0].body, tr.stops = "", nil }},
		{"reply", "carried by an older delivery", func(tr *modelTrace) {
			tr.deliveries = append(tr.deliveries, &modelDelivery{id: 1, begin: at(2), end: at(6), status: 200, outcome: "joined"})
		}},
		{"reply", "carried by a dead delivery", func(tr *modelTrace) {
			tr.deliveries[0].begin, tr.deliveries[0].gone = at(2), modelMoment{3, at(3).at}
			tr.deliveries = append(tr.deliveries, &modelDelivery{id: 1, begin: at(1), end: at(6), status: 200, outcome: "joined"})
		}},
		{"reply", "carried twice", func(tr *modelTrace) {
			d := *tr.deliveries[0]
			d.outcome = "joined"
			tr.deliveries = append(tr.deliveries, &d)
		}},
		{"replay", "not repeated", func(tr *modelTrace) {
			tr.deliveries = append(tr.deliveries, &modelDelivery{id: 1, begin: at(6), end: at(6), status: 200, outcome: "duplicate"})
		}},
		{"replay", "not repeated elsewhere", func(tr *modelTrace) {
			tr.setup.store, tr.claims[""] = true, &modelClaim{tried: true, done: true}
			tr.deliveries = append(tr.deliveries, &modelDelivery{proc: 1, id: 1, begin: at(6), end: at(6), status: 200, outcome: "duplicate"})
		}},
		{"answer", "a strange status", func(tr *modelTrace) { tr.deliveries[1].status = 410 }},
		{"answer", "a failure's body", func(tr *modelTrace) {
			tr.deliveries[1].body, tr.deliveries[1].contentType = modelBody("2.0", "sendMessage"), "application/json"
		}},
		{"answer", "503 alone", func(tr *modelTrace) { tr.deliveries[1].status = 503 }},
		{"answer", "half a second", func(tr *modelTrace) { tr.deliveries[1].status, tr.deliveries[1].retry = 503, "1.5" }},
		{"answer", "after its life", func(tr *modelTrace) {
			tr.updates[2].kind = tghook.KindInlineQuery
			tr.deliveries[1].status, tr.deliveries[1].retry = 503, "4"
		}},
		{"answer", "not what the handler asked for", func(tr *modelTrace) {
			tr.runs[1].retry = 1500 * time.Millisecond
			tr.deliveries[1].status, tr.deliveries[1].retry = 503, "1"
		}},
		{"attempts", "too many", func(tr *modelTrace) { tr.setup.maxAttempts = 1 }},
		{"attempts", "too many at once", func(tr *modelTrace) {
			tr.setup.maxInFlight, tr.updates[2].chat, tr.runs[0].end = 1, 2, at(7)
		}},
		{"liveness", "still offered", func(tr *modelTrace) { delete(tr.fates, 1) }},
		{"liveness", "expired", func(tr *modelTrace) { tr.fates[1] = modelExpired }},
		{"shutdown", "never ends", func(tr *modelTrace) { tr.stops[0].end = modelMoment{} }},
		{"shutdown", "takes its time", func(tr *modelTrace) { tr.stops[0].end = at(22) }},
		{"shutdown", "handlers go on", func(tr *modelTrace) { tr.stops[0].running = []int64{1} }},
		{"shutdown", "what LateAck acknowledged runs on", func(tr *modelTrace) {
			tr.deliveries[2] = &modelDelivery{id: 2, begin: at(8), end: at(9), status: 200, outcome: late}
			tr.runs[2].end, tr.stops[0].err = at(30), context.DeadlineExceeded
		}},
		{"shutdown", "what is over is named as broken", func(tr *modelTrace) {
			tr.deliveries[2] = &modelDelivery{id: 2, begin: at(8), end: at(9), status: 200, outcome: late}
			tr.stops[0].err = fmt.Errorf("%w; updates that were acknowledged early did not end: 2", context.DeadlineExceeded)
		}},
		{"shutdown", "nil during a run", func(tr *modelTrace) { tr.stops[0] = &modelStopping{begin: at(6), end: modelMoment{6, at(6).at}} }},
		{"shutdown", "a run is not named", func(tr *modelTrace) {
			halt := modelMoment{10, at(10).at + time.Millisecond}
			tr.stops[0] = &modelStopping{begin: halt, end: halt, err: context.DeadlineExceeded}
		}},
		{"shutdown", "nil without an answer", func(tr *modelTrace) {
			tr.deliveries = append(tr.deliveries[:2], &modelDelivery{id: 2, begin: at(9), end: at(12), status: 503, retry: "2", outcome: late})
			tr.stops[0] = &modelStopping{begin: at(13), end: at(13)}
		}},
		{"shutdown", "what LateAck acknowledged is named", func(tr *modelTrace) {
			tr.deliveries[2] = &modelDelivery{id: 2, begin: at(8), end: at(9), status: 200, outcome: late}
			tr.runs[2].end = at(30)
			tr.stops[0].err = fmt.Errorf("%w: 1 updates stay unacknowledged: 2", context.DeadlineExceeded)
		}},
		{"shutdown", "what was acknowledged is named", func(tr *modelTrace) {
			tr.stops[0].err = fmt.Errorf("%w: 1 updates stay unacknowledged: 2", context.DeadlineExceeded)
		}},
		{"shutdown", "a run begins afterwards", func(tr *modelTrace) {
			tr.stops[0] = &modelStopping{begin: at(9), end: modelMoment{9, at(9).at}}
		}},
		{"accounting", "an arrival is not reported", func(tr *modelTrace) { tr.deliveries[0].reports = 0 }},
		{"accounting", "an arrival is reported with another status", func(tr *modelTrace) { tr.reports[0].status = 503 }},
		{"accounting", "it did not ride", func(tr *modelTrace) { tr.reports[0].rode = false }},
		{"accounting", "a run is not reported", func(tr *modelTrace) { tr.reports[1].outcome = late }},
		{"accounting", "a run is reported twice", func(tr *modelTrace) { tr.reports = append(tr.reports, tr.reports[1]) }},
		{"accounting", "attempts are not counted", func(tr *modelTrace) { tr.reports[2].attempt = 1 }},
		{"accounting", "a reply is called nothing", func(tr *modelTrace) { tr.reports[0].outcome = "handled" }},
		{"rest", "in flight", func(tr *modelTrace) { tr.stats[0].InFlight = 1 }},
		{"rest", "a claim is left", func(tr *modelTrace) { tr.claims["1"] = &modelClaim{} }},
		{"rest", "failed", func(tr *modelTrace) { tr.stats[0].final, tr.stats[0].Failed = true, 1 }},
		{"rest", "unacknowledged", func(tr *modelTrace) { tr.setup.replicas, tr.stats[0].Unacknowledged = 1, 1 }},
		{"in time", "late", func(tr *modelTrace) { tr.deliveries[1].begin = modelMoment{2, -at(1).at} }},
		{"in time", "too early late", func(tr *modelTrace) {
			tr.deliveries[1].status, tr.deliveries[1].retry, tr.deliveries[1].outcome = 503, "2", late
		}},
		{"cause", "the client went away", func(tr *modelTrace) { tr.runs[1].cause = context.Canceled }},
		{"cause", "ErrLate without LateCancel", func(tr *modelTrace) { tr.runs[1].cause = tghook.ErrLate }},
		{"cause", "a timeout too early", func(tr *modelTrace) { tr.runs[1].cause = tghook.ErrHandlerTimeout }},
		{"cause", "a shutdown too early", func(tr *modelTrace) { tr.runs[1].cause = tghook.ErrShutdown }},
		{"cause", "not told of a lost claim", func(tr *modelTrace) {
			tr.claims[""], tr.runs[2].end = &modelClaim{lost: at(11)}, at(60)
		}},
		{"cause", "no timeout", func(tr *modelTrace) { tr.setup.handlerTimeout = 1 }},
	} {
		t.Run(test.invariant+"/"+strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			tr := good()
			test.spoil(tr)
			assert.NotNil(t, tr.check(test.invariant), "was not found")
		})
	}
}

// check returns the first invariant that does not hold, or that of the name.
func (tr *modelTrace) check(name string) (failure *modelFailure) {
	for _, i := range modelInvariants {
		if failure == nil && (name == "" || name == i.name) {
			i.check(tr, func(format string, args ...any) {
				if failure == nil {
					failure = &modelFailure{i.name, fmt.Sprintf(format, args...)}
				}
			})
		}
	}
	return failure
}

// checkStuck: everything comes to an end, and leaves no goroutine.
func (tr *modelTrace) checkStuck(complain modelComplaint) {
	if tr.stuck != "" {
		complain("%s", tr.stuck)
	}
}

// checkAcknowledged: only what was handled or buried is acknowledged; what LateAck
// acknowledges succeeds later, or DeadLetter is given it.
func (tr *modelTrace) checkAcknowledged(complain modelComplaint) {
	for _, d := range tr.deliveries {
		switch {
		case d.end.never() || d.status/100 != 2 || tr.success(d) != nil:
		case !d.early():
			complain("%s was acknowledged before any run had succeeded", d)
		case tr.setup.policy() != tghook.LateAck:
			complain("%s was acknowledged early", d)
		case !slices.ContainsFunc(tr.runs, func(r *modelRun) bool {
			return r.id == d.id && r.proc == d.proc && (r.ok || r.bury && r.begin.at >= d.end.at)
		}):
			complain("%s was acknowledged early and then forgotten", d)
		}
	}
}

// checkOnce: runs of one update do not overlap, and none follows a success;
// within one process, or everywhere as long as leases hold. Where a dead letter
// is due, the handler does not run any more.
func (tr *modelTrace) checkOnce(complain modelComplaint) {
	for i, a := range tr.runs {
		if c := tr.claims[a.fence]; tr.setup.store && (c == nil || c.over.before(a.begin)) {
			complain("%s began without a claim", a)
			return
		}
		for _, b := range tr.runs[i+1:] {
			here, c := a.proc == b.proc, tr.claims[a.fence]
			if a.id != b.id || !here && (!tr.setup.store || tr.claims[b.fence].lost.before(b.begin)) {
				continue
			}
			if !a.end.before(b.begin) {
				if here || c.lost.never() || b.begin.before(c.lost) {
					complain("%s overlaps %s", b, a)
				}
				continue
			}
			if b.begin.at-a.end.at > modelLifetime(tr.kind(a.id))+3*time.Minute {
				continue
			}
			if tr.counts(a) && (here || c.done) {
				complain("%s came after %s, which had succeeded", b, a)
			}
			if here && a.bury && !b.bury {
				complain("%s came after %s: only the dead letter was due", b, a)
			}
		}
	}
}

// checkLane: one at a time in each lane of a process, in order of arrival.
func (tr *modelTrace) checkLane(complain modelComplaint) {
	for i, b := range tr.runs {
		lane := tr.updates[b.id].lane()
		if lane == "" {
			continue
		}
		for _, a := range tr.runs[:i] {
			if a.proc == b.proc && tr.updates[a.id].lane() == lane && !a.end.before(b.begin) && !tr.withdrawn(a) && !tr.withdrawn(b) {
				complain("%s began during %s", b, a)
			}
		}
		if tr.withdrawn(b) {
			continue
		}
		since, ok := tr.entered(b)
		if !ok {
			continue
		}
		for _, d := range tr.deliveries {
			if d.proc != b.proc || d.id == b.id || tr.updates[d.id].lane() != lane || !d.begin.wellBefore(since) {
				continue
			}
			waits := b.begin.wellBefore(d.end) && !d.gone.before(b.begin)
			if waits || tr.waits(d, b.begin) {
				complain("%s overtook %s", b, d)
			}
		}
	}
}

// checkReply: a body is the reply of a success; a reply is called at most once,
// and never both carried and called; the newest live delivery carries it.
func (tr *modelTrace) checkReply(complain modelComplaint) {
	for _, d := range tr.deliveries {
		if d.body == "" {
			continue
		}
		if !slices.ContainsFunc(tr.runs, func(r *modelRun) bool {
			return r.id == d.id && (r.proc == d.proc || tr.setup.store) && r.end.before(d.end) && r.rides && tr.counts(r) &&
				d.body == modelBody(r.text, "sendMessage")
		}) {
			complain("%s has the body %s, which no run has replied", d, d.body)
		}
		if d.status != 200 || d.contentType != "application/json" {
			complain("%s: %d with %s and a body", d, d.status, d.contentType)
		}
	}
	for _, r := range tr.runs {
		if r.text == "" || r.end.never() {
			continue
		}
		calls, carried := tr.called(r.text), tr.carried(r)
		lasts := !slices.ContainsFunc(tr.stops, func(s *modelStopping) bool { return s.proc == r.proc && s.begin.at < r.end.at+time.Minute })
		switch {
		case len(calls) > 1:
			complain("the reply of %s was called %d times", r, len(calls))
		case len(calls) > 0 && len(carried) > 0:
			complain("the reply of %s was called, and carried by %s", r, carried[0])
		case len(calls) > 0 && (!r.ok || !r.end.before(calls[0].begin) || r.proc != calls[0].proc):
			complain("the reply of %s was called, though it was not to be sent", r)
		case len(calls) > 0 && r.rides && calls[0].begin.at < r.end.at+10*time.Second && !tr.promised(r.proc, r.id, calls[0].begin) && !tr.stopping(r):
			complain("the reply of %s was called at %s, before a redelivery could carry it", r, calls[0].begin.at)
		case len(calls)+len(carried) == 0 && lasts && tr.counts(r) && !tr.setup.store && (tr.setup.caller || !tr.lost(r)):
			complain("the reply of %s was neither carried nor called nor lost", r)
		}
		if len(calls) == 0 && r.rides && tr.counts(r) && !tr.lapsed(r) {
			tr.checkCarrier(r, complain)
		}
	}
}

// checkCarrier: of the deliveries that waited for r's end, the newest live one
// has the reply, and it alone.
func (tr *modelTrace) checkCarrier(r *modelRun, complain modelComplaint) {
	var newest *modelDelivery
	var told []*modelDelivery
	for _, d := range tr.deliveries {
		waited := d.outcome == tghook.OutcomeJoined || d.outcome == tghook.OutcomeReplied || d.outcome == tghook.OutcomeHandled
		if d.proc != r.proc || d.id != r.id || !r.end.before(d.end) || !waited {
			continue
		}
		told = append(told, d)
		if d.gone.never() || d.end.wellBefore(d.gone) {
			newest = d
		}
	}
	bodies := 0
	for _, d := range told {
		if d.body != "" {
			bodies++
		}
	}
	if bodies > 1 || newest != nil && bodies == 0 {
		complain("%d deliveries carry the reply of %s", bodies, r)
	}
	if newest == nil || newest.body != "" {
		return
	}
	for _, d := range told {
		if d.body != "" && (d.begin.wellBefore(newest.begin) || d.gone.before(r.end) && d.gone.at < r.end.at) {
			complain("%s carries the reply of %s, though %s is newer, or lives", d, r, newest)
		}
	}
}

// checkReplay: a duplicate gets the same reply again for ten minutes, unless it
// was called, or given up; from another process, if the Store was told of it.
func (tr *modelTrace) checkReplay(complain modelComplaint) {
	for _, d := range tr.deliveries {
		if d.outcome != tghook.OutcomeDuplicate || !d.gone.never() && d.gone.at <= d.end.at {
			continue
		}
		for _, r := range tr.runs {
			knows := r.proc == d.proc || tr.setup.store && tr.claims[r.fence].done && tr.stored(r) && !tr.together(d, r)
			if r.id == d.id && knows && r.rides && r.end.before(d.begin) && tr.counts(r) &&
				d.begin.at < r.end.at+10*time.Minute && len(tr.called(r.text)) == 0 && !tr.lost(r) && !tr.lapsed(r) && d.body == "" {
				complain("%s did not get the reply of %s again", d, r)
			}
		}
	}
}

// checkAnswer: what Telegram is told has the form that it understands.
func (tr *modelTrace) checkAnswer(complain modelComplaint) {
	for _, d := range tr.deliveries {
		if d.end.never() {
			continue
		}
		if d.status != 200 && d.status != 500 && d.status != 503 {
			complain("%s: status %d", d, d.status)
		}
		if d.status != 200 && d.body != "" {
			complain("%s: %d with a body", d, d.status)
		}
		cancelled := d.outcome == tghook.OutcomeLate && tr.setup.policy() == tghook.LateCancel
		if (d.status == 503) != (d.retry != "") && (!cancelled || d.status != 503) {
			complain("%s: %d with Retry-After %q", d, d.status, d.retry)
		}
		most := map[tghook.Kind]int{
			tghook.KindInlineQuery: 3, tghook.KindCallbackQuery: 15, tghook.KindPreCheckoutQuery: 15,
		}
		seconds, _ := strconv.Atoi(d.retry)
		if bound := cmp.Or(most[tr.kind(d.id)], 3600); d.retry != "" && (!modelRetryForm.MatchString(d.retry) || seconds > bound) {
			complain("%s: Retry-After %q, at most %d", d, d.retry, bound)
		}
		if d.outcome == tghook.OutcomeFailed && !tr.setup.store {
			tr.checkRetry(d, seconds, cmp.Or(most[tr.kind(d.id)], 3600), complain)
		}
	}
}

// checkRetry: a handler's RetryAfter reaches Telegram, rounded up and clamped.
func (tr *modelTrace) checkRetry(d *modelDelivery, seconds, most int, complain modelComplaint) {
	attempt := 0
	for _, r := range tr.runs {
		if r.proc != d.proc || r.id != d.id || r.bury {
			continue
		}
		if attempt++; attempt != d.attempt || r.retry == 0 || tr.buried(r) {
			continue
		}
		if want := min(most, int((r.retry+time.Second-1)/time.Second)); seconds != want {
			complain("%s: Retry-After %d, not %d", d, seconds, want)
		}
	}
}

// checkAttempts: the handler starts MaxAttempts times at most.
func (tr *modelTrace) checkAttempts(complain modelComplaint) {
	type place struct {
		proc int
		id   int64
	}
	runs, active := map[place]int{}, map[int][]*modelRun{}
	for _, r := range tr.runs {
		active[r.proc] = slices.DeleteFunc(active[r.proc], func(a *modelRun) bool { return a.end.before(r.begin) })
		active[r.proc] = append(active[r.proc], r)
		if most := tr.setup.maxInFlight; most > 0 && len(active[r.proc]) > most {
			complain("%s is one more than MaxInFlight", r)
		}
		p := place{r.proc, r.id}
		if tr.setup.store {
			p.proc = 0 // they count together
		}
		if !r.bury {
			runs[p]++
		}
		if most := tr.setup.maxAttempts; most > 0 && runs[p] > most {
			complain("%s is one more than MaxAttempts", r)
		}
	}
}

// checkLiveness: an update ends acknowledged, unless its life was too short.
func (tr *modelTrace) checkLiveness(complain modelComplaint) {
	for _, id := range slices.Sorted(maps.Keys(tr.updates)) {
		switch fate := tr.fates[id]; {
		case fate == "":
			complain("update %d is offered for ever", id)
		case fate == modelExpired && modelLifetime(tr.kind(id)) >= 24*time.Hour:
			complain("update %d was not acknowledged within a day", id)
		}
	}
}

// checkShutdown: nil says that everything was answered; else the error names
// what was not, and handlers are cancelled. What LateAck has acknowledged gets
// five seconds more, and so does the Store's word.
func (tr *modelTrace) checkShutdown(complain modelComplaint) {
	for _, s := range tr.stops {
		if s.end.never() {
			complain("Shutdown of %d has not returned", s.proc)
			continue
		}
		if s.end.at > s.begin.at+s.grace+time.Second {
			complain("Shutdown of %d took %s, with a grace of %s", s.proc, s.end.at-s.begin.at, s.grace)
		}
		if s.err != nil && !errors.Is(s.err, context.DeadlineExceeded) {
			complain("Shutdown of %d: %v", s.proc, s.err)
		}
		if len(s.running) > 0 {
			complain("Shutdown of %d left handlers running that were not cancelled: %v", s.proc, s.running)
		}
		if named, whole := s.names(modelNamed); whole {
			tr.checkNamed(s, named, complain)
		}
		if broken, whole := s.names(modelBroken); whole {
			tr.checkBroken(s, broken, complain)
		}
	}
}

func (tr *modelTrace) checkNamed(s *modelStopping, named map[int64]bool, complain modelComplaint) {
	halt := modelMoment{s.end.seq, s.halt()}
	for _, r := range tr.runs {
		switch {
		case r.proc != s.proc:
			continue
		case r.begin.at > halt.at:
			if !r.bury {
				complain("%s began after Shutdown", r)
			}
			continue
		}
		promised := tr.promised(s.proc, r.id, halt)
		over := halt.at > r.end.at+modelLifetime(tr.kind(r.id))
		runs := r.begin.at < halt.at && (r.end.never() || r.end.at > halt.at)
		ended := r.end.before(s.end) && r.end.at < halt.at
		c := tr.claims[r.fence]
		known := c != nil && c.done // to the Store, and so to whoever is asked next
		switch {
		case runs && s.err == nil:
			complain("Shutdown of %d returned nil during %s", s.proc, r)
		case runs && named[r.id] && tr.promised(s.proc, r.id, modelMoment{at: halt.at - 1}):
			complain("Shutdown of %d names %s, which LateAck had acknowledged: %v", s.proc, r, s.err)
		case runs && !promised && !named[r.id]:
			complain("Shutdown of %d does not name %s, which runs: %v", s.proc, r, s.err)
		case ended && tr.counts(r) && !promised && !known && !over && !tr.told(r, halt) && !named[r.id] && !tr.overdue(r, halt):
			complain("Shutdown of %d does not name %s, which was not acknowledged: %v", s.proc, r, s.err)
		case named[r.id] && tr.counts(r) && tr.heard(r, halt):
			complain("Shutdown of %d names %s, which was acknowledged: %v", s.proc, r, s.err)
		}
	}
}

// checkBroken: what LateAck has acknowledged has ended, or is named.
func (tr *modelTrace) checkBroken(s *modelStopping, broken map[int64]bool, complain modelComplaint) {
	for id := range tr.updates {
		if !tr.promised(s.proc, id, modelMoment{at: s.halt() - 1}) {
			continue
		}
		runs, over := false, false
		for _, r := range tr.runs {
			if r.proc == s.proc && r.id == id {
				runs = runs || r.begin.wellBefore(s.end) && s.end.wellBefore(r.end)
				over = over || r.ok && r.end.wellBefore(s.end)
			}
		}
		if runs && !broken[id] {
			complain("Shutdown of %d does not name update %d, which LateAck had acknowledged and which runs: %v", s.proc, id, s.err)
		}
		if over && !runs && broken[id] && !tr.setup.store && tr.setup.endTakes == 0 {
			complain("Shutdown of %d names update %d, which is over: %v", s.proc, id, s.err)
		}
	}
}

// checkAccounting: Observe hears once of each arrival, and once of each run.
func (tr *modelTrace) checkAccounting(complain modelComplaint) {
	for _, d := range tr.deliveries {
		if !d.end.never() && d.reports != 1 {
			complain("%s was reported %d times", d, d.reports)
		}
	}
	for _, v := range tr.reports {
		if v.of != nil && !v.of.end.never() && (v.status != v.of.status || v.rode != (v.of.body != "")) {
			complain("%s was reported with status %d, rode %v", v.of, v.status, v.rode)
		}
	}
	ofRuns := func(proc int, id int64) (all []*modelReport) {
		for _, v := range tr.reports {
			switch v.outcome {
			case tghook.OutcomeHandled, tghook.OutcomeReplied, tghook.OutcomeDropped, tghook.OutcomeDeadLettered, tghook.OutcomeAbandoned,
				tghook.OutcomeFailed, tghook.OutcomeReplyLost:
				if v.proc == proc && v.id == id {
					all = append(all, v)
				}
			}
		}
		return all
	}
	runs := map[[2]int64]int{} // process and update
	attempts := map[[2]int64]int{}
	for i, r := range tr.runs {
		place := [2]int64{int64(r.proc), r.id}
		if r.end.never() || r.unreported || tr.unheard(r) {
			runs[place] -= len(tr.reports) // whatever comes of it is too late
			continue
		}
		next := slices.IndexFunc(tr.runs[i+1:], func(b *modelRun) bool { return b.proc == r.proc && b.id == r.id })
		if next < 0 || r.bury || !tr.runs[i+1+next].follows(r) {
			runs[place]++ // else the DeadLetter that followed is counted
		}
		if r.bury {
			continue
		}
		attempts[place]++
		attempt := attempts[place]
		if tr.setup.store {
			attempt = tr.claims[r.fence].attempt
		}
		if !slices.ContainsFunc(ofRuns(r.proc, r.id), func(v *modelReport) bool { return v.attempt == attempt && tr.fits(v.outcome, r) }) {
			complain("no report fits attempt %d, %s", attempt, r)
		}
	}
	for _, place := range slices.SortedFunc(maps.Keys(runs), func(a, b [2]int64) int { return slices.Compare(a[:], b[:]) }) {
		if want, got := runs[place], ofRuns(int(place[0]), place[1]); want >= 0 && len(got) != want {
			var outcomes []string
			for _, v := range got {
				outcomes = append(outcomes, fmt.Sprintf("%s/%d at %s", v.outcome, v.attempt, modelDuration(v.at.at)))
			}
			complain("%d runs of update %d in process %d were reported %d times: %v", want, place[1], place[0], len(got), outcomes)
		}
	}
}

// checkRest: what is over leaves nothing behind.
func (tr *modelTrace) checkRest(complain modelComplaint) {
	if len(tr.stops) <= max(tr.setup.replicas, 1) && !tr.faulty {
		for _, fence := range slices.Sorted(maps.Keys(tr.claims)) {
			if c := tr.claims[fence]; c.over.never() {
				complain("process %d has left its claim of update %d to lapse", c.proc, c.id)
			}
		}
	}
	alone := tr.setup.replicas <= 1 && len(tr.stops) <= 1 // the last one ends every schedule
	for _, fate := range tr.fates {
		alone = alone && fate == modelAcked
	}
	for _, s := range tr.stats {
		if s.InFlight != 0 || s.Lanes != 0 {
			complain("process %d is at rest with %+v", s.proc, s.Stats)
		}
		if !s.dead && (s.final || alone && !tr.reburied()) && (s.Failed != 0 || s.Unacknowledged != 0) {
			complain("process %d, which Telegram has nothing for, keeps %+v", s.proc, s.Stats)
		}
	}
}

// checkInTime: every answer comes before its delivery is late, and it is not
// called late before.
func (tr *modelTrace) checkInTime(complain modelComplaint) {
	for _, d := range tr.deliveries {
		after := tr.setup.after(tr.kind(d.id))
		switch took := d.end.at - d.begin.at; {
		case d.end.never() || after < 0:
		case took > after:
			complain("%s took %s, not %s", d, took, after)
		case d.outcome == tghook.OutcomeLate && took < after && d.gone.never() && tr.setup.life == 0:
			complain("%s was called late after %s, not %s", d, took, after)
		}
	}
}

// checkCause: a handler's ctx ends for its own causes, never with its client.
func (tr *modelTrace) checkCause(complain modelComplaint) {
	for _, r := range tr.runs {
		if r.end.never() || r.bury {
			continue
		}
		took := r.end.at - r.begin.at
		if c := tr.claims[r.fence]; c != nil && r.cause == nil && !c.lost.never() && max(c.lost.at, r.begin.at)+35*time.Second < r.end.at {
			complain("%s was not told that its claim was lost at %s", r, c.lost)
		}
		var may bool
		switch {
		case r.cause == nil:
			may = took <= tr.setup.timeout()
		case errors.Is(r.cause, tghook.ErrHandlerTimeout):
			may = took >= tr.setup.timeout() && (!r.obeyed || took == tr.setup.timeout())
		case errors.Is(r.cause, tghook.ErrLate):
			may = tr.setup.policy() == tghook.LateCancel
		case errors.Is(r.cause, tghook.ErrClaimLost):
			may = tr.setup.store
		case errors.Is(r.cause, tghook.ErrShutdown):
			may = slices.ContainsFunc(tr.stops, func(s *modelStopping) bool { return s.proc == r.proc && s.begin.at+s.grace <= r.end.at })
		}
		if !may {
			complain("the ctx of %s had ended with %v after %s", r, r.cause, took)
		}
	}
}
