package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
)

// GoneDuring has the senders of updates go while the handlers, which take a second, run.
func (r *Bot) GoneDuring(first, n int64) {
	const batch = 500
	for ; n > 0; n, first = n-batch, first+batch {
		ctx, cancel := context.WithCancel(context.Background())
		for id := first; id < first+min(n, batch); id++ {
			go r.PostWith(ctx, MessageIn(id, id))
		}
		synctest.Wait()
		cancel()
		Pass(time.Second)
	}
}

// Queued hands body over as a queue does.
func (r *Bot) Queued(ctx context.Context, body string) string {
	if err := r.Deliver(ctx, Parsed(r.TB, body)); err != nil {
		return strings.TrimPrefix(err.Error(), "tghook: ")
	}
	return "acknowledged"
}

// Asked hands an update over in the background. In a bubble, it has been admitted when
// Asked returns.
func (c Dispatcher) Asked(body string) *Pending {
	return Eventually(func() string {
		reply, err := c.DoBody(context.Background(), body)
		if err != nil {
			return "error: " + err.Error()
		}
		return reply
	})
}

// Offered delivers body as Telegram does, until it is acknowledged or limit has
// passed, and returns the number of deliveries. The pauses double up to two minutes;
// Retry-After replaces them.
func (r *Bot) Offered(body string, limit time.Duration) (deliveries int, acked bool) {
	for start := time.Now(); time.Since(start) < limit; {
		got := r.Post(body)
		deliveries++
		if strings.HasPrefix(got, "200") {
			return deliveries, true
		}
		after := min(time.Second<<min(deliveries, 7), 2*time.Minute)
		var seconds int
		if _, err := fmt.Sscanf(got, "503 after %d", &seconds); err == nil {
			after = time.Duration(seconds) * time.Second
		}
		time.Sleep(after)
	}
	return deliveries, false
}

// Buried returns the number of dead letters.
func (r *Bot) Buried() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.Letters)
}

// Told returns the deliveries that Observe was called with.
func (r *Bot) Told() []tghook.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.Deliveries)
}

// A Bot is a Webhook that keeps a record of what it did. It checks every answer against
// what every answer must be.
type Bot struct {
	*tghook.Webhook
	TB testing.TB

	mu         sync.Mutex
	Runs       []int64 // the updates that the handler was started for
	Letters    []DeadLetter
	Deliveries []tghook.Delivery
	API        *Caller
	Rode       int // replies, of those that race delivered
}

// A DeadLetter is what DeadLetter was called with.
type DeadLetter struct {
	ID  int64
	Err error
}

// NewBot makes a Bot without a secret. It records the calls of the functions of cfg.
func NewBot(tb testing.TB, cfg tghook.Config, h tghook.HandlerFunc) *Bot {
	tb.Helper()
	r := &Bot{TB: tb}
	cfg.InsecureNoSecret = true
	r.Record(&cfg.Dispatch)
	w, err := tghook.New(r.Recorded(h), cfg)
	require.NoError(tb, err)
	r.Webhook = w
	return r
}

// A Dispatcher keeps a record of what it did.
type Dispatcher struct {
	*tghook.Dispatcher
	*Bot
}

// NewDispatcher makes a Dispatcher. It records the calls of the functions of cfg.
func NewDispatcher(tb testing.TB, cfg tghook.DispatchConfig, h tghook.HandlerFunc) Dispatcher {
	tb.Helper()
	r := &Bot{TB: tb}
	r.Record(&cfg)
	d, err := tghook.NewDispatcher(r.Recorded(h), cfg)
	require.NoError(tb, err)
	return Dispatcher{d, r}
}

// DoBody hands one update over. It returns the reply as its method and its parameters.
func (c Dispatcher) DoBody(ctx context.Context, body string) (string, error) {
	reply, err := c.Do(ctx, Parsed(c.TB, body))
	if reply == tghook.NoReply {
		return "", err
	}
	params, encodeErr := json.Marshal(reply.Params)
	require.NoError(c.TB, encodeErr)
	return reply.Method + string(params), err
}

// Record has r record the calls of the functions of cfg.
func (r *Bot) Record(cfg *tghook.DispatchConfig) {
	r.API, _ = cfg.Caller.(*Caller)
	letter, observe := cfg.DeadLetter, cfg.Observe
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.DeadLetter = func(ctx context.Context, u *tghook.Update, err error) error {
		r.mu.Lock()
		r.Letters = append(r.Letters, DeadLetter{u.ID, err})
		r.mu.Unlock()
		if letter == nil {
			return nil
		}
		return letter(ctx, u, err)
	}
	cfg.Observe = func(ctx context.Context, v tghook.Delivery) {
		r.mu.Lock()
		r.Deliveries = append(r.Deliveries, v)
		r.mu.Unlock()
		if observe != nil {
			observe(ctx, v)
		}
	}
}

// Recorded is h, and r records its runs.
func (r *Bot) Recorded(h tghook.HandlerFunc) tghook.Handler {
	return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		r.mu.Lock()
		r.Runs = append(r.Runs, u.ID)
		r.mu.Unlock()
		return h(ctx, u)
	})
}

// Post delivers body and returns the answer, such as "200", "500", "503 after 2"
// or `200 application/json {"method":"sendMessage"}`.
func (r *Bot) Post(body string) string { return r.PostWith(context.Background(), body) }

// PostWith is [Bot.Post] with a context.
func (r *Bot) PostWith(ctx context.Context, body string) string {
	return Answer(r.ServeWith(ctx, body, nil))
}

// ServeWith delivers body in a request that change, if not nil, has changed.
func (r *Bot) ServeWith(ctx context.Context, body string, change func(*tghook.Request)) tghook.Response {
	req := tghook.Request{
		Method: http.MethodPost, ContentType: "application/json",
		ContentLength: int64(len(body)), Body: strings.NewReader(body),
	}
	if change != nil {
		change(&req)
	}
	res := r.Serve(ctx, req)
	r.sweep(body, res)
	return res
}

// sweep checks what holds for every answer to an update.
func (r *Bot) sweep(body string, res tghook.Response) {
	bad := func(format string, args ...any) {
		r.TB.Errorf("%s is answered %s: %s", body, Answer(res), fmt.Sprintf(format, args...))
	}
	if res.Status != 200 && res.Status != 500 && res.Status != 503 {
		bad("an update gets 200, 500 or 503")
	}
	for name := range res.Header {
		if name != "Content-Type" && name != "Retry-After" && name != "Content-Encoding" {
			bad("header %s", name)
		}
	}
	withFiles := strings.HasPrefix(strings.Join(res.Header["Content-Type"], ","), "multipart/")
	if withFiles != (strings.Join(res.Header["Content-Encoding"], ",") == "none") || !withFiles && res.Header["Content-Encoding"] != nil {
		bad("files and a Content-Encoding of none come together")
	}
	if (len(res.Body) > 0) != (res.Header["Content-Type"] != nil) {
		bad("body and Content-Type come together")
	}
	if len(res.Body) > 0 && res.Status != 200 {
		bad("a failure has no body")
	}
	after, given := res.Header["Retry-After"]
	if given && res.Status != 503 {
		bad("Retry-After comes with 503 alone") // which has none where LateCancel has ended an attempt
	}
	if given {
		seconds, err := strconv.Atoi(strings.Join(after, ","))
		most := Clamp(Parsed(r.TB, body).Kind)
		if err != nil || seconds < 1 || seconds > most {
			bad("Retry-After is an integer of 1 to %d", most)
		}
	}
}

// Answer writes a response in one line.
func Answer(res tghook.Response) string {
	words := []string{strconv.Itoa(res.Status)}
	for _, name := range slices.Sorted(maps.Keys(res.Header)) {
		for _, value := range res.Header[name] {
			if name == "Retry-After" {
				value = "after " + value
			}
			words = append(words, value)
		}
	}
	if len(res.Body) > 0 {
		words = append(words, string(res.Body))
	}
	return strings.Join(words, " ")
}

// A Pending delivery has been sent, and may have been answered.
type Pending struct {
	Done   chan struct{}
	Answer string
	took   time.Duration
}

// Send delivers body. The answer comes later. In a bubble, the update has been admitted
// when Send returns.
func (r *Bot) Send(body string) *Pending { return r.SendWith(context.Background(), body) }

// SendWith is [Bot.Send] with a context.
func (r *Bot) SendWith(ctx context.Context, body string) *Pending {
	return Eventually(func() string { return r.PostWith(ctx, body) })
}

// Wait returns the answer and after how long it came.
func (p *Pending) Wait() (string, time.Duration) {
	<-p.Done
	synctest.Wait()
	return p.Answer, p.took
}

// Now returns the answer, or "" as long as there is none.
func (p *Pending) Now() string {
	synctest.Wait()
	select {
	case <-p.Done:
		return p.Answer
	default:
		return ""
	}
}

// Outcomes writes the deliveries that Observe was called with: outcome/attempt/status, and flags.
func (r *Bot) Outcomes() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]string, 0, len(r.Deliveries))
	for _, v := range r.Deliveries {
		text := fmt.Sprintf("%s/%d/%d", v.Outcome, v.Attempt, v.Status)
		if v.Late {
			text += "/late"
		}
		if v.Rode {
			text += "/rode"
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// Last returns the last delivery that Observe was called with.
func (r *Bot) Last() tghook.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.Deliveries) == 0 {
		return tghook.Delivery{}
	}
	return r.Deliveries[len(r.Deliveries)-1]
}

// Letter returns the nth dead letter, if there was one.
func (r *Bot) Letter(n int) DeadLetter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n >= len(r.Letters) {
		return DeadLetter{}
	}
	return r.Letters[n]
}

// Order returns the ids of the updates in the order in which their handlers were started.
func (r *Bot) Order() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.Runs)
}

// Counts are how often the user's functions have run.
type Counts struct {
	Runs    int // of the handler
	Letters int // that DeadLetter was given
	Calls   int // by the Caller
}

// Did checks how often the user's functions have run so far.
func (r *Bot) Did(want Counts) {
	r.TB.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var called []string
	if r.API != nil {
		called = r.API.All()
	}
	got := Counts{len(r.Runs), len(r.Letters), len(called)}
	assert.Equal(r.TB, want, got, "runs %v, dead letters %v, calls %v", r.Runs, r.Letters, called)
}

// Clean fails if an update or a lane is still held.
func (r *Bot) Clean(s tghook.Stats) {
	r.TB.Helper()
	if s.InFlight != 0 || s.Lanes != 0 {
		r.TB.Errorf("still held: %+v", s)
	}
}

// Forget drops what the rig has recorded.
func (r *Bot) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Deliveries, r.Letters, r.Runs = nil, nil, nil
}

// MustWait waits for the answer.
func MustWait(p *Pending) string { got, _ := p.Wait(); return got }
