package desk

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/scenario"
	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// Fault is something that goes wrong on purpose, for some calls of a bot or for some
// deliveries to it.
type Fault struct {
	ID       string         `json:"id"`
	Bot      int64          `json:"bot"`
	Scenario string         `json:"scenario,omitempty"`
	Error    *FaultError    `json:"error,omitempty"`
	Delivery *FaultDelivery `json:"delivery,omitempty"`
	Outage   string         `json:"outage,omitempty"`
	Match    FaultMatch     `json:"match"`
	Times    int            `json:"times"` // 0: until it is deleted
	Left     *int           `json:"left"`  // nil: until it is deleted
	Used     int            `json:"used"`
	Title    string         `json:"title"`
}

// FaultError is an error of the Bot API.
type FaultError struct {
	Code        int    `json:"code,omitempty"`
	Description string `json:"description,omitempty"`
	RetryAfter  int    `json:"retry_after,omitempty"`
	MigrateTo   int64  `json:"migrate_to,omitempty"`
}

// FaultDelivery is what goes wrong with an attempt to deliver an update.
type FaultDelivery struct {
	Delay       string `json:"delay,omitempty"`
	CutBefore   bool   `json:"cut_before,omitempty"`
	CutAfter    bool   `json:"cut_after,omitempty"`
	Again       bool   `json:"again,omitempty"`
	AgainAtOnce bool   `json:"again_at_once,omitempty"`
}

// FaultMatch says which calls or deliveries a fault is for. The zero FaultMatch means all.
type FaultMatch struct {
	Method string `json:"method,omitempty"`
	Chat   int64  `json:"chat,omitempty"`
	Kind   string `json:"kind,omitempty"`
	Text   string `json:"text,omitempty"`
}

// fault is a Fault that is set.
type fault struct {
	Fault
	call     *tghooktest.CallFault
	fits     func(method string) bool
	delivery *tghooktest.DeliveryFault
	until    time.Time // end of an outage
}

// over reports whether the fault happens no more.
func (f *fault) over() bool { return f.Times > 0 && f.Used >= f.Times }

// use counts a use of the fault.
func (f *fault) use() {
	f.Used++
	if f.Times > 0 {
		left := f.Times - f.Used
		f.Left = &left
	}
}

// faults are the faults of a bot.
type faults struct {
	mu     sync.Mutex
	all    []*fault
	number int
}

const (
	maxFaults    = 100
	farAway      = 366 * 24 * time.Hour // no fault waits longer
	scenarioName = "X-Tghook-Scenario"  // header of a call

	maxRetryAfter = int(farAway / time.Second)
)

// add sets a fault.
func (fs *faults) add(f *fault) (Fault, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.all = slices.DeleteFunc(fs.all, (*fault).over)
	if len(fs.all) == maxFaults {
		return Fault{}, jsonhttp.Invalid("the bot has %d faults; delete some", maxFaults)
	}
	fs.number++
	f.ID = strconv.Itoa(fs.number)
	if f.Times > 0 {
		left := f.Times
		f.Left = &left
	}
	fs.all = append(fs.all, f)
	return f.Fault, nil
}

// list returns the faults that may still happen.
func (fs *faults) list() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	out := []Fault{}
	for _, f := range fs.all {
		if !f.over() {
			out = append(out, f.Fault)
		}
	}
	return out
}

// remove deletes a fault, and returns it.
func (fs *faults) remove(id string) (*fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	i := slices.IndexFunc(fs.all, func(f *fault) bool { return f.ID == id && !f.over() })
	if i < 0 {
		return nil, false
	}
	f := fs.all[i]
	fs.all = slices.Delete(fs.all, i, i+1)
	return f, true
}

// clear deletes all faults.
func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.all = nil
}

// none reports whether no fault is set.
func (fs *faults) none() bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return len(fs.all) == 0
}

// ofCall picks the fault of a call.
func (fs *faults) ofCall(c tghooktest.Call) (Fault, tghooktest.CallFault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.all {
		if f.call != nil && !f.over() && f.fits(c.Method) && f.Match.takesCall(c) {
			f.use()
			return f.Fault, *f.call, true
		}
	}
	return Fault{}, tghooktest.CallFault{}, false
}

// ofDelivery picks the fault of an attempt to deliver an update that is about a.
func (fs *faults) ofDelivery(kind string, a about, now time.Time) (Fault, tghooktest.DeliveryFault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.all {
		if f.delivery == nil || f.over() || !f.Match.takesUpdate(kind, a) || !f.until.IsZero() && !now.Before(f.until) {
			continue
		}
		f.use()
		return f.Fault, *f.delivery, true
	}
	return Fault{}, tghooktest.DeliveryFault{}, false
}

func (m FaultMatch) takesCall(c tghooktest.Call) bool {
	text := c.Params["text"] + c.Params["caption"]
	return (m.Method == "" || strings.EqualFold(m.Method, c.Method)) && (m.Chat == 0 || c.Params["chat_id"] == strconv.FormatInt(m.Chat, 10)) &&
		m.Kind == "" && (m.Text == "" || strings.Contains(text, m.Text))
}

func (m FaultMatch) takesUpdate(kind string, a about) bool {
	return m.Method == "" && (m.Chat == 0 || m.Chat == a.chat) && (m.Kind == "" || m.Kind == kind) && (m.Text == "" || strings.Contains(a.text, m.Text))
}

// newFault is a fault that a request asks for.
type newFault struct {
	Scenario string         `json:"scenario"`
	Error    *FaultError    `json:"error"`
	Delivery *FaultDelivery `json:"delivery"`
	Outage   duration       `json:"outage"`
	Match    FaultMatch     `json:"match"`
	Times    *int           `json:"times"`
}

// check checks what the request asks for.
func (n newFault) check() error {
	parts := 0
	for _, there := range []bool{n.Scenario != "", n.Error != nil, n.Delivery != nil, n.Outage > 0} {
		if there {
			parts++
		}
	}
	calls := n.Delivery == nil && n.Outage == 0
	switch {
	case n.Times != nil && *n.Times < 0:
		return jsonhttp.Invalid("times is %d; send how often the fault happens, or 0 for always", *n.Times)
	case parts != 1:
		return jsonhttp.Invalid("a fault is one of scenario, error, delivery and outage; send exactly one of them")
	case n.Error != nil && !n.Error.possible():
		return jsonhttp.Invalid("error.code is %d and error.retry_after is %d; send a code from 400 to 599, or none, and at most %d seconds", n.Error.Code, n.Error.RetryAfter, maxRetryAfter)
	case n.Match.Kind != "" && calls:
		return jsonhttp.Invalid("match.kind is the kind of an update, and calls have none; send match.method")
	case n.Match.Method != "" && !calls:
		return jsonhttp.Invalid("match.method is the method of a call, and deliveries have none; send match.kind")
	}
	return nil
}

// fault returns the fault that the request asks for, at a time.
func (n newFault) fault(now time.Time) (*fault, error) {
	f := &fault{Fault: Fault{Match: n.Match, Times: 1}, fits: func(method string) bool { return n.Match.Method != "" || method != pollMethod }}
	if n.Times != nil {
		f.Times = *n.Times
	}
	if err := n.check(); err != nil {
		return nil, err
	}
	switch {
	case n.Scenario != "":
		return f, f.asScenario(n.Scenario)
	case n.Error != nil:
		f.Error = n.Error
		f.call = &tghooktest.CallFault{Err: n.Error.callError()}
		f.Title = strings.TrimSpace(fmt.Sprintf("%d %s", n.Error.Code, n.Error.Description))
		return f, nil
	case n.Delivery != nil:
		f.Delivery = n.Delivery
		return f, f.asDelivery()
	}
	f.Outage, f.Times = time.Duration(n.Outage).String(), 0
	f.delivery, f.until = &tghooktest.DeliveryFault{Refuse: true}, now.Add(min(time.Duration(n.Outage), farAway))
	f.Title = "the webhook cannot be reached for " + f.Outage
	return f, nil
}

func (f *fault) asScenario(name string) error {
	s, ok := scenario.Find(name)
	if !ok {
		return noScenario(name)
	}
	if m := f.Match.Method; m != "" && !s.Fits(m) {
		return jsonhttp.Invalid("match.method is %s, which does not fail with %s; its methods are: %s", m, name, strings.Join(s.Methods, ", "))
	}
	f.Scenario, f.call, f.fits, f.Title = s.Name, &s.Fault, s.Fits, s.Title
	return nil
}

func noScenario(name string) error {
	return jsonhttp.Invalid("there is no scenario %q; GET /api/scenarios lists them", name)
}

func (f *fault) asDelivery() error {
	d := f.Delivery
	f.delivery = &tghooktest.DeliveryFault{CutBefore: d.CutBefore, CutAfter: d.CutAfter, Again: d.Again, AgainAtOnce: d.AgainAtOnce}
	if d.Delay != "" {
		delay, err := time.ParseDuration(d.Delay)
		if err != nil || delay < 0 {
			return jsonhttp.Invalid("delivery.delay is %q; send a length of time such as 10s", d.Delay)
		}
		f.delivery.Delay = min(delay, farAway)
	}
	names := []string{}
	for _, part := range []struct {
		set  bool
		name string
	}{
		{f.delivery.Delay > 0, "a delay of " + f.delivery.Delay.String()},
		{d.CutBefore, "cut before the answer"},
		{d.CutAfter, "the answer is lost"},
		{d.Again, "delivered again"},
		{d.AgainAtOnce, "delivered twice at once"},
	} {
		if part.set {
			names = append(names, part.name)
		}
	}
	if len(names) == 0 {
		return jsonhttp.Invalid("delivery is empty; send delay, cut_before, cut_after, again or again_at_once")
	}
	f.Title = strings.Join(names, ", ")
	return nil
}

// possible reports whether an answer can have the error. It has no code if the Server is to
// find it.
func (e *FaultError) possible() bool {
	return (e.Code == 0 || e.Code >= http.StatusBadRequest && e.Code < 600) && e.RetryAfter >= 0 && e.RetryAfter <= maxRetryAfter
}

// callError returns the error as tghooktest has it.
func (e *FaultError) callError() *tghooktest.CallError {
	return &tghooktest.CallError{Code: e.Code, Description: e.Description, RetryAfter: time.Duration(e.RetryAfter) * time.Second, MigrateTo: e.MigrateTo}
}

// named reads the header by which a call asks for its own error: the name of a scenario, and
// ; times=2 behind it if the next call of the method shall fail too.
func named(header http.Header) (name string, times int, err error) {
	name, more, _ := strings.Cut(header.Get(scenarioName), ";")
	name, times = strings.TrimSpace(name), 1
	if more = strings.TrimSpace(more); more != "" {
		text, ok := strings.CutPrefix(more, "times=")
		if times, err = strconv.Atoi(text); !ok || err != nil || times < 1 {
			return "", 0, fmt.Errorf("the header %s has %q; write a scenario, or a scenario and times, as in blocked; times=2", scenarioName, more)
		}
	}
	return name, times, nil
}

// pickCall picks the fault of a bot's call: by the call's own header, or by the faults that
// are set.
func (b *bot) pickCall(c tghooktest.Call) tghooktest.CallFault {
	if c.Header.Get(scenarioName) != "" {
		return b.pickNamed(c)
	}
	f, fault, ok := b.faults.ofCall(c)
	switch {
	case ok:
		b.blame(b.desk.journal.callID(c.ID), f)
	case c.Reply && b.desk.cfg.Execute != nil:
		return b.desk.cfg.Execute(b.id, c)
	}
	return fault
}

// pickNamed picks the fault that the call's own header names.
func (b *bot) pickNamed(c tghooktest.Call) tghooktest.CallFault {
	name, times, err := named(c.Header)
	s, known := scenario.Find(name)
	switch {
	case err == nil && !known:
		err = noScenario(name)
	case err == nil && !s.Fits(c.Method):
		b.desk.warn(fmt.Sprintf("bot %d: %s does not fail with %s, so the header %s has no effect; its methods are: %s", b.id, c.Method, name, scenarioName, strings.Join(s.Methods, ", ")))
		return tghooktest.CallFault{}
	}
	if err != nil {
		return tghooktest.CallFault{Err: &tghooktest.CallError{Code: http.StatusBadRequest, Description: "Bad Request: " + err.Error()}}
	}
	if times > 1 {
		f := &fault{Fault: Fault{Bot: b.id, Match: FaultMatch{Method: c.Method}, Times: times - 1}}
		if f.asScenario(name) == nil {
			_, _ = b.faults.add(f) // if there are too many, the next call succeeds
		}
	}
	b.blame(b.desk.journal.callID(c.ID), Fault{Scenario: name, Title: s.Title})
	return s.Fault
}

// pickDelivery picks the fault of an attempt to deliver an update.
func (b *bot) pickDelivery(d tghooktest.Delivery) tghooktest.DeliveryFault {
	if b.faults.none() {
		return tghooktest.DeliveryFault{}
	}
	f, fault, ok := b.faults.ofDelivery(d.Kind, readUpdate(d.Update), d.At)
	if ok {
		b.blame(b.desk.journal.deliveryID(b.id, &d), f)
	}
	return fault
}

// blame tells of a fault that was picked.
func (b *bot) blame(row string, f Fault) {
	name := f.Scenario
	if name == "" {
		name = f.Title
	}
	b.desk.journal.blame(row, name)
	if f.ID != "" {
		b.desk.tellFault(b.id, f)
	}
}

// tellFault tells of a change of a fault.
func (d *Desk) tellFault(bot int64, f Fault) {
	d.publish(Event{Kind: "fault", Bot: bot, Object: encode(f)})
}

func (d *Desk) listFaults(r *http.Request) (any, error) {
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	return b.faults.list(), nil
}

func (d *Desk) addFault(r *http.Request) (any, error) {
	var in newFault
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	f, err := in.fault(d.tg.Now())
	if err != nil {
		return nil, err
	}
	f.Bot = b.id
	set, err := b.faults.add(f)
	if err != nil {
		return nil, err
	}
	if !f.until.IsZero() {
		d.outages.begin(d, b, f)
	}
	d.tellFault(b.id, set)
	return set, nil
}

func (d *Desk) deleteFault(r *http.Request) (any, error) {
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	f, ok := b.faults.remove(r.PathValue("id"))
	if !ok {
		return nil, jsonhttp.NotFound("fault", "the bot has no fault %s; GET /api/bots/{bot}/faults lists them", r.PathValue("id"))
	}
	zero := 0
	f.Left = &zero
	d.outages.end(d, f)
	d.tellFault(b.id, f.Fault)
	return done{}, nil
}

// Scenario is an error that can be set by its name.
type Scenario struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Code        int      `json:"code"` // 0 if no answer comes
	Description string   `json:"description"`
	RetryAfter  int      `json:"retry_after,omitempty"`
	MigrateTo   int64    `json:"migrate_to,omitempty"`
	Methods     []string `json:"methods"` // empty for all
	Advice      string   `json:"advice"`
}

func (d *Desk) listScenarios(*http.Request) (any, error) {
	all := scenario.All()
	out := make([]Scenario, 0, len(all))
	for _, s := range all {
		one := Scenario{Name: s.Name, Title: s.Title, Methods: append([]string{}, s.Methods...), Advice: s.Advice}
		if err := s.Fault.Err; err != nil && !s.Fault.Cut {
			one.Code, one.Description, one.RetryAfter, one.MigrateTo = err.Code, err.Description, int(err.RetryAfter/time.Second), err.MigrateTo
		}
		out = append(out, one)
	}
	return out, nil
}
