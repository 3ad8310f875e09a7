package tghooktest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// limit bounds waits in real time.
const limit = 30 * time.Second

// bubble runs a test in a synctest bubble, with a Server in memory.
func bubble(t *testing.T, cfg tghooktest.ServerConfig, test func(t *testing.T, s *tghooktest.Server)) {
	t.Helper()
	cfg.InMemory = true
	synctest.Test(t, func(t *testing.T) { test(t, tghooktest.NewServer(t, cfg)) })
}

// ask calls a method by POST, with names and values in turn, and returns the status and
// body.
func ask(tb testing.TB, s *tghooktest.Server, method string, params ...string) string {
	tb.Helper()
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, s.URL+"/bot"+s.Token+"/"+method, strings.NewReader(form.Encode()))
	if err != nil {
		tb.Error(err) // this may not be the test's goroutine
		return ""
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(tb, s, r)
}

func request(tb testing.TB, s *tghooktest.Server, path string) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, s.URL+path, nil)
	require.NoError(tb, err)
	return r
}

func do(tb testing.TB, s *tghooktest.Server, r *http.Request) string {
	tb.Helper()
	res, err := s.Client().Do(r)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Error(err) // this may not be the test's goroutine
	}
	return fmt.Sprint(res.StatusCode, " ", string(body))
}

func refused(code int, text string) string {
	return fmt.Sprintf(`%d {"ok":false,"error_code":%d,"description":"%s"}`, code, code, text)
}

func message(text string) []byte {
	return fmt.Appendf(nil, `{"message":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":%q}}`, text)
}

func deliver(tb testing.TB, s *tghooktest.Server, update []byte) int64 {
	tb.Helper()
	id, err := s.Deliver(update)
	if err != nil {
		tb.Error(err) // this may not be the test's goroutine
	}
	return id
}

func TestAServerOnLoopbackIsReachedByItsURL(t *testing.T) {
	t.Parallel()
	s, err := tghooktest.Start(tghooktest.ServerConfig{})
	require.NoError(t, err)
	defer s.Close()
	if u, err := url.Parse(s.URL); err != nil || u.Hostname() != "127.0.0.1" || u.Path != "" {
		t.Errorf("the URL is %q", s.URL)
	}
	me, err := s.Bot(t).GetMe(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "stand_in_bot", me.Username, "me")
	// Some libraries take tokens of BotFather's length only.
	if form := regexp.MustCompile(`^\d+:[A-Za-z0-9_-]{35}$`); !form.MatchString(s.Token) || !strings.HasPrefix(s.Token, strconv.FormatInt(me.ID, 10)+":") {
		t.Errorf("the token of bot %d is of another, or too long", me.ID)
	}
}

func TestAServerHasItsTokenAndUsername(t *testing.T) {
	t.Parallel()
	const token = "12345:stand_in_token_x"
	bubble(t, tghooktest.ServerConfig{Token: token, Username: "my_bot"}, func(t *testing.T, s *tghooktest.Server) {
		me, err := s.Bot(t).GetMe(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []any{token, int64(12345), "my_bot"}, []any{s.Token, me.ID, me.Username}, "me")
	})
}

func TestAServerThatCannotBeIsAnErrorWithoutTheToken(t *testing.T) {
	t.Parallel()
	for _, cfg := range []tghooktest.ServerConfig{
		{Token: "stand_in_token"},
		{Token: "0:stand_in_token"},
		{Token: "1:stand_in_token/x"},
		{Token: "1:stand_in_token" + strings.Repeat("x", 80)},
		{Token: "bot:stand_in_token"},
		{Token: "-1:stand_in_token"},
		{Token: "18014398509481984:stand_in_token"},
		{Speed: -1},
	} {
		s, err := tghooktest.Start(cfg)
		if err == nil {
			s.Close()
			t.Errorf("%+v is taken", cfg)
			continue
		}
		assert.True(t, strings.HasPrefix(err.Error(), "tghooktest: ServerConfig."))
		assert.NotContains(t, err.Error(), "stand_in")
	}
}

func TestAServerTakesOneConfig(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "tghooktest: NewServer: got 2 values of ServerConfig; pass at most one", failure(t, func(tb testing.TB) { tghooktest.NewServer(tb, tghooktest.ServerConfig{}, tghooktest.ServerConfig{}) }), "failure")
}

func TestTheClockRunsAtSpeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := tghooktest.NewServer(t, tghooktest.ServerConfig{InMemory: true, Speed: 60})
		begin := s.Now()
		time.Sleep(time.Second)
		assert.Equal(t, time.Minute, s.Now().Sub(begin), "passed")
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault { return tghooktest.CallFault{Delay: time.Minute} })
		begin = time.Now()
		ask(t, s, "getUpdates", "timeout", "30")
		assert.Equal(t, 1500*time.Millisecond, time.Since(begin), "passed in real time")
	})
}

func TestCloseEndsAllThatWaits(t *testing.T) {
	t.Parallel()
	s, err := tghooktest.Start(tghooktest.ServerConfig{})
	require.NoError(t, err)
	s.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
		if c.Method == "getMe" {
			return tghooktest.CallFault{Delay: time.Hour}
		}
		return tghooktest.CallFault{}
	})
	asked := make(chan string, 2)
	go func() { asked <- ask(t, s, "getUpdates", "timeout", "50") }()
	go func() { asked <- ask(t, s, "getMe") }()
	idle, err := dial(t, s)
	require.NoError(t, err)
	defer idle.Close()
	ended := make(chan struct{})
	go func() { s.Close(); close(ended) }()
	for range 2 {
		select {
		case <-asked:
		case <-time.After(limit):
			t.Fatal("a call waits for ever")
		}
	}
	select {
	case <-ended:
	case <-time.After(limit):
		t.Fatal("Close does not return")
	}
	_ = idle.SetReadDeadline(time.Now().Add(limit))
	if _, err := bufio.NewReader(idle).ReadByte(); !errors.Is(err, io.EOF) && !isReset(err) {
		t.Errorf("an idle connection got %v", err)
	}
	if _, err := dial(t, s); err == nil {
		t.Error("somebody still listens")
	}
	s.Close() // a second Close does nothing
}

func isReset(err error) bool {
	var timeout net.Error
	return err != nil && (!errors.As(err, &timeout) || !timeout.Timeout())
}

func TestCloseWaitsForWhatRuns(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		asked, ended := time.Time{}, make(chan struct{})
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault {
			time.Sleep(time.Hour)
			asked = time.Now()
			return tghooktest.CallFault{}
		})
		go func() { defer close(ended); ask(t, s, "getMe") }()
		synctest.Wait()
		s.Close()
		assert.Equal(t, asked, time.Now(), "Close returns")
		<-ended
	})
}

// The bubble would not end if a goroutine of the Server still ran.
func TestCloseLeavesNothingInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := tghooktest.Start(tghooktest.ServerConfig{InMemory: true})
		require.NoError(t, err)
		l, err := s.Listen("bot.example.org:80")
		require.NoError(t, err)
		defer l.Close()
		assert.Equal(t, `200 {"ok":true,"result":true,"description":"Webhook was set"}`, ask(t, s, "setWebhook", "url", "http://bot.example.org/"), "setWebhook")
		deliver(t, s, message("hi"))
		synctest.Wait() // until the request waits
		s.Close()
		assert.Equal(t, 1, s.Pending(), "pending")
		assert.True(t, strings.HasSuffix(do(t, s, request(t, s, "/")), "connection refused"))
	})
}

func TestTheTokenIsNotShown(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		for _, method := range []string{"getMe", "none", "sendMessage"} {
			assert.NotContains(t, ask(t, s, method), "stand_in_token")
		}
		s.FailCalls(1, tghooktest.CallError{})
		err := s.Bot(t).Call(context.Background(), "getMe", nil, nil)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "stand_in_token")
		var refused *tghook.APIError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, http.StatusInternalServerError, refused.Code)
	})
}
