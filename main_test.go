package tghook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook"
)

// TestMain fails the run if a goroutine outlives all tests, or a token is printed.
func TestMain(m *testing.M) {
	code := watched(m)
	if stacks := strayGoroutines(inTime); code == 0 && len(stacks) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines are left:\n\n%s\n", len(stacks), strings.Join(stacks, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// strayGoroutines gives those that are about to end the time of patience.
func strayGoroutines(patience time.Duration) (stacks []string) {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	tghook.CloseIdleConnections()
	giveUp := time.After(patience)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		stacks = nil
		all := make([]byte, 16<<20)
		all = all[:runtime.Stack(all, true)]
		for i, stack := range bytes.Split(all, []byte("\n\n")) {
			if i > 0 && !bytes.Contains(stack, []byte("os/signal.")) && // 0 is this one
				!bytes.Contains(stack, []byte("fasthttp.updateServerDate")) { // which nothing can end
				stacks = append(stacks, string(stack))
			}
		}
		if len(stacks) == 0 {
			return nil
		}
		select {
		case <-giveUp:
			return stacks
		case <-ticker.C:
		}
	}
}

// A rig is a Webhook that keeps a record of what it did. Whatever it answers is
// checked against what every answer must be.
type rig struct {
	*tghook.Webhook
	tb testing.TB

	mu         sync.Mutex
	runs       []int64 // the updates that the handler was started for
	letters    []deadLetter
	deliveries []tghook.Delivery
	api        *apiCalls
	rode       int // replies, of those that race delivered
}

type deadLetter struct {
	id  int64
	err error
}

// newRig sets no secret and records what goes through the functions of cfg.
func newRig(tb testing.TB, cfg tghook.Config, h tghook.HandlerFunc) *rig {
	tb.Helper()
	r := &rig{tb: tb}
	cfg.InsecureNoSecret = true
	r.record(&cfg.Dispatch)
	w, err := tghook.New(r.recorded(h), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	r.Webhook = w
	return r
}

// A core is a Dispatcher that keeps a record of what it did.
type core struct {
	*tghook.Dispatcher
	*rig
}

func newCore(tb testing.TB, cfg tghook.DispatchConfig, h tghook.HandlerFunc) core {
	tb.Helper()
	r := &rig{tb: tb}
	r.record(&cfg)
	d, err := tghook.NewDispatcher(r.recorded(h), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return core{d, r}
}

// do hands one update over, and says what came of it.
func (c core) do(ctx context.Context, body string) (string, error) {
	reply, err := c.Do(ctx, parsed(c.tb, body))
	if reply == tghook.NoReply {
		return "", err
	}
	params, encodeErr := json.Marshal(reply.Params)
	if encodeErr != nil {
		c.tb.Error(encodeErr)
	}
	return reply.Method + string(params), err
}

func (r *rig) record(cfg *tghook.DispatchConfig) {
	r.api, _ = cfg.Caller.(*apiCalls)
	letter, observe := cfg.DeadLetter, cfg.Observe
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.DeadLetter = func(ctx context.Context, u *tghook.Update, err error) error {
		r.mu.Lock()
		r.letters = append(r.letters, deadLetter{u.ID, err})
		r.mu.Unlock()
		if letter == nil {
			return nil
		}
		return letter(ctx, u, err)
	}
	cfg.Observe = func(ctx context.Context, v tghook.Delivery) {
		r.mu.Lock()
		r.deliveries = append(r.deliveries, v)
		r.mu.Unlock()
		if observe != nil {
			observe(ctx, v)
		}
	}
}

func (r *rig) recorded(h tghook.HandlerFunc) tghook.Handler {
	return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		r.mu.Lock()
		r.runs = append(r.runs, u.ID)
		r.mu.Unlock()
		return h(ctx, u)
	})
}

// post delivers body and returns the answer, such as "200", "500", "503 after 2"
// or `200 application/json {"method":"sendMessage"}`.
func (r *rig) post(body string) string { return r.postWith(context.Background(), body) }

func (r *rig) postWith(ctx context.Context, body string) string {
	return answer(r.serve(ctx, body, nil))
}

func (r *rig) serve(ctx context.Context, body string, change func(*tghook.Request)) tghook.Response {
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
func (r *rig) sweep(body string, res tghook.Response) {
	bad := func(format string, args ...any) {
		r.tb.Errorf("%s is answered %s: %s", body, answer(res), fmt.Sprintf(format, args...))
	}
	if res.Status != 200 && res.Status != 500 && res.Status != 503 {
		bad("an update gets 200, 500 or 503")
	}
	for name := range res.Header {
		if name != "Content-Type" && name != "Retry-After" {
			bad("header %s", name)
		}
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
		most := clamp(parsed(r.tb, body).Kind)
		if err != nil || seconds < 1 || seconds > most {
			bad("Retry-After is an integer of 1 to %d", most)
		}
	}
}

// clamp is the longest Retry-After that an update of kind k survives.
func clamp(k tghook.Kind) int {
	switch k {
	case tghook.KindInlineQuery:
		return 3
	case tghook.KindCallbackQuery, tghook.KindShippingQuery, tghook.KindPreCheckoutQuery:
		return 15
	case tghook.KindChosenInlineResult:
		return 60
	default:
		return 3600
	}
}

// answer writes a response in one line.
func answer(res tghook.Response) string {
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

// A pending delivery has been sent, and may have been answered.
type pending struct {
	done   chan struct{}
	answer string
	took   time.Duration
}

// send delivers body, of which the answer comes later. In a bubble, the update
// has been admitted when send returns.
func (r *rig) send(body string) *pending { return r.sendWith(context.Background(), body) }

func (r *rig) sendWith(ctx context.Context, body string) *pending {
	return eventually(func() string { return r.postWith(ctx, body) })
}

func eventually(f func() string) *pending {
	p := &pending{done: make(chan struct{})}
	start := time.Now()
	go func() {
		defer close(p.done)
		p.answer = f()
		p.took = time.Since(start)
	}()
	synctest.Wait()
	return p
}

// wait returns the answer and after how long it came.
func (p *pending) wait() (string, time.Duration) {
	<-p.done
	synctest.Wait()
	return p.answer, p.took
}

// now is the answer, or "" as long as there is none.
func (p *pending) now() string {
	synctest.Wait()
	select {
	case <-p.done:
		return p.answer
	default:
		return ""
	}
}

// outcomes writes what Observe was told: outcome/attempt/status, and flags.
func (r *rig) outcomes() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]string, 0, len(r.deliveries))
	for _, v := range r.deliveries {
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

// last is the last thing that Observe was told.
func (r *rig) last() tghook.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.deliveries) == 0 {
		return tghook.Delivery{}
	}
	return r.deliveries[len(r.deliveries)-1]
}

// letter is the nth that DeadLetter was given, if it was.
func (r *rig) letter(n int) deadLetter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n >= len(r.letters) {
		return deadLetter{}
	}
	return r.letters[n]
}

// order is that in which handlers were started.
func (r *rig) order() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.runs)
}

// did checks how often the user's functions have run so far.
func (r *rig) did(runs, letters, calls int) {
	r.tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var called []string
	if r.api != nil {
		called = r.api.all()
	}
	if len(r.runs) != runs || len(r.letters) != letters || len(called) != calls {
		r.tb.Errorf("runs %v, dead letters %v, calls %v; want %d, %d and %d of them",
			r.runs, r.letters, called, runs, letters, calls)
	}
}

// clean checks that nothing is held any more.
func (r *rig) clean(s tghook.Stats) {
	r.tb.Helper()
	if s.InFlight != 0 || s.Lanes != 0 {
		r.tb.Errorf("still held: %+v", s)
	}
}

// apiCalls is a Caller that notes its calls.
type apiCalls struct {
	mu    sync.Mutex
	calls []string
	do    func(ctx context.Context, method string) error // nil: succeeds
}

func (a *apiCalls) Call(ctx context.Context, method string, params, _ any) error {
	encoded, err := json.Marshal(params)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.calls = append(a.calls, method+string(encoded))
	a.mu.Unlock()
	if a.do == nil {
		return nil
	}
	return a.do(ctx, method)
}

func (a *apiCalls) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

func parsed(tb testing.TB, body string) *tghook.Update {
	tb.Helper()
	u, err := tghook.ParseUpdate([]byte(body))
	if u == nil {
		tb.Fatal(err)
	}
	return u
}

// Updates in the form that Telegram sends them in.

func messageIn(chat, id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"from\":{\"id\":%[2]d},\"chat\":{\"id\":%[2]d,\"type\":\"private\"},\"text\":\"hi\"}}", id, chat)
}

func callbackIn(chat, user, id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"callback_query\":{\"id\":\"1\",\"from\":{\"id\":%d},\"message\":{\"chat\":{\"id\":%d}}}}", id, user, chat)
}

// kindBy is an update of a kind that has a user and no chat.
func kindBy(kind tghook.Kind, user, id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"%s\":{\"id\":\"1\",\"from\":{\"id\":%d}}}", id, kind, user)
}

var clampedKinds = []tghook.Kind{
	tghook.KindMessage, tghook.KindInlineQuery, tghook.KindCallbackQuery, tghook.KindShippingQuery,
	tghook.KindPreCheckoutQuery, tghook.KindChosenInlineResult, "a_kind_to_come",
}

// hello is a reply, and helloBody what rides a response for it.
var hello = tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 7, "text": "hello"}}

const (
	helloBody   = `{"method":"sendMessage","chat_id":7,"text":"hello"}`
	helloAnswer = "200 application/json " + helloBody
	helloCall   = `sendMessage{"chat_id":7,"text":"hello"}`
)

var errBroken = errors.New("broken")

// nothing is a handler that succeeds at once.
func nothing(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// taking is a handler that does not look at its ctx.
func taking(d time.Duration, reply tghook.Reply, err error) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) {
		time.Sleep(d)
		return reply, err
	}
}

// inTime is how long a test on a real clock waits for what must happen, and would
// at once.
const inTime = 30 * time.Second

// receive waits for what is to come.
func receive[T any](tb testing.TB, what string, from <-chan T) T {
	tb.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(inTime):
		tb.Fatalf("waited %v for %s", inTime, what)
		panic("unreachable")
	}
}

// until waits for what is to be.
func until(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for start := time.Now(); !is(); runtime.Gosched() {
		if time.Since(start) > inTime {
			tb.Fatalf("waited %v until %s", inTime, what)
		}
	}
}

// same compares what was got with what is wanted.
func same[T any](tb testing.TB, what string, got, want T) {
	tb.Helper()
	if !reflect.DeepEqual(got, want) {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// oneOf checks an answer that has jitter in it.
func oneOf(tb testing.TB, what, got string, want ...string) {
	tb.Helper()
	if !slices.Contains(want, got) {
		tb.Errorf("%s: got %q, want one of %q", what, got, want)
	}
}

// shedAnswers are those with the jitter of an update that was turned away.
var shedAnswers = []string{"503 after 2", "503 after 3", "503 after 4", "503 after 5"}

// inBubble is a test in time of its own. At its end days pass, so that what does
// not end is a leak.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f(t)
		time.Sleep(4 * 24 * time.Hour)
	})
}

// pass lets time go by in a bubble, and what is due then happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// alone is inBubble in a process of its own, for what may take the process with
// it, or hold a lock for ever.
func alone(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	const variable = "TGHOOK_TEST_ALONE"
	if os.Getenv(variable) == t.Name() {
		inBubble(t, f)
		return
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out[:min(len(out), 4000)])
	}
}
