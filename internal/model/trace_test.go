package model_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

// modelTrace is what happened in a schedule, as its handler, its Store, its
// Caller, its Observe and its Telegram saw it.
type modelTrace struct {
	setup      modelSetup
	updates    map[int64]*modelOp
	seq        int
	runs       []*modelRun // in order of their begin
	deliveries []*modelDelivery
	calls      []*modelCall
	reports    []*modelReport
	stops      []*modelStopping
	claims     map[string]*modelClaim // by fence
	fates      map[int64]modelFate
	faulty     bool // the Store had its faults
	stats      []modelStats
	stuck      string
}

func newModelTrace(s modelSchedule) modelTrace {
	tr := modelTrace{
		setup: s.setup, updates: map[int64]*modelOp{},
		claims: map[string]*modelClaim{}, fates: map[int64]modelFate{},
	}
	for i := range s.ops {
		switch o := &s.ops[i]; o.what {
		case modelArrive:
			tr.updates[o.id] = o
		case modelDown, modelSlow, modelSteal:
			tr.faulty = true
		}
	}
	return tr
}

// modelMoment is when something happened; seq orders what happened at one
// instant. The zero moment is never.
type modelMoment struct {
	seq int
	at  time.Duration
}

func (m modelMoment) never() bool { return m.seq == 0 }

// before is false if m never came, and true if only n never came.
func (m modelMoment) before(n modelMoment) bool {
	return !m.never() && (n.never() || m.seq < n.seq)
}

// wellBefore leaves out what a race of one instant may have decided otherwise.
func (m modelMoment) wellBefore(n modelMoment) bool { return m.before(n) && (n.never() || m.at < n.at) }

// modelRun is one run of the handler, or of DeadLetter.
type modelRun struct {
	proc       int
	id         int64
	n          int // how many came before it
	bury       bool
	begin, end modelMoment
	ok         bool
	text       string        // of the reply
	rides      bool          // the reply may
	retry      time.Duration // asked for
	cause      error         // why ctx had ended, when the run did
	obeyed     bool          // it ended for that
	unreported bool          // it may have ended when Shutdown had returned
	fence      string
}

type modelDelivery struct {
	proc              int
	id                int64
	begin, gone, end  modelMoment
	status            int
	retry             string
	contentType, body string
	outcome           tghook.Outcome
	attempt, reports  int
}

type modelCall struct {
	proc  int
	text  string
	begin modelMoment
}

type modelReport struct {
	proc    int
	id      int64
	at      modelMoment
	of      *modelDelivery // nil: of a run
	outcome tghook.Outcome
	attempt int
	status  int
	rode    bool
}

type modelStopping struct {
	proc       int
	begin, end modelMoment
	grace      time.Duration
	err        error
	running    []int64 // whose handlers had not been cancelled at the end
}

type modelClaim struct {
	begin   modelMoment
	id      int64
	proc    int
	attempt int
	lost    modelMoment
	over    modelMoment // Done, Fail or Release
	done    bool        // the Store has taken Done
	tried   bool        // Done was called, and did not say that the claim was lost
}

type modelStats struct {
	proc        int
	dead, final bool
	tghook.Stats
}

type modelFate string

const (
	modelAcked   modelFate = "acknowledged"
	modelExpired modelFate = "expired"
)

// counts reports whether r's success was one: that of a run whose claim was lost
// is not, unless LateAck had promised it.
func (tr *modelTrace) counts(r *modelRun) bool {
	if !r.ok || r.end.never() {
		return false
	}
	c := tr.claims[r.fence]
	return !tr.setup.store || c != nil && c.tried || tr.promised(r.proc, r.id, r.end)
}

// promised reports whether LateAck had acknowledged an update by the instant of m.
func (tr *modelTrace) promised(proc int, id int64, m modelMoment) bool {
	return slices.ContainsFunc(tr.deliveries, func(d *modelDelivery) bool {
		return d.proc == proc && d.id == id && d.early() && d.end.at <= m.at
	})
}

// early reports whether d was acknowledged before its update was handled.
func (d *modelDelivery) early() bool { return d.status == 200 && d.outcome == tghook.OutcomeLate }

// success is the run for which d may say that its update is over.
func (tr *modelTrace) success(d *modelDelivery) *modelRun {
	for _, r := range tr.runs {
		if r.id == d.id && (r.proc == d.proc || tr.setup.store) && r.end.before(d.end) && tr.counts(r) {
			return r
		}
	}
	return nil
}

func (tr *modelTrace) kind(id int64) tghook.Kind { return tr.updates[id].kind }

func (tr *modelTrace) called(text string) (calls []*modelCall) {
	for _, c := range tr.calls {
		if c.text == text {
			calls = append(calls, c)
		}
	}
	return calls
}

// entered is when r's update entered its lane for r, at the earliest; it is not
// ok if the update has not left since the run before.
func (tr *modelTrace) entered(r *modelRun) (since modelMoment, ok bool) {
	last := tr.lastEnd(r.proc, r.id, r.begin)
	if r.bury && last.at == r.begin.at {
		return since, false // it has not left
	}
	for _, d := range tr.deliveries { // the first that the run before did not answer
		if d.proc == r.proc && d.id == r.id && (last.never() || !d.end.before(last)) && d.begin.before(r.begin) {
			// One that joined before all was settled is run again at once by LateCancel.
			return d.begin, last.never() || d.begin.at > last.at+tr.settling()
		}
	}
	return since, false
}

// settling is how long the end of a run may take, after its handler's.
func (tr *modelTrace) settling() time.Duration {
	if tr.setup.store {
		return tr.setup.endTakes + 5*time.Second
	}
	return tr.setup.endTakes
}

// withdrawn reports whether r may be the dead letter of an update that LateAck
// had acknowledged, and that then lost its turn: it does not wait for another.
func (tr *modelTrace) withdrawn(r *modelRun) bool {
	return r.bury && tr.promised(r.proc, r.id, r.begin) && (tr.setup.store || slices.ContainsFunc(tr.stops, func(s *modelStopping) bool {
		return s.proc == r.proc && s.begin.at+s.grace <= r.begin.at
	}))
}

func (tr *modelTrace) lastEnd(proc int, id int64, before modelMoment) (last modelMoment) {
	for _, r := range tr.runs {
		if r.proc == proc && r.id == id && r.end.before(before) && r.end.seq > last.seq {
			last = r.end
		}
	}
	return last
}

// waits reports whether d's update must still wait in its lane at m though d was
// answered: LateRetry and LateAck keep its place.
func (tr *modelTrace) waits(d *modelDelivery, m modelMoment) bool {
	if tr.setup.store || tr.setup.policy() == tghook.LateCancel || d.outcome != tghook.OutcomeLate || !d.end.before(m) {
		return false
	}
	return !slices.ContainsFunc(tr.runs, func(r *modelRun) bool {
		return r.proc == d.proc && r.id == d.id && r.begin.before(m) &&
			(r.ok || r.end.never() || d.begin.at <= r.end.at+tr.settling()) // d may have joined it
	})
}

func (tr *modelTrace) carried(r *modelRun) (by []*modelDelivery) {
	for _, d := range tr.deliveries {
		if r.text != "" && d.id == r.id && strings.Contains(d.body, strconv.Quote(r.text)) {
			by = append(by, d)
		}
	}
	return by
}

func (tr *modelTrace) lost(r *modelRun) bool {
	return slices.ContainsFunc(tr.reports, func(v *modelReport) bool {
		return v.proc == r.proc && v.id == r.id && v.outcome == tghook.OutcomeReplyLost
	})
}

// lapsed reports whether r's process may have taken its claim for lost, perhaps
// since no renewal got through: then it discards the reply.
func (tr *modelTrace) lapsed(r *modelRun) bool {
	c := tr.claims[r.fence]
	return tr.faulty && c != nil && (!c.lost.never() || r.end.at >= c.begin.at+30*time.Second)
}

// stored reports whether the Store was surely given the reply of r: a delivery
// waited to carry it.
func (tr *modelTrace) stored(r *modelRun) bool {
	return slices.ContainsFunc(tr.carried(r), func(d *modelDelivery) bool {
		return d.proc == r.proc && d.begin.wellBefore(r.end) && d.gone.never()
	})
}

// together reports whether another delivery, told at the same instant as d, has
// the reply: they asked the Store together, and the newest carries it.
func (tr *modelTrace) together(d *modelDelivery, r *modelRun) bool {
	return slices.ContainsFunc(tr.carried(r), func(other *modelDelivery) bool {
		return other.proc == d.proc && other.end.at == d.end.at
	})
}

// buried reports whether r's update became a dead letter at its end.
func (tr *modelTrace) buried(r *modelRun) bool {
	return slices.ContainsFunc(tr.runs, func(b *modelRun) bool { return b.proc == r.proc && b.id == r.id && b.bury })
}

// names are the ids that Shutdown's error names by one of the forms above.
// whole is false where it names the first twenty of more.
func (s *modelStopping) names(form *regexp.Regexp) (ids map[int64]bool, whole bool) {
	ids = map[int64]bool{}
	if s.err == nil {
		return ids, true
	}
	m := form.FindStringSubmatch(s.err.Error())
	if m == nil {
		return ids, true
	}
	for text := range strings.FieldsSeq(m[1]) {
		id, _ := strconv.ParseInt(text, 10, 64)
		ids[id] = true
	}
	return ids, m[2] == ""
}

// halt is when Shutdown stopped to wait for more than what LateAck had promised.
func (s *modelStopping) halt() time.Duration { return min(s.end.at, s.begin.at+s.grace) }

// stopping reports whether Shutdown of r's process had been called before r ended: then
// what LateAck has answered may not be known here.
func (tr *modelTrace) stopping(r *modelRun) bool {
	return slices.ContainsFunc(tr.stops, func(s *modelStopping) bool { return s.proc == r.proc && s.begin.at <= r.end.at })
}

// overdue reports whether the redelivery that r waits for may be by the instant of m.
func (tr *modelTrace) overdue(r *modelRun, m modelMoment) bool {
	return !slices.ContainsFunc(tr.deliveries, func(d *modelDelivery) bool {
		return d.proc == r.proc && d.id == r.id && d.begin.wellBefore(m) && max(d.end.at, d.gone.at) > m.at-3*time.Second
	})
}

// told reports whether r's process may have acknowledged its success to somebody
// who listened by the instant of m; heard, whether it surely had before.
func (tr *modelTrace) told(r *modelRun, m modelMoment) bool {
	return slices.ContainsFunc(tr.deliveries, func(d *modelDelivery) bool {
		return d.answers(r) && d.end.at <= m.at && (d.gone.never() || d.gone.at >= d.end.at)
	})
}

func (tr *modelTrace) heard(r *modelRun, m modelMoment) bool {
	return slices.ContainsFunc(tr.deliveries, func(d *modelDelivery) bool {
		return d.answers(r) && d.end.wellBefore(m) && d.end.wellBefore(d.gone)
	})
}

func (d *modelDelivery) answers(r *modelRun) bool {
	return d.proc == r.proc && d.id == r.id && r.end.before(d.end) && d.status == 200
}

// unheard reports whether Shutdown of r's process may have returned before r had been
// reported.
func (tr *modelTrace) unheard(r *modelRun) bool {
	known := r.end.at + tr.settling()
	if r.rides && tr.setup.caller { // Caller gets the reply when no redelivery has come to carry it
		known += 10 * time.Second
	}
	return slices.ContainsFunc(tr.stops, func(s *modelStopping) bool {
		return s.proc == r.proc && !s.end.never() && s.err != nil && s.end.at <= known
	})
}

// follows reports whether r is the dead letter of the same attempt as before.
func (r *modelRun) follows(before *modelRun) bool {
	return r.bury && r.begin.at == before.end.at && r.fence == before.fence
}

// fits reports whether r may be reported with outcome.
func (tr *modelTrace) fits(outcome tghook.Outcome, r *modelRun) bool {
	switch outcome {
	case tghook.OutcomeReplied, tghook.OutcomeReplyLost:
		return r.ok && r.text != "" && tr.counts(r)
	case tghook.OutcomeHandled: // without a reply, or another process may carry it
		return r.ok && tr.counts(r) && (r.text == "" || tr.setup.store)
	case tghook.OutcomeDropped, tghook.OutcomeDeadLettered, tghook.OutcomeAbandoned:
		return !r.ok
	default:
		return !r.ok || !tr.counts(r)
	}
}

// reburied reports whether a failed dead letter stays, for LateAck had
// acknowledged its update.
func (tr *modelTrace) reburied() bool {
	return slices.ContainsFunc(tr.runs, func(r *modelRun) bool { return r.bury && !r.ok })
}

func (r *modelRun) String() string {
	what := "run"
	if r.bury {
		what = "dead letter"
	}
	return fmt.Sprintf("%s %d of update %d in process %d (%s to %s)", what, r.n, r.id, r.proc, modelDuration(r.begin.at), r.end)
}

func (d *modelDelivery) String() string {
	return fmt.Sprintf("delivery of update %d to process %d (%s to %s, %d %s)", d.id, d.proc, modelDuration(d.begin.at), d.end, d.status, d.outcome)
}

func (m modelMoment) String() string {
	if m.never() {
		return "never"
	}
	return modelDuration(m.at)
}
