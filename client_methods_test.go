package tghook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

func TestGetMeTellsWhoTheBotIs(t *testing.T) {
	t.Parallel()
	me, err := rig.NewTelegram(t).Client(t, tghook.ClientConfig{}).GetMe(t.Context())
	require.NoError(t, err, "error")
	assert.Equal(t, tghook.Me{ID: 7244100913, FirstName: "Stand-in Bot", Username: "stand_in_bot"}, me, "bot")
}

func TestGetWebhookInfoTellsAllThatTelegramDoes(t *testing.T) {
	t.Parallel()
	c := rig.Answers(200, `{"ok":true,"result":{"url":"https://bot.example.org/telegram","has_custom_certificate":true,"pending_update_count":3,`+
		`"last_error_date":1700000000,"last_error_message":"Connection refused","max_connections":40,"ip_address":"149.154.167.220",`+
		`"allowed_updates":["message","chat_member"],"last_synchronization_error_date":1700000001}}`).Client(t, tghook.ClientConfig{})
	info, err := c.GetWebhookInfo(t.Context())
	require.NoError(t, err, "error")
	assert.Equal(t, tghook.WebhookInfo{
		URL: "https://bot.example.org/telegram", HasCustomCertificate: true, PendingUpdateCount: 3, IPAddress: "149.154.167.220",
		LastErrorDate: 1700000000, LastErrorMessage: "Connection refused", LastSynchronizationErrorDate: 1700000001,
		MaxConnections: 40, AllowedUpdates: []string{"message", "chat_member"},
	}, info, "info")

	none := rig.Answers(200, `{"ok":true,"result":{"url":"","has_custom_certificate":false,"pending_update_count":0}}`).Client(t, tghook.ClientConfig{})
	info, err = none.GetWebhookInfo(t.Context())
	require.NoError(t, err, "error")
	assert.Equal(t, tghook.WebhookInfo{}, info, "none")
}

func TestDeleteWebhookDropsPendingUpdatesOnlyIfAsked(t *testing.T) {
	t.Parallel()
	for drop, want := range map[bool]map[string]string{
		false: {},
		true:  {"drop_pending_updates": "true"},
	} {
		tg := rig.NewTelegram(t)
		tg.Set(t, rig.ToURL(rig.HookURL))
		tg.Send(t, rig.MessageIn(7, 1))
		c := tg.Client(t, tghook.ClientConfig{})
		require.NoError(t, c.DeleteWebhook(t.Context(), drop))
		info, err := c.GetWebhookInfo(t.Context())
		require.NoError(t, err, "error")
		assert.Equal(t, want, tg.Calls("deleteWebhook")[0].Params, "call")
		assert.Empty(t, info.URL, "webhook")
		assert.Equal(t, drop, tg.Pending() == 0, "dropped")
	}
}

func TestGetUpdatesAsksForWhatIsGiven(t *testing.T) {
	t.Parallel()
	for want, req := range map[string]tghook.UpdatesRequest{
		`{"method":"getUpdates"}`: {},
		`{"method":"getUpdates","allowed_updates":[],"limit":1,"offset":-1}`:                                       {Offset: -1, Limit: 1, AllowedUpdates: []string{}},
		`{"method":"getUpdates","allowed_updates":["message","chat_member"],"limit":100,"offset":12,"timeout":50}`: {Offset: 12, Limit: 100, Wait: 50 * time.Second, AllowedUpdates: []string{"message", "chat_member"}},
		`{"method":"getUpdates","timeout":1}`:                                                                      {Wait: 1999 * time.Millisecond},
	} {
		c := rig.Transport(func(r *http.Request) (*http.Response, error) {
			var asked json.RawMessage
			err := json.NewDecoder(r.Body).Decode(&asked)
			assert.Equal(t, want, string(asked), "asked")
			return rig.APIAnswer(200, `{"ok":true,"result":[{"update_id":12,`+"\n"+`"message":{}},{"update_id":"no update"}]}`), err
		}).Client(t, tghook.ClientConfig{})
		updates, err := c.GetUpdates(t.Context(), req)
		require.NoError(t, err, "error")
		assert.Equal(t, []json.RawMessage{[]byte("{\"update_id\":12,\n\"message\":{}}"), []byte(`{"update_id":"no update"}`)}, updates, "updates")
	}
}

func TestGetUpdatesReturnsWhatIsNestedTooDeepForAnUpdate(t *testing.T) {
	t.Parallel()
	deep := `{"update_id":1,"message":{"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}}`
	c := rig.Transport(func(*http.Request) (*http.Response, error) {
		return rig.APIAnswer(200, `{"ok":true,"result":[`+deep+`,{"update_id":2,"message":{}}]}`), nil
	}).Client(t, tghook.ClientConfig{})
	updates, err := c.GetUpdates(t.Context(), tghook.UpdatesRequest{})
	require.NoError(t, err, "error")
	assert.Equal(t, []json.RawMessage{[]byte(deep), []byte(`{"update_id":2,"message":{}}`)}, updates, "updates")
}

// Not parallel: what others allocate would count.
func TestAnUpdateThatIsKeptDoesNotKeepTheAnswer(t *testing.T) {
	const size = 4 << 20
	c := rig.Transport(func(*http.Request) (*http.Response, error) {
		return rig.APIAnswer(200, `{"ok":true,"result":[{"update_id":1,"message":{}},{"update_id":2,"message":{"text":"`+strings.Repeat("x", size)+`"}}]}`), nil
	}).Client(t, tghook.ClientConfig{})
	before := rig.Heap()
	kept := func() json.RawMessage {
		updates, err := c.GetUpdates(t.Context(), tghook.UpdatesRequest{})
		assert.NoError(t, err, "error")
		return updates[0]
	}()
	if more := rig.Heap() - before; more > size/4 {
		t.Errorf("it keeps %d bytes", more)
	}
	runtime.KeepAlive(kept)
}

func TestAMethodThatIsNoneIsToldOnceWithTheNearest(t *testing.T) {
	t.Parallel()
	const text = "a method that is not in Bot API"
	log, logged := rig.Logger()
	method := ""
	r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Logger: log, Bot: 5, Caller: new(rig.Caller)}},
		func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.Reply{Method: method}, nil })
	id := int64(0)
	reply := func(name string) {
		method = name
		id++
		r.Post(rig.MessageIn(id, id))
	}
	table, err := os.ReadFile("tghooktest/internal/botapi/methods.tsv")
	require.NoError(t, err)
	known := 0
	for line := range strings.Lines(string(table)) {
		name, _, _ := strings.Cut(line, "\t")
		if name == "method" {
			continue
		}
		known++
		reply(name)
		reply(strings.ToUpper(name))
	}
	assert.GreaterOrEqualf(t, known, 180, "%d methods are known to tghooktest", known)
	assert.Nil(t, rig.Warnings(logged, text, "method"), "of those that are known")
	for range 3 {
		for _, name := range []string{"sendMesage", "SendMesssage", "answerCallback", "frobnicate"} {
			reply(name)
		}
	}
	assert.Equal(t, []string{
		"sendMesage sendMessage 5", "SendMesssage sendMessage 5", "answerCallback answerCallbackQuery 5", "frobnicate  5",
	}, rig.Warnings(logged, text, "method", "nearest", "bot"), "of others")
	assert.Equal(t, tghook.OutcomeReplied, r.Last().Outcome, "answers")
	for i := range 300 {
		reply("frobnicate" + strings.Repeat("x", i+1))
	}
	if n := len(rig.Warnings(logged, text, "method")); n != 100 {
		t.Errorf("%d names are remembered", n)
	}
}

func TestANilClientIsAMistake(t *testing.T) {
	t.Parallel()
	var c *tghook.Client
	dispatch := tghook.DispatchConfig{Caller: c}
	_, err := tghook.New(tghook.HandlerFunc(rig.Nothing), tghook.Config{Secret: rig.HookSecret, Dispatch: dispatch})
	assert.Equal(t, []string{"Config.Dispatch.Caller"}, rig.Mistaken(t, err), "of a webhook")
	_, err = tghook.NewDispatcher(tghook.HandlerFunc(rig.Nothing), dispatch)
	assert.Equal(t, []string{"DispatchConfig.Caller"}, rig.Mistaken(t, err), "of a dispatcher")
	err = tghook.Poll(t.Context(), rig.NewClient(t, tghook.ClientConfig{}), tghook.HandlerFunc(rig.Nothing), tghook.PollConfig{Dispatch: dispatch})
	assert.Equal(t, []string{"PollConfig.Dispatch.Caller"}, rig.Mistaken(t, err), "of a poll")
}

// relay passes bytes on to a server, until the connections that it has are frozen:
// nothing goes through them then, and nothing closes.
type relay struct {
	net.Listener
	to     string
	frozen chan struct{} // of the connections that are accepted now

	mu  sync.Mutex
	all []net.Conn
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{Listener: l, to: to, frozen: make(chan struct{})}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			r.mu.Lock()
			r.all = append(r.all, near, far)
			frozen := r.frozen
			r.mu.Unlock()
			passing.Go(func() { pipe(near, far, frozen) })
			passing.Go(func() { pipe(far, near, frozen) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		for _, conn := range r.all {
			conn.Close()
		}
		r.mu.Unlock()
		passing.Wait()
	})
	return r
}

func pipe(to io.WriteCloser, from io.Reader, frozen chan struct{}) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-frozen:
			if err != nil {
				return
			}
			continue
		default:
		}
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// freeze stops all that goes through the connections that there are.
func (r *relay) freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.frozen)
	r.frozen = make(chan struct{})
}

// connections is how many there have been.
func (r *relay) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all) / 2
}

// overHTTP2 is a client of a Bot API on loopback, by HTTP/2 through a relay. It is
// the default client's transport, with less patience.
func overHTTP2(t *testing.T, api http.HandlerFunc) (*tghook.Client, *relay) {
	t.Helper()
	server := httptest.NewUnstartedServer(api)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	r := newRelay(t, server.Listener.Addr().String())
	base := server.Client().Transport.(*http.Transport).Clone()
	base.ForceAttemptHTTP2 = true
	transport := tghook.Pinged(base)
	transport.HTTP2.SendPingTimeout, transport.HTTP2.PingTimeout = 100*time.Millisecond, 6*time.Second
	t.Cleanup(transport.CloseIdleConnections)
	return rig.NewClient(t, tghook.ClientConfig{
		BaseURL: "https://" + r.Addr().String(), HTTP: &http.Client{Transport: transport},
	}), r
}

func TestACallFindsOutThatItsConnectionIsDead(t *testing.T) {
	t.Parallel()
	var r *relay
	held := make(chan struct{})
	defer close(held)
	c, r := overHTTP2(t, func(rw http.ResponseWriter, req *http.Request) {
		assert.Equalf(t, 2, req.ProtoMajor, "by %s", req.Proto)
		if strings.HasSuffix(req.URL.Path, "/sendMessage") {
			r.freeze()
			<-held
		}
		_, _ = io.WriteString(rw, `{"ok":true,"result":{"id":1}}`)
	})
	ctx, cancel := context.WithTimeout(t.Context(), rig.InTime)
	defer cancel()
	if _, err := c.GetMe(ctx); err != nil {
		t.Fatal(err)
	}
	err := c.Call(ctx, "sendMessage", nil, nil)
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the call on the dead connection: %v", err)
	}
	rig.KeepsToken(t, err)
	if _, err := c.GetMe(ctx); err != nil {
		t.Errorf("the next one: %v", err)
	}
	assert.Equal(t, 2, r.connections(), "connections")
}

func TestAPollFindsOutThatItsConnectionIsDead(t *testing.T) {
	t.Parallel()
	var r *relay
	var asked atomic.Int64
	held := make(chan struct{})
	defer close(held)
	c, r := overHTTP2(t, func(rw http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		answer := `{"ok":true,"result":true}`
		switch {
		case strings.HasSuffix(req.URL.Path, "/getMe"):
			answer = `{"ok":true,"result":{"id":7244100913}}`
		case strings.HasSuffix(req.URL.Path, "/getWebhookInfo"):
			answer = `{"ok":true,"result":{"url":""}}`
		case strings.HasSuffix(req.URL.Path, "/getUpdates"):
			if asked.Add(1) == 1 {
				r.freeze()
				<-held
			}
			answer = `{"ok":true,"result":[]}`
			if !strings.Contains(string(body), "offset") {
				answer = `{"ok":true,"result":[` + rig.MessageIn(7, 1) + `]}`
			}
		}
		_, _ = io.WriteString(rw, answer)
	})
	ctx, cancel := context.WithTimeout(t.Context(), rig.InTime)
	defer cancel()
	handled := make(chan struct{})
	h := tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		close(handled)
		cancel()
		return tghook.NoReply, nil
	})
	require.NoError(t, tghook.Poll(ctx, c, h, tghook.PollConfig{}))
	select {
	case <-handled:
	default:
		t.Error("the update was not handled")
	}
	if n := r.connections(); n < 2 {
		t.Errorf("%d connections", n)
	}
}

func TestTheDefaultClientPings(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]tghook.ClientConfig{
		"without an http.Client":   {},
		"with one of no transport": {HTTP: &http.Client{Timeout: time.Minute}},
	} {
		transport, ok := tghook.TransportOf(rig.NewClient(t, cfg)).(*http.Transport)
		if !ok || transport.HTTP2 == nil || !transport.ForceAttemptHTTP2 {
			t.Errorf("%s: no pings", name)
			continue
		}
		if after := transport.HTTP2.SendPingTimeout + transport.HTTP2.PingTimeout; after <= 0 || after > 20*time.Second || transport.HTTP2.PingTimeout <= 0 {
			t.Errorf("%s: a dead connection is found after %v", name, after)
		}
	}
	assert.Nil(t, http.DefaultTransport.(*http.Transport).HTTP2, "http.DefaultTransport was changed")
	own := &http.Transport{}
	assert.Equal(t, http.RoundTripper(own), tghook.TransportOf(rig.NewClient(t, tghook.ClientConfig{HTTP: &http.Client{Transport: own}})), "a transport of one's own")
}

// flaky is a Bot API that fails a number of times before it succeeds. It notes
// after how long it was asked.
type flaky struct {
	fails  int
	answer outcome
	begun  time.Time
	asked  []time.Duration
}

func (f *flaky) client(tb testing.TB, patience time.Duration) *tghook.Client {
	tb.Helper()
	f.begun = time.Now()
	return rig.Transport(func(*http.Request) (*http.Response, error) {
		f.asked = append(f.asked, time.Since(f.begun))
		if len(f.asked) <= f.fails {
			return f.answer.response()
		}
		return rig.APIAnswer(200, rig.APIOK), nil
	}).Client(tb, tghook.ClientConfig{Patience: patience})
}

// outcome is how a call fails: by an answer, or by an error of the network.
type outcome struct {
	status int
	body   string
	err    error
}

func (o outcome) response() (*http.Response, error) {
	if o.err != nil {
		return nil, o.err
	}
	return rig.APIAnswer(o.status, o.body), nil
}

func refusing(status int, parameters string) outcome {
	return outcome{status: status, body: `{"ok":false,"error_code":` + strconv.Itoa(status) + `,"description":"refused"` + parameters + `}`}
}

var (
	tooMany     = refusing(429, `,"parameters":{"retry_after":7}`)
	unreachable = outcome{err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}
	noProxy     = outcome{err: &net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}}
	hungUp      = outcome{err: io.EOF}
	resetByPeer = outcome{err: &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}}
)

func TestACallIsRepeatedWhereThatIsSafeAndAskedFor(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		setting := map[string]any{"url": "https://bot.example.org"}
		dropping := map[string]any{"drop_pending_updates": true}
		failures := []struct {
			name   string
			answer outcome
			any    bool // every method is repeated
			same   bool // those are that do the same again
		}{
			{"429", tooMany, true, true},
			{"429 without a time", refusing(429, ""), true, true},
			{"a proxy's 429", outcome{status: 429, body: "<html>"}, true, true},
			{"nobody there", unreachable, true, true},
			{"no proxy there", noProxy, true, true},
			{"hung up", hungUp, false, true},
			{"reset", resetByPeer, false, true},
			{"500", refusing(500, ""), false, true},
			{"a proxy's 502", outcome{status: 502, body: "<html>"}, false, true},
			{"400", refusing(400, ""), false, false},
			{"400 with a time", refusing(400, `,"parameters":{"retry_after":7}`), false, false},
			{"401", refusing(401, ""), false, false},
			{"403", refusing(403, ""), false, false},
			{"404", refusing(404, ""), false, false},
			{"409", refusing(409, ""), false, false},
			{"302", outcome{status: 302, body: ""}, false, false},
			{"no envelope", outcome{status: 200, body: "<html>"}, false, false},
		}
		methods := []struct {
			method string
			params any
			same   bool
		}{
			{"getMe", nil, true},
			{"getUpdates", nil, true},
			{"GETCHAT", nil, true},
			{"setWebhook", setting, true},
			{"setwebhook", setting, true},
			{"deleteWebhook", nil, true},
			{"deleteWebhook", dropping, false},
			{"setWebhook", dropping, false},
			{"setWebhook", map[string]any{"drop_pending_updates": true, "certificate": file("c.pem", "c")}, false},
			{"setWebhook", map[string]any{"certificate": file("c.pem", "c")}, true},
			{"sendMessage", nil, false},
			{"answerCallbackQuery", nil, false},
			{"forgetMe", nil, false},
		}
		for _, failure := range failures {
			for _, call := range methods {
				for _, patience := range []time.Duration{0, time.Minute} {
					f := &flaky{fails: 1, answer: failure.answer}
					err := f.client(t, patience).Call(t.Context(), call.method, call.params, nil)
					repeated := patience > 0 && (failure.any || failure.same && call.same)
					if (err == nil) != repeated || len(f.asked) > 1 != repeated {
						t.Errorf("%s, %s with %v, patience %v: %d requests, %v", failure.name, call.method, call.params, patience, len(f.asked), err)
					}
				}
			}
		}
	})
}

func TestACallWaitsForAsLongAsTelegramSaysAndBacksOffElse(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		f := &flaky{fails: 2, answer: tooMany}
		require.NoError(t, f.client(t, time.Minute).Call(t.Context(), "sendMessage", nil, nil))
		assert.Equal(t, []time.Duration{0, 7 * time.Second, 14 * time.Second}, f.asked, "asked after")

		f = &flaky{fails: 9, answer: unreachable}
		require.NoError(t, f.client(t, time.Hour).Call(t.Context(), "sendMessage", nil, nil))
		assert.Len(t, f.asked, 10, "requests")
		var jittered bool
		for i, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			about := time.Duration(seconds) * time.Second
			waited := f.asked[i+1] - f.asked[i]
			if waited < about*3/4 || waited >= about*5/4 {
				t.Errorf("repetition %d came after %v, want about %v", i+1, waited, about)
			}
			jittered = jittered || waited != about
		}
		assert.True(t, jittered, "jitter")
	})
}

func TestTheWaitsOfACallAreBoundedTogether(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		for _, test := range []struct {
			patience time.Duration
			asked    []time.Duration
		}{
			{20 * time.Second, []time.Duration{0, 7 * time.Second, 14 * time.Second}},
			{21 * time.Second, []time.Duration{0, 7 * time.Second, 14 * time.Second, 21 * time.Second}},
			{6 * time.Second, []time.Duration{0}},
		} {
			f := &flaky{fails: 100, answer: tooMany}
			err := f.client(t, test.patience).Call(t.Context(), "sendMessage", nil, nil)
			var refused *tghook.APIError
			if !errors.As(err, &refused) || refused.RetryAfter != 7*time.Second {
				t.Error(err)
			}
			assert.Equal(t, test.asked, f.asked, "asked after")
			assert.Equal(t, slices.Max(f.asked), time.Since(f.begun), "it returns at once")
		}
	})
}

func TestTheEndOfAContextEndsTheWait(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		errStop := errors.New("stop")
		for _, test := range []struct {
			ending func(context.Context) (context.Context, context.CancelFunc)
			want   []error
		}{
			{func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 3*time.Second)
			}, []error{context.DeadlineExceeded}},
			{func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeoutCause(ctx, 3*time.Second, errStop)
			}, []error{context.DeadlineExceeded, errStop}},
			{func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(3*time.Second, cancel)
				return ctx, cancel
			}, []error{context.Canceled}},
		} {
			f := &flaky{fails: 100, answer: tooMany}
			c := f.client(t, time.Minute)
			ctx, cancel := test.ending(t.Context())
			err := c.Call(ctx, "sendMessage", nil, nil)
			cancel()
			assert.Equal(t, 3*time.Second, time.Since(f.begun), "it returns after")
			for _, want := range test.want {
				require.ErrorIs(t, err, want)
			}
			var refused *tghook.APIError
			require.ErrorAsf(t, err, &refused, "%v does not say why it waited", err)
			assert.Equal(t, []time.Duration{0}, f.asked, "asked after")
		}
	})
}

func TestARepetitionSendsAllOfItAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		chat := tg.User("Ann").Chat()
		chat.Send("/start")
		tg.FailCalls(1, tghooktest.CallError{RetryAfter: 7 * time.Second})
		c := tg.Client(t, tghook.ClientConfig{Patience: time.Minute})
		params := map[string]any{"chat_id": chat.ID, "document": tghook.File{Name: "a.txt", Body: strings.NewReader("content")}}
		require.NoError(t, c.Call(t.Context(), "sendDocument", params, nil))
		calls := tg.Calls("sendDocument")
		assert.Len(t, calls, 2, "requests")
		for _, call := range calls {
			assert.Equal(t, strconv.FormatInt(chat.ID, 10), call.Params["chat_id"], "chat")
			assert.Equal(t, "content", string(call.Files["document"].Content), "file")
		}
	})
}
