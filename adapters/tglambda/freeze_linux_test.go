package tglambda_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/gateway"
)

// control is the server that tells the bot's handler what to do.
type control struct {
	service *service
	short   time.Duration // a timeout that a held handler outlives
	unheld  bool          // a handler that was to be held has not begun in time

	url   string
	runs  chan *run
	calls chan string
}

// run is one run of the handler.
type run struct {
	update string
	do     chan<- string   // the order to the handler: see testdata/bot
	gone   <-chan struct{} // closed when the handler no longer waits
}

const fail = "fail"

func newControl(tb testing.TB) *control {
	tb.Helper()
	c := &control{runs: make(chan *run, 16), calls: make(chan string, 16)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /handle", func(rw http.ResponseWriter, r *http.Request) {
		update, _ := io.ReadAll(r.Body)
		do := make(chan string, 1)
		c.runs <- &run{string(update), do, r.Context().Done()}
		select {
		case what := <-do:
			if what == fail {
				rw.WriteHeader(http.StatusTeapot)
				return
			}
			_, _ = io.WriteString(rw, what)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /call", func(_ http.ResponseWriter, r *http.Request) {
		call, _ := io.ReadAll(r.Body)
		c.calls <- string(call)
	})
	server := httptest.NewServer(mux)
	tb.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// bot deploys testdata/bot.
func (c *control) bot(tb testing.TB, bin string, policy tghook.LatePolicy, env ...string) (*service, function) {
	tb.Helper()
	s, f := deploy(tb, bin, append(env, "BOT_TEST="+c.url, "BOT_SECRET="+secret, "BOT_LATE="+strconv.Itoa(int(policy)))...)
	c.service = s
	return s, f
}

// want receives a value, which must come.
func want[T any](tb testing.TB, what string, from <-chan T) (v T) {
	tb.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		tb.Fatalf("no %s", what)
	}
	return v
}

// none checks that no value has come.
func none[T any](tb testing.TB, what string, from <-chan T) {
	tb.Helper()
	if n := len(from); n > 0 {
		tb.Errorf("%d %s too many", n, what)
	}
}

// delivery sends an update as Telegram does, and returns the status, Retry-After and body
// of the answer.
func delivery(tb testing.TB, shape gateway.Shape, f function, body, token string) <-chan string {
	answer := make(chan string, 1)
	go func() {
		answer <- func() string {
			req, err := http.NewRequestWithContext(context.WithoutCancel(tb.Context()), http.MethodPost, "https://bot.example/telegram", strings.NewReader(body))
			if err != nil {
				return err.Error()
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-Telegram-Bot-Api-Secret-Token", token)
			res, err := gateway.Transport(shape, f).RoundTrip(req)
			if err != nil {
				return err.Error()
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			if err != nil {
				return err.Error()
			}
			h := res.Header
			return strings.Join(strings.Fields(strconv.Itoa(res.StatusCode)+" "+h.Get("Retry-After")+" "+h.Get("X-Gateway-Problem")+" "+string(got)), " ")
		}()
	}()
	return answer
}

const (
	hi      = `sendMessage {"chat_id":42,"text":"hi"}`
	hiReply = `200 {"method":"sendMessage","chat_id":42,"text":"hi"}`
	late    = "503"
)

// short is control.short of the first try. The answer is due 500 ms before its end, and the
// service notes whether it comes in time. Until then the handler has enough time to start, unless
// the machine is very busy.
const short = 3 * time.Second

// hold sends an update whose handler outlives the function's timeout, and returns the run. If the
// process was frozen before its handler began, hold returns nil: then the test is to return, and
// is tried again.
func (c *control) hold(tb testing.TB, shape gateway.Shape, f function) *run {
	tb.Helper()
	c.service.setTimeout(c.short)
	answered(tb, "a slow update", delivery(tb, shape, f, messageIn(42, 1), secret), late)
	select {
	case r := <-c.runs:
		return r
	case <-time.After(5 * time.Second): // a run that was announced before the freeze arrives sooner
		c.unheld = true
		return nil
	}
}

// stubborn makes a bot whose handler ignores its context.
const stubborn = "BOT_STUBBORN=1"

func answered(tb testing.TB, what string, answer <-chan string, expected string) {
	tb.Helper()
	assert.Equal(tb, expected, want(tb, "answer to "+what, answer), what)
}

// The function is compiled as users compile it, and runs as on AWS: the process is stopped
// whenever it has answered.
func TestCompiledFunction(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "bootstrap")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./testdata/bot").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, test := range map[string]func(t *testing.T, c *control, bin string){
		"answers through every door":                       answersThroughEveryDoor,
		"handles a batch and replies by Caller":            handlesABatch,
		"is answered in time with LateRetry":               isAnsweredInTime(tghook.LateRetry),
		"is answered in time with LateCancel":              isAnsweredInTime(tghook.LateCancel),
		"is answered in time with LateAck":                 isAnsweredInTime(tghook.LateAck),
		"is frozen with its handler, which is joined":      isFrozenWithItsHandler,
		"gets the reply of a handler that ended frozen":    getsTheReplyOfAFrozenHandler,
		"runs again what a killed instance had left":       runsAgainAfterAKill,
		"forgets with its instance what it had handled":    forgetsWithItsInstance,
		"survives a panic and an event of an unknown kind": survives,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The 500 ms, and the time before them, may be too short on a busy machine. So this is
			// tried more than once, with more time for the handler to start.
			const tries = 5
			for try := 1; ; try++ {
				c := newControl(t)
				c.short = min(short<<(try-1), patience/2)
				test(t, c, bin)
				overrun := c.service.overrun()
				switch {
				case t.Failed() || overrun <= 0 && !c.unheld:
					return
				case try < tries:
				case c.unheld:
					t.Fatalf("answered before the handler began, in the last of %d tries", tries)
				default:
					t.Fatalf("answered %v after the function's timeout, in the last of %d tries", overrun, tries)
				}
			}
		})
	}
}

func answersThroughEveryDoor(t *testing.T, c *control, bin string) {
	s, f := c.bot(t, bin, tghook.LateDefault)
	for i, shape := range shapes {
		body := messageIn(42, int64(2*i))
		answer := delivery(t, shape, f, body, secret)
		r := want(t, "run", c.runs)
		assert.Equal(t, body, r.update, shape)
		r.do <- hi
		answered(t, string(shape), answer, hiReply)
		answered(t, string(shape)+", once more", delivery(t, shape, f, body, secret), hiReply)
		answered(t, string(shape)+", with another secret", delivery(t, shape, f, body, "other"), "401")

		if shape == gateway.RESTText {
			continue
		}
		answer = delivery(t, shape, f, messageIn(42, int64(2*i+1)), secret)
		want(t, "run", c.runs).do <- "sendDocument \x00\xff\xfe"
		got := want(t, "answer", answer)
		assert.Contains(t, got, "200 --", shape)
		assert.Contains(t, got, "\x00\xff\xfe", shape)
	}
	none(t, "runs", c.runs)
	assert.Equal(t, 1, s.instances())
}

func handlesABatch(t *testing.T, c *control, bin string) {
	_, f := c.bot(t, bin, tghook.LateDefault)
	first, second, other := messageIn(41, 1), messageIn(41, 2), messageIn(42, 3)
	payload := batch(t, message("a", 41, 1), message("a", 41, 2), message("b", 42, 3))
	for i, round := range []struct {
		runs     map[string]string
		expected string
	}{
		{map[string]string{first: fail, other: hi}, failed("1", "2")},
		{map[string]string{first: fail}, failed("1", "2")}, // the bot remembers the other one
		{map[string]string{first: "", second: fail}, failed("2")},
		{map[string]string{second: ""}, failed()},
	} {
		answer := make(chan string, 1)
		go func() { answer <- invoke(context.WithoutCancel(t.Context()), t, f, payload) }()
		for range round.runs {
			r := want(t, "run", c.runs)
			r.do <- round.runs[r.update]
		}
		answered(t, "batch "+strconv.Itoa(i), answer, round.expected)
	}
	assert.Equal(t, hi, want(t, "call", c.calls))
	none(t, "runs", c.runs)
	none(t, "calls", c.calls)
}

// Under every policy, nothing may go on behind an answer. So no answer may promise work that
// is not done.
func isAnsweredInTime(policy tghook.LatePolicy) func(t *testing.T, c *control, bin string) {
	return func(t *testing.T, c *control, bin string) {
		t.Helper()
		s, f := c.bot(t, bin, policy)
		first := c.hold(t, gateway.FunctionURL, f)
		if first == nil {
			return
		}

		s.setTimeout(patience)
		again := delivery(t, gateway.FunctionURL, f, messageIn(42, 1), secret)
		second := want(t, "second run", c.runs)
		want(t, "end of the first run", first.gone)
		second.do <- hi
		answered(t, "the redelivery", again, hiReply)
		answered(t, "another redelivery", delivery(t, gateway.FunctionURL, f, messageIn(42, 1), secret), hiReply)
		none(t, "runs", c.runs)
		none(t, "calls", c.calls)
	}
}

func isFrozenWithItsHandler(t *testing.T, c *control, bin string) {
	s, f := c.bot(t, bin, tghook.LateAck, stubborn)
	r := c.hold(t, gateway.HTTP, f)
	if r == nil {
		return
	}
	for range 2 {
		answered(t, "a redelivery meanwhile", delivery(t, gateway.HTTP, f, messageIn(42, 1), secret), late)
	}
	s.setTimeout(patience)
	other := delivery(t, gateway.HTTP, f, messageIn(43, 2), secret)
	want(t, "run of another chat", c.runs).do <- ""
	answered(t, "another chat", other, "200")
	none(t, "runs", c.runs)

	again := delivery(t, gateway.HTTP, f, messageIn(42, 1), secret)
	r.do <- fail
	want(t, "second run, as the first has failed", c.runs).do <- hi
	answered(t, "the redelivery", again, hiReply)
	none(t, "runs", c.runs)
}

func getsTheReplyOfAFrozenHandler(t *testing.T, c *control, bin string) {
	s, f := c.bot(t, bin, tghook.LateDefault, stubborn)
	r := c.hold(t, gateway.ALB, f)
	if r == nil {
		return
	}
	r.do <- hi // the process gets it when it goes on

	s.setTimeout(patience)
	answered(t, "the redelivery", delivery(t, gateway.ALB, f, messageIn(42, 1), secret), hiReply)
	none(t, "runs", c.runs)
	none(t, "calls", c.calls)
}

func runsAgainAfterAKill(t *testing.T, c *control, bin string) {
	s, f := c.bot(t, bin, tghook.LateAck, stubborn)
	first := c.hold(t, gateway.REST, f)
	if first == nil {
		return
	}
	s.kill()
	want(t, "end of the first run", first.gone)

	s.setTimeout(patience)
	again := delivery(t, gateway.REST, f, messageIn(42, 1), secret)
	want(t, "second run", c.runs).do <- hi
	answered(t, "the redelivery", again, hiReply)
	none(t, "runs", c.runs)
	assert.Equal(t, 2, s.instances())
}

// Telegram sends an answered update again only if it has not seen the answer. A new
// instance then runs it again: handlers run at least once.
func forgetsWithItsInstance(t *testing.T, c *control, bin string) {
	s, f := c.bot(t, bin, tghook.LateDefault)
	for range 2 {
		answer := delivery(t, gateway.HTTP, f, messageIn(42, 1), secret)
		want(t, "run", c.runs).do <- hi
		answered(t, "the update", answer, hiReply)
		s.kill()
	}
	none(t, "runs", c.runs)
}

func survives(t *testing.T, c *control, bin string) {
	s, f := c.bot(t, bin, tghook.LateDefault)
	answer := delivery(t, gateway.HTTPv1, f, messageIn(42, 1), secret)
	want(t, "run", c.runs).do <- "panic"
	answered(t, "a panic", answer, "500")

	_, err := f.Invoke(t.Context(), bytes.Replace(golden(t, "http_v2"), []byte(`"http"`), []byte(`"ftp"`), 1))
	require.ErrorContains(t, err, `\"requestContext\"`)
	assert.NotContains(t, err.Error(), secret)

	answer = delivery(t, gateway.HTTPv1, f, messageIn(42, 1), secret)
	want(t, "run", c.runs).do <- hi
	answered(t, "the redelivery", answer, hiReply)
	assert.Equal(t, 1, s.instances())
}
