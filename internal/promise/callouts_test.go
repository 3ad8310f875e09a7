package promise_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// harms are what a function of the user's may do in place of what it should. A function
// that returns no error panics with the one that it is given.
var harms = map[string]func() error{
	"panics":                    func() error { panic("broken") },
	"exits":                     func() error { runtime.Goexit(); return nil },
	"takes a minute":            func() error { time.Sleep(time.Minute); return nil },
	"fails with a nil pointer":  func() error { return (*ownError)(nil) },
	"fails with a cyclic error": rig.NewCycle,
}

// A foulBot calls one function of the user's that does harm, twice, for update 1. Then
// the function behaves again.
type foulBot struct {
	t      *testing.T
	cfg    tghook.Config
	handle tghook.HandlerFunc          // of update 1
	from   func() context.Context      // that update 1 is delivered with
	door   string                      // by which updates come
	stop   func(context.Context) error // ends the process that runs
	logged bool                        // dead letters go to the Logger
	harm   func() error

	mu      sync.Mutex
	calls   int // of the function, while it did harm
	runs    int // of update 1
	calm    bool
	handled map[int64]int // how often a handler has succeeded, by update
	letters map[int64]int // dead letters that were accepted
	enter   func(ctx context.Context, u *tghook.Update) string
}

func newFoulBot(t *testing.T, harm func() error) *foulBot {
	return &foulBot{
		t: t, harm: harm, door: "Serve", from: context.Background, handle: rig.Nothing,
		cfg:     tghook.Config{InsecureNoSecret: true, Dispatch: tghook.DispatchConfig{Logger: slog.New(slog.DiscardHandler)}},
		handled: map[int64]int{}, letters: map[int64]int{},
	}
}

// foul reports whether the function still does harm.
func (b *foulBot) foul() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.calm && b.calls < 2
}

// act is the function.
func (b *foulBot) act() error {
	b.mu.Lock()
	if b.calm || b.calls >= 2 {
		b.mu.Unlock()
		return nil
	}
	b.calls++
	b.mu.Unlock()
	return b.harm()
}

// must is act for a function that returns no error.
func (b *foulBot) must() {
	if err := b.act(); err != nil {
		panic(err)
	}
}

func (b *foulBot) behave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calm = true
}

// called waits until the function is called.
func (b *foulBot) called() {
	b.t.Helper()
	for range 1200 {
		b.mu.Lock()
		calls := b.calls
		b.mu.Unlock()
		if calls > 0 {
			return
		}
		rig.Pass(50 * time.Millisecond)
	}
	b.t.Fatal("the function was not called within a minute")
}

// failsOnce has the handler fail when it runs first, after d.
func (b *foulBot) failsOnce(d time.Duration) {
	b.handle = func(context.Context, *tghook.Update) (tghook.Reply, error) {
		time.Sleep(d)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.runs == 1 {
			return tghook.NoReply, rig.ErrBroken
		}
		return tghook.NoReply, nil
	}
}

func (b *foulBot) handler() tghook.HandlerFunc {
	return func(ctx context.Context, u *tghook.Update) (reply tghook.Reply, err error) {
		if u.ID == 1 {
			b.mu.Lock()
			b.runs++
			b.mu.Unlock()
			reply, err = b.handle(ctx, u)
		}
		if err == nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.handled[u.ID]++
		}
		return reply, err
	}
}

// dispatch is the configuration, which notes the dead letters that are accepted.
func (b *foulBot) dispatch() tghook.DispatchConfig {
	cfg := b.cfg.Dispatch
	if b.logged {
		return cfg
	}
	letter := cfg.DeadLetter
	cfg.DeadLetter = func(ctx context.Context, u *tghook.Update, why error) error {
		if letter != nil {
			if err := letter(ctx, u, why); err != nil {
				return err
			}
		}
		b.accepted(u.ID)
		return nil
	}
	return cfg
}

// accepted notes a dead letter.
func (b *foulBot) accepted(id int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letters[id]++
}

// start begins a process, to which updates go from now on.
func (b *foulBot) start() {
	b.t.Helper()
	cfg := b.cfg
	cfg.Dispatch = b.dispatch()
	told := func(err error) string {
		after, ok := tghook.RetryDelay(err)
		switch {
		case err == nil:
			return "200"
		case ok:
			return fmt.Sprintf("503 after %d", int(after.Seconds()))
		default:
			return "500"
		}
	}
	var enter func(ctx context.Context, u *tghook.Update) string
	if b.door == "Do" {
		d, err := tghook.NewDispatcher(b.handler(), cfg.Dispatch)
		require.NoError(b.t, err)
		b.stop = d.Shutdown
		enter = func(ctx context.Context, u *tghook.Update) string {
			_, err := d.Do(ctx, u)
			return told(err)
		}
	} else {
		w, err := tghook.New(b.handler(), cfg)
		require.NoError(b.t, err)
		b.stop = w.Shutdown
		enter = func(ctx context.Context, u *tghook.Update) string { return told(w.Deliver(ctx, u)) }
		if b.door == "Serve" {
			enter = func(ctx context.Context, u *tghook.Update) string {
				req := rig.FromTelegram(u.Raw)
				return rig.Answer(w.Serve(ctx, req))
			}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.enter = enter
}

// send delivers an update as Telegram does: until it is answered 200.
func (b *foulBot) send(id, chat int64) *rig.Pending {
	return rig.Eventually(func() string {
		for try := 0; ; try++ {
			told := b.once(id, chat)
			if strings.HasPrefix(told, "200") {
				return told
			}
			after := time.Second << min(try, 6)
			if _, seconds, given := strings.Cut(told, "after "); given {
				n, err := strconv.Atoi(seconds)
				assert.NoError(b.t, err)
				after = time.Duration(n) * time.Second
			}
			time.Sleep(after)
			if try > 200 {
				return "never"
			}
		}
	})
}

// once delivers an update once. Its goroutine may end, as that of a server's connection.
func (b *foulBot) once(id, chat int64) (told string) {
	b.mu.Lock()
	enter := b.enter
	b.mu.Unlock()
	ctx := context.Background()
	if id == 1 {
		ctx = b.from()
	}
	result := make(chan string, 1)
	go func() {
		told := "none"
		defer func() { result <- told }()
		told = enter(ctx, rig.Parsed(b.t, rig.MessageIn(chat, id)))
	}()
	return <-result
}

// shutDown ends the process within what it is given and a second, in a goroutine of its
// own, which the function may end.
func (b *foulBot) shutDown(given time.Duration) error {
	b.t.Helper()
	return shutDown(b.t, b.stop, given)
}

func shutDown(t *testing.T, stop func(context.Context) error, given time.Duration) (err error) {
	t.Helper()
	returned := make(chan bool, 1)
	start := time.Now()
	go func() {
		ok := false
		defer func() { returned <- ok }()
		ctx, cancel := context.WithTimeout(context.Background(), given)
		defer cancel()
		err = stop(ctx)
		ok = true
	}()
	if !<-returned {
		t.Error("Shutdown has not returned: it has ended its goroutine")
		err = rig.ErrBroken
	}
	if took := time.Since(start); took > given+time.Second {
		t.Errorf("Shutdown took %v, given %v", took, given)
	}
	return err
}

// kept checks that updates have ended well.
func (b *foulBot) kept(ids ...int64) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		if b.handled[id] == 0 && b.letters[id] == 0 {
			b.t.Errorf("update %d is lost: it was neither handled nor a dead letter", id)
		}
	}
}

// What the library calls.

// ownError is an error of the user's.
type ownError struct {
	b      *foulBot
	method string
}

func (e *ownError) Error() string {
	if e.method == "Error" {
		e.b.must()
	}
	return "own"
}

func (e *ownError) Unwrap() error {
	if e.method == "Unwrap" {
		return e.b.act()
	}
	return nil
}

func (e *ownError) Is(error) bool {
	if e.method == "Is" {
		e.b.must()
	}
	return false
}

func (e *ownError) As(any) bool {
	if e.method == "As" {
		e.b.must()
	}
	return false
}

// ownBody is the Body of a File.
type ownBody struct {
	*strings.Reader
	b      *foulBot
	method string
}

func (r *ownBody) Read(p []byte) (int, error) {
	if r.method == "Read" {
		if err := r.b.act(); err != nil {
			return 0, err
		}
	}
	return r.Reader.Read(p)
}

func (r *ownBody) Seek(offset int64, whence int) (int64, error) {
	if r.method == "Seek" {
		if err := r.b.act(); err != nil {
			return 0, err
		}
	}
	return r.Reader.Seek(offset, whence)
}

// ownStore does harm in one method, for update 1.
type ownStore struct {
	*rig.Store
	b      *foulBot
	method string
}

func (s *ownStore) act(method string, c tghook.Claim) error {
	if method == s.method && c.Key.ID == 1 {
		return s.b.act()
	}
	return nil
}

func (s *ownStore) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	if err := s.act("Claim", c); err != nil {
		return tghook.ClaimResult{}, err
	}
	res, err := s.Store.Claim(ctx, c, lease, ttl)
	if s.method == "Release" && c.Key.ID == 1 && s.b.foul() {
		return tghook.ClaimResult{}, rig.ErrStoreDown // the answer is lost
	}
	return res, err
}

func (s *ownStore) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	if err := s.act("Renew", c); err != nil {
		return err
	}
	return s.Store.Renew(ctx, c, lease)
}

func (s *ownStore) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	if err := s.act("Done", c); err != nil {
		return err
	}
	return s.Store.Done(ctx, c, reply)
}

func (s *ownStore) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	if err := s.act("Fail", c); err != nil {
		return err
	}
	return s.Store.Fail(ctx, c, note)
}

func (s *ownStore) Release(ctx context.Context, c tghook.Claim) error {
	if err := s.act("Release", c); err != nil {
		return err
	}
	return s.Store.Release(ctx, c)
}

// ownLog is a slog.Handler.
type ownLog struct {
	b      *foulBot
	method string
}

func (l ownLog) Enabled(context.Context, slog.Level) bool {
	if l.method == "Enabled" {
		l.b.must()
	}
	return true
}

func (l ownLog) Handle(_ context.Context, line slog.Record) error {
	if l.method == "Handle" {
		if err := l.b.act(); err != nil {
			return err
		}
	}
	if line.Message == "tghook: dead letter" {
		line.Attrs(func(a slog.Attr) bool {
			if a.Key == "update_id" {
				l.b.accepted(a.Value.Int64())
			}
			return true
		})
	}
	return nil
}

func (l ownLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l ownLog) WithGroup(string) slog.Handler      { return l }

// ownContext is the context that an update is delivered with.
type ownContext struct {
	context.Context //nolint:containedctx // it is one

	b      *foulBot
	method string
}

func (c ownContext) Deadline() (time.Time, bool) {
	if c.method == "Deadline" {
		c.b.must()
	}
	return c.Context.Deadline()
}

func (c ownContext) Done() <-chan struct{} {
	if c.method == "Done" {
		c.b.must()
	}
	return c.Context.Done()
}

func (c ownContext) Err() error {
	if c.method == "Err" {
		if err := c.b.act(); err != nil {
			return err
		}
	}
	return c.Context.Err()
}

func (c ownContext) Value(any) any { // nothing, so that context.Cause asks Err
	if c.method == "Value" {
		c.b.must()
	}
	return nil
}

// callOuts are the functions of the user's that the library calls for an update, by
// whatever door that came.
func callOuts() map[string]func(b *foulBot) {
	all := map[string]func(b *foulBot){
		"Handler": func(b *foulBot) {
			b.handle = func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, b.act() }
		},
		"Handler, wrapped": func(b *foulBot) {
			b.handle = func(context.Context, *tghook.Update) (tghook.Reply, error) {
				if err := b.act(); err != nil {
					return tghook.NoReply, errors.Join(rig.ErrBroken, fmt.Errorf("within: %w", err))
				}
				return tghook.NoReply, nil
			}
		},
		"MarshalJSON": func(b *foulBot) {
			params := rig.JSONBy(func() ([]byte, error) { return []byte(`{"chat_id":1,"text":"a"}`), b.act() })
			b.handle = rig.Taking(0, tghook.Reply{Method: "sendMessage", Params: params}, nil)
		},
		"Lane": func(b *foulBot) {
			b.cfg.Dispatch.Lane = func(u *tghook.Update) string {
				if u.ID == 1 {
					b.must()
				}
				return strconv.FormatInt(u.ChatID, 10)
			}
		},
		"Observe": func(b *foulBot) {
			b.cfg.Dispatch.Observe = func(_ context.Context, v tghook.Delivery) {
				if v.Update != nil && v.Update.ID == 1 {
					b.must()
				}
			}
		},
		"DeadLetter": func(b *foulBot) {
			b.handle = rig.Taking(0, tghook.NoReply, tghook.Drop(rig.ErrBroken))
			b.cfg.Dispatch.DeadLetter = func(context.Context, *tghook.Update, error) error { return b.act() }
		},
		"Caller": func(b *foulBot) {
			b.handle = rig.Taking(0, rig.Hello, nil)
			b.cfg.Dispatch.AlwaysCall = true
			b.cfg.Dispatch.Caller = rig.CallerFunc(func(context.Context, string, any) error { return b.act() })
		},
		"slog.Handler.Handle": func(b *foulBot) {
			b.failsOnce(0)
			b.cfg.Dispatch.Logger = slog.New(ownLog{b, "Handle"})
		},
		"slog.Handler.Enabled": func(b *foulBot) {
			b.failsOnce(0)
			b.cfg.Dispatch.Logger = slog.New(ownLog{b, "Enabled"})
		},
		"slog.Handler.Handle of a dead letter": func(b *foulBot) {
			b.handle = rig.Taking(0, tghook.NoReply, tghook.Drop(rig.ErrBroken))
			b.cfg.Dispatch.Logger, b.logged = slog.New(ownLog{b, "Handle"}), true
		},
	}
	for _, method := range []string{"Read", "Seek"} {
		all["File.Body."+method] = func(b *foulBot) {
			b.handle = func(context.Context, *tghook.Update) (tghook.Reply, error) {
				body := &ownBody{strings.NewReader("file"), b, method}
				return tghook.Reply{Method: "sendDocument", Params: map[string]any{"chat_id": 7, "document": tghook.File{Name: "a.bin", Body: body}}}, nil
			}
		}
	}
	for _, method := range []string{"Error", "Unwrap", "Is", "As"} {
		all["error."+method] = func(b *foulBot) {
			b.handle = func(context.Context, *tghook.Update) (tghook.Reply, error) {
				if b.foul() {
					return tghook.NoReply, &ownError{b, method}
				}
				return tghook.NoReply, nil
			}
		}
		all["error."+method+" of a dead letter"] = func(b *foulBot) {
			b.handle = func(context.Context, *tghook.Update) (tghook.Reply, error) {
				return tghook.NoReply, tghook.Drop(&ownError{b, method})
			}
		}
		all["error."+method+" of a panic"] = func(b *foulBot) {
			b.handle = func(context.Context, *tghook.Update) (tghook.Reply, error) {
				if b.foul() {
					panic(&ownError{b, method})
				}
				return tghook.NoReply, nil
			}
		}
		all["error."+method+" of a Store"] = func(b *foulBot) {
			s := &failingStore{rig.NewStore(), b, method}
			b.cfg.Dispatch.Bot, b.cfg.Dispatch.Store = 1, s
		}
	}
	for _, method := range []string{"Claim", "Renew", "Done", "Fail", "Release"} {
		all["Store."+method] = func(b *foulBot) {
			switch method {
			case "Renew":
				b.handle = rig.Taking(15*time.Second, tghook.NoReply, nil)
			case "Fail":
				b.failsOnce(0)
			}
			b.cfg.Dispatch.Bot, b.cfg.Dispatch.Store = 1, &ownStore{rig.NewStore(), b, method}
		}
	}
	return all
}

// failingStore returns a foul error from Done.
type failingStore struct {
	*rig.Store
	b      *foulBot
	method string
}

func (s *failingStore) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	if c.Key.ID == 1 && s.b.foul() {
		return &ownError{s.b, s.method}
	}
	return s.Store.Done(ctx, c, reply)
}

// callOutsOfAWebhook are those that only a Webhook or a Dispatcher has.
func callOutsOfAWebhook() map[string]func(b *foulBot) {
	all := callOuts()
	all["Deadline"] = func(b *foulBot) {
		b.cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID == 1 {
				b.must()
			}
			return 0, tghook.LateDefault
		}
	}
	all["Observe of a run"] = func(b *foulBot) { // which no delivery carries
		b.cfg.LateAfter = time.Second
		b.handle = rig.Taking(2*time.Second, tghook.NoReply, nil)
		b.cfg.Dispatch.Observe = func(_ context.Context, v tghook.Delivery) {
			if v.Update != nil && v.Update.ID == 1 && v.Status == 0 {
				b.must()
			}
		}
	}
	for _, door := range []string{"Serve", "Deliver", "Do"} {
		for _, method := range []string{"Deadline", "Done", "Err", "Value"} {
			if method == "Deadline" && door == "Do" { // which does not ask for it
				continue
			}
			all["context."+method+" by "+door] = func(b *foulBot) {
				b.door = door
				b.handle = func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					time.Sleep(3 * time.Second)
					_ = ctx.Value("of the user")
					return tghook.NoReply, nil
				}
				b.from = func() context.Context {
					if !b.foul() {
						return context.Background()
					}
					ctx, cancel := context.WithCancel(context.Background())
					time.AfterFunc(time.Second, cancel) // the sender leaves
					return ownContext{ctx, b, method}
				}
			}
		}
	}
	return all
}

// foulWebhooks runs f for each call out of a Webhook and each harm, while the delivery one
// of chat 1 meets it.
func foulWebhooks(t *testing.T, f func(t *testing.T, b *foulBot, one *rig.Pending)) {
	t.Helper()
	for name, set := range callOutsOfAWebhook() {
		for what, harm := range harms {
			t.Run(name+" "+what, func(t *testing.T) {
				rig.Bubble(t, func(t *testing.T) {
					b := newFoulBot(t, harm)
					set(b)
					b.start()
					one := b.send(1, 1)
					b.called()
					f(t, b, one)
				})
			})
		}
	}
}

// TestAFoulContextHurtsItsRequestAlone has the contexts at ServeHTTP,
// TestACallSurvivesWhateverTheUsersCodeDoes what a Client calls.
func TestEveryCallOutHurtsItsUpdateAlone(t *testing.T) {
	foulWebhooks(t, func(t *testing.T, b *foulBot, one *rig.Pending) {
		got, took := b.send(2, 2).Wait()
		if assert.Equal(t, "200", got, "another chat meanwhile"); took > 8*time.Second {
			t.Errorf("another chat was answered after %v", took)
		}
		one.Wait()
		got, _ = b.send(3, 1).Wait()
		assert.Equal(t, "200", got, "the next one of the chat")
		b.kept(1, 2, 3)
		rig.Pass(2 * time.Minute)
		assert.NoError(t, b.shutDown(5*time.Second), "Shutdown")
	})
}

func TestShutdownEndsInTimeWhateverACallOutDoes(t *testing.T) {
	foulWebhooks(t, func(t *testing.T, b *foulBot, one *rig.Pending) {
		_ = b.shutDown(5 * time.Second)
		b.behave()
		b.start() // the next process
		got, _ := one.Wait()
		assert.Truef(t, strings.HasPrefix(got, "200"), "answered %s", got)
		got, _ = b.send(2, 1).Wait()
		assert.Equal(t, "200", got, "the next one of the chat")
		b.kept(1, 2)
	})
}

// TestPollSurvivesWhatItCalls has what returns no error, and OnError.
func TestEveryCallOutOfAPollHurtsItsUpdateAlone(t *testing.T) {
	for name, set := range callOuts() {
		for what, harm := range harms {
			for _, meanwhile := range []bool{false, true} { // is when the poll ends
				t.Run(fmt.Sprintf("%s %s, ended meanwhile %v", name, what, meanwhile), func(t *testing.T) {
					rig.Bubble(t, func(t *testing.T) {
						b := newFoulBot(t, harm)
						set(b)
						tg := rig.NewTelegram(t)
						begin := func() (end func()) {
							ctx, cancel := context.WithCancel(t.Context())
							done := make(chan error, 1)
							client := tg.Client(t, tghook.ClientConfig{})
							go func() {
								err := errors.New("Poll has ended its goroutine")
								defer func() { done <- err }()
								err = tghook.Poll(ctx, client, b.handler(), tghook.PollConfig{Grace: 2 * time.Second, Dispatch: b.dispatch()})
							}()
							return func() {
								t.Helper()
								start := time.Now()
								cancel()
								require.NoError(t, <-done, "Poll returned")
								if took := time.Since(start); took > 3*time.Second {
									t.Errorf("the end took %v, with a Grace of 2 s", took)
								}
							}
						}
						end := begin()
						tg.Send(t, rig.MessageIn(1, 1))
						b.called()
						if meanwhile {
							end()
							b.behave()
							end = begin() // the next process
						}
						tg.Send(t, rig.MessageIn(2, 2), rig.MessageIn(1, 3))
						if !meanwhile {
							rig.Pass(8 * time.Second)
							b.kept(2)
						}
						rig.Pass(15 * time.Minute)
						assert.Empty(t, tg.PendingIDs(), "not confirmed")
						b.kept(1, 2, 3)
						end()
					})
				})
			}
		}
	}
}
