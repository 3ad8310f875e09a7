package outlet_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

func TestTheRequestIsTelegrams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(yes)}
		o, s := b.open(t, func(c *outlet.Config) { c.Target.URL.RawQuery = "x=%20y" })
		defer o.Close()
		raw := tghooktest.Update("callback_query")
		u, err := tghook.ParseUpdate(raw)
		require.NoError(t, err)
		_, err = o.Deliver(t.Context(), u)
		require.NoError(t, err)
		require.Equal(t, string(o.Target().Bytes(wire.Request{Body: string(raw)})), b.raw[0])
		require.Equal(t, fmt.Sprintf("POST /hook?x=%%20y HTTP/1.1\r\nHost: bot.test\r\nX-Telegram-Bot-Api-Secret-Token: the-secret\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n%s", len(raw), raw), b.raw[0])
		a := s.last(t)
		require.Same(t, u, a.Update)
		require.Equal(t, 1, a.Number)
		require.Equal(t, 200, a.Status)
	})
}

// The simulated Telegram's sender is compared with Telegram's own.
func TestTheSimulatedTelegramSendsTheSameBytes(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	raw := tghooktest.Update("message")
	got := make(chan string, 2)
	go func() {
		for range 2 {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			var copied strings.Builder
			req, err := http.ReadRequest(newReader(io.TeeReader(conn, &copied)))
			if err == nil {
				_, _ = io.Copy(io.Discard, req.Body)
			}
			_, _ = io.WriteString(conn, yes)
			got <- copied.String()
			conn.Close()
		}
	}()
	target := targetAt(t, "http://u:p@"+l.Addr().String()+"/a%20b?x=1")
	o, err := outlet.New(outlet.Config{Bot: 42, Target: target})
	require.NoError(t, err)
	defer o.Close()
	u, err := tghook.ParseUpdate(raw)
	require.NoError(t, err)
	_, err = o.Deliver(t.Context(), u)
	require.NoError(t, err)
	ours := <-got

	tg, err := tghooktest.Start(tghooktest.ServerConfig{Warn: func(string) {}})
	require.NoError(t, err)
	defer tg.Close()
	bot, err := tghook.NewClient(tg.Token, tghook.ClientConfig{BaseURL: tg.URL, Local: true})
	require.NoError(t, err)
	_, err = tg.Deliver(raw)
	require.NoError(t, err)
	require.NoError(t, bot.SetWebhook(t.Context(), tghook.WebhookRequest{URL: target.URL.String(), SecretToken: target.Secret}))
	require.Equal(t, <-got, ours)
}

func headerOf(t *testing.T, raw string) http.Header {
	t.Helper()
	req, err := http.ReadRequest(newReader(strings.NewReader(raw)))
	require.NoError(t, err)
	return req.Header
}

func TestCloudEventsAndSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		b := &bot{answer: always(status(500))}
		o, s := b.open(t, func(c *outlet.Config) { c.Target.CloudEvents, c.Target.Signature = true, secret })
		defer o.Close()
		for range 2 {
			_, err := o.Deliver(t.Context(), update(t, 7))
			require.Error(t, err)
			time.Sleep(time.Minute)
		}
		verifier, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		telegrams := string(o.Target().Bytes(wire.Request{Body: string(update(t, 7).Raw)}))
		telegrams, _, _ = strings.Cut(telegrams, "\r\n\r\n")
		for i, raw := range b.raw {
			require.True(t, strings.HasPrefix(raw, telegrams+"\r\nce-specversion: 1.0\r\nce-id: 42:7\r\nce-source: /bots/42\r\nce-type: org.telegram.bot.message\r\nce-time: 2023-11-14T22:13:20Z\r\nwebhook-id: 42:7\r\nwebhook-timestamp: "), raw)
			require.NoError(t, verifier.VerifyIgnoringTimestamp([]byte(b.bodies[i]), headerOf(t, raw)))
			require.Error(t, verifier.VerifyIgnoringTimestamp([]byte(b.bodies[i]+" "), headerOf(t, raw)))
		}
		first, second := headerOf(t, b.raw[0]), headerOf(t, b.raw[1])
		require.Equal(t, first.Get("Webhook-Id"), second.Get("Webhook-Id"))
		require.NotEqual(t, first.Get("Webhook-Timestamp"), second.Get("Webhook-Timestamp"))
		require.NoError(t, verifier.Verify([]byte(b.bodies[1]), second))
		require.Error(t, verifier.Verify([]byte(b.bodies[0]), setDay(first)))
		for _, a := range s.list() {
			require.Contains(t, a.Exchange.Header, [2]string{"webhook-signature", "<secret>"})
			require.NotContains(t, fmt.Sprint(a.Exchange.Header), first.Get("Webhook-Signature"))
		}
	})
}

func setDay(h http.Header) http.Header {
	h.Set("Webhook-Timestamp", "1")
	return h
}

func TestAKindCannotEndAHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(yes)}
		o, _ := b.open(t, func(c *outlet.Config) { c.Target.CloudEvents = true })
		defer o.Close()
		u, err := tghook.ParseUpdate([]byte(`{"update_id":1,"x\r\nX-Evil: 1\r\n\r\nü":{}}`))
		require.NoError(t, err)
		_, err = o.Deliver(t.Context(), u)
		require.NoError(t, err)
		require.Equal(t, "org.telegram.bot.x%0D%0AX-Evil:%201%0D%0A%0D%0A%C3%BC", headerOf(t, b.raw[0]).Get("Ce-Type"))
		require.Empty(t, headerOf(t, b.raw[0]).Get("X-Evil"))
		require.Empty(t, headerOf(t, b.raw[0]).Get("Ce-Time"))
	})
}

func TestObserveGetsNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := "you sent the-secret, Basic dTpwYXNzdzByZA== and passw0rd" + strings.Repeat(".", 100<<10)
		b := &bot{answer: always(fmt.Sprintf("HTTP/1.1 500 The the-secret\r\nX-Echo: the-secret\r\nContent-Length: %d\r\n\r\n%s", len(body), body))}
		o, s := b.open(t, func(c *outlet.Config) { c.Target = targetAt(t, "http://u:passw0rd@bot.test/hook") })
		defer o.Close()
		_, err := o.Deliver(t.Context(), update(t, 7))
		require.EqualError(t, err, "Wrong response from the webhook: 500 The <secret>")
		a := s.last(t)
		x := a.Exchange
		require.Equal(t, "POST", x.Method)
		require.Equal(t, "http://u:xxxxx@bot.test/hook", x.URL)
		require.Equal(t, [][2]string{
			{"Host", "bot.test"},
			{"Authorization", "<secret>"},
			{"X-Telegram-Bot-Api-Secret-Token", "<secret>"},
			{"Content-Type", "application/json"},
			{"Content-Length", strconv.Itoa(len(update(t, 7).Raw))},
			{"Connection", "keep-alive"},
			{"Accept-Encoding", "gzip, deflate"},
		}, x.Header)
		require.Equal(t, string(update(t, 7).Raw), string(x.Body))
		require.Equal(t, [][2]string{{"Content-Length", strconv.Itoa(len(body))}, {"X-Echo", "<secret>"}}, x.AnswerHeader)
		require.Equal(t, 500, x.Status)
		require.Equal(t, len(body), x.AnswerSize)
		require.True(t, strings.HasPrefix(string(x.Answer), "you sent <secret>, Basic <secret> and <secret>..."), string(x.Answer[:100]))
		require.Less(t, len(x.Answer), 65<<10)
		text := fmt.Sprintf("%+v %+v %s %s", a, *x, x.Answer, a.Err)
		for _, secret := range []string{"the-secret", "passw0rd", "dTpwYXNzdzByZA"} {
			require.NotContains(t, text+fmt.Sprint(o.Status()), secret)
		}
	})
}

// A bot fails, and its answer has its token, its URL and a session.
func TestObserveGetsNoTokenAndNoQuery(t *testing.T) {
	const token, other = "7244100913:AAHq3vXk9_TzW-5rLbNcYdEfGhJkMnPqRsT", "111222333:AAFsomebody-elses-token-of-a-bot"
	secretPath := strings.Repeat("0123456789abcdef", 4)
	synctest.Test(t, func(t *testing.T) {
		page := "GET https://api.telegram.org/bot" + token + "/getMe\n" +
			"quoted: bot" + strings.Replace(token, ":", "%3A", 1) + ", cut: " + token[:25] + "\n" +
			"half: " + token[11:] + ", in HTML: " + strings.NewReplacer(":", "&#58;", "_", "&#95;").Replace(token) + "\n" +
			"other: " + other + "\n" +
			"URI: /" + secretPath + "?key=the%20key-of-the-URL&n=1\n" +
			"[key] => the key-of-the-URL, [n] => 1\n"
		b := &bot{answer: always(fmt.Sprintf("HTTP/1.1 302 Found %s\r\nContent-Length: %d\r\n%s\r\n%s", token, len(page), strings.Join([]string{
			"Set-Cookie: session=of-a-user; HttpOnly\r\nSet-Cookie: second=of-another\r\n",
			"Location: https://me:passw0rd@bot.test/login?next=%2Fa&ticket=of-a-login#fragment-of-a-login\r\n",
			"Content-Location: /page#fragment-of-a-page\r\n",
			"Refresh: 5; url=/wait?turn=of-a-page\r\n",
			"X-Url: /hook?key=the%20key-of-the-URL\r\n",
		}, ""), page))}
		o, s := b.open(t, func(c *outlet.Config) {
			c.Token = token
			c.Target = targetAt(t, "http://bot.test/"+secretPath+"?key=the%20key-of-the-URL&n=1")
		})
		defer o.Close()
		_, err := o.Deliver(t.Context(), update(t, 7))
		require.EqualError(t, err, "Wrong response from the webhook: 302 Found <token>")
		x := s.last(t).Exchange
		require.Equal(t, [][2]string{
			{"Content-Length", strconv.Itoa(len(page))},
			{"Content-Location", "/page#..."},
			{"Location", "https://<secret>@bot.test/login?..."},
			{"Refresh", "5; url=/wait?..."},
			{"Set-Cookie", "<secret>"},
			{"Set-Cookie", "<secret>"},
			{"X-Url", "/hook?key=<secret>"},
		}, x.AnswerHeader)
		require.Equal(t, "GET https://api.telegram.org/bot<token>/getMe\n"+
			"quoted: bot<token>, cut: <token>\n"+
			"half: <token>, in HTML: <token>\n"+
			"other: <token>\n"+
			"URI: /<secret>?<secret>\n"+
			"[key] => <secret>, [n] => 1\n", string(x.Answer))
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{}
		o, s := b.open(t)
		defer o.Close()
		for line, want := range map[string]string{
			"Retry-After: 7\r\n":                             "retry after 7s: Wrong response from the webhook: 400 Bad Request",
			"Retry-After: 99999\r\n":                         "retry after 1h0m0s: Wrong response from the webhook: 400 Bad Request",
			"Retry-After: 1.5\r\n":                           "Wrong response from the webhook: 400 Bad Request",
			"Retry-After: -1\r\n":                            "Wrong response from the webhook: 400 Bad Request",
			"Retry-After: 99999999999999999999\r\n":          "Wrong response from the webhook: 400 Bad Request",
			"Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n": "Wrong response from the webhook: 400 Bad Request",
			"": "Wrong response from the webhook: 400 Bad Request",
		} {
			b.answer = always("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n" + line + "\r\n")
			_, err := o.Deliver(t.Context(), update(t, 7))
			require.EqualError(t, err, want)
			require.EqualError(t, s.last(t).Err, "Wrong response from the webhook: 400 Bad Request")
		}
		b.answer = always("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nRetry-After: 7\r\n\r\n")
		_, err := o.Deliver(t.Context(), update(t, 7))
		require.NoError(t, err)
	})
}

func TestConnectionsAreKeptForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(yes)}
		o, s := b.open(t)
		post := func(dials int) {
			t.Helper()
			_, err := o.Deliver(t.Context(), update(t, 1))
			require.NoError(t, err)
			require.Equal(t, dials, b.dials)
		}
		post(1)
		time.Sleep(59 * time.Second)
		post(1)
		require.Equal(t, 1, o.Idle())
		time.Sleep(60*time.Second + time.Millisecond)
		require.Zero(t, o.Idle())
		post(2)

		b.set(func() { b.conns[1].Close() }) // the bot closes it
		synctest.Wait()
		require.Zero(t, o.Idle())
		post(3)

		go io.WriteString(b.conns[2], yes) // an answer that belongs to no request
		synctest.Wait()
		require.Zero(t, o.Idle(), "it must not settle the next update")
		post(4)

		o.Close()
		require.Zero(t, o.Idle())
		post(5)
		require.Zero(t, o.Idle())
		for _, a := range s.list() {
			require.NoError(t, a.Err)
		}
	})
}

func TestAConnectionIsNotUsedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(yes)}
		o, _ := b.open(t)
		defer o.Close()
		for i := range 121 {
			_, err := o.Deliver(t.Context(), update(t, i+1))
			require.NoError(t, err)
			time.Sleep(30 * time.Second)
		}
		require.Equal(t, 2, b.dials, "the host may be somewhere else after half an hour")
	})
}

// brittle fails at the second write, as the connection does that the bot has just closed.
type brittle struct {
	net.Conn

	writes int
}

func (c *brittle) Write(p []byte) (int, error) {
	if c.writes++; c.writes > 1 {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(p)
}

func TestAConnectionThatIsGoneIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(yes)}
		s := &seen{}
		o, err := outlet.NewWithDial(outlet.Config{Bot: 42, Target: targetAt(t, "http://bot.test/"), Observe: s.add}, func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := b.dial(ctx, network, addr)
			return &brittle{Conn: conn}, err
		})
		require.NoError(t, err)
		defer o.Close()
		for i := range 3 {
			_, err := o.Deliver(t.Context(), update(t, i+1))
			require.NoError(t, err)
		}
		require.Len(t, b.bodies, 3)
		require.Len(t, s.list(), 3, "an update that was not sent whole is no attempt")
	})
}

func TestAConnectionThatClosesUnderARequestIsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{}
		o, s := grown(t, b)
		defer o.Close()
		n := 0
		b.answer = func(conn net.Conn, _ string) bool {
			n++
			return n > 1 && always(yes)(conn, "") // the first one reads the request and closes the connection
		}
		start := time.Now()
		_, err := o.Deliver(t.Context(), update(t, 1))
		require.NoError(t, err)
		require.Len(t, s.list(), 2)
		require.EqualError(t, s.list()[0].Err, "the connection was closed without a whole answer")
		require.False(t, s.list()[0].Unreachable)
		require.Greater(t, time.Since(start), 700*time.Millisecond)
	})
}

func TestTLS(t *testing.T) {
	var mu sync.Mutex
	remotes := map[string]int{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		remotes[r.RemoteAddr]++
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	target := targetAt(t, server.URL)
	target.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	o, err := outlet.New(outlet.Config{Target: target})
	require.NoError(t, err)
	defer o.Close()
	for i := range 5 {
		_, err := o.Deliver(t.Context(), update(t, i+1))
		require.NoError(t, err)
	}
	require.Len(t, remotes, 1, "one connection for all")

	target.Certificate = nil
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &seen{}
	o, err = outlet.New(outlet.Config{Target: target, Observe: func(ctx context.Context, a outlet.Attempt) {
		s.add(ctx, a)
		cancel(errStop)
	}})
	require.NoError(t, err)
	defer o.Close()
	_, err = o.Deliver(ctx, update(t, 1))
	require.ErrorIs(t, err, errStop, "an update that was not sent does not fail")
	require.True(t, s.list()[0].Unreachable)
	require.ErrorContains(t, s.list()[0].Err, "certificate")
}

func TestManyAtOnce(t *testing.T) {
	var mu sync.Mutex
	busy, most := 0, 0
	count := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		busy++
		most = max(most, busy)
		count[string(body)]++
		n := len(count)
		mu.Unlock()
		if n%97 == 0 {
			w.Header().Set("Connection", "close")
		}
		w.Header().Set("Content-Type", "application/json")
		mu.Lock()
		busy--
		mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"method":"sendMessage","echo":%s}`, body)
	}))
	defer server.Close()
	o, err := outlet.New(outlet.Config{Target: targetAt(t, server.URL), Observe: func(context.Context, outlet.Attempt) {}})
	require.NoError(t, err)
	defer o.Close()
	var all sync.WaitGroup
	errs := make(chan error, 2000)
	for worker := range 50 {
		all.Go(func() {
			for i := range 40 {
				u := update(t, 1+worker*40+i)
				reply, err := o.Deliver(t.Context(), u)
				if err == nil && string(reply.Params.(map[string]any)["echo"].(json.RawMessage)) != string(u.Raw) {
					err = fmt.Errorf("the answer to another update: %v", reply)
				}
				errs <- err
				_ = o.Status()
			}
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Len(t, count, 2000)
	require.LessOrEqual(t, most, 8)
}
