//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
	"github.com/tghook/tghook/tghooktest"
)

func TestAnUpdateReachesItsBotAsTelegramSentIt(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		first, second := startBot(t, "first", replying("first"), nil), startBot(t, "second", replying("second"), nil)
		f := p.start(t, first.addr, second.addr)
		for _, b := range []*bot{first, second} {
			for _, a := range b.both() {
				for _, port := range []string{"", ":8443"} { // Telegram names a port other than 443
					a := a
					a.host += port
					l := f.lineTo(t, a)
					for name, body := range tghooktest.Updates() {
						u, err := tghook.ParseUpdate(body)
						require.NoError(t, err)
						assert.Equal(t, b.replied(u.ChatID), l.post(a, string(body)).String(), a.host+a.path+" "+name)
						r, run := b.last(t)
						assert.Equal(t, "/telegram", r.URL.String(), "path")
						assert.Equal(t, a.host, r.Host, "host")
						assert.Equal(t, int64(len(body)), r.ContentLength, "length")
						assert.Equal(t, http.Header{
							"X-Telegram-Bot-Api-Secret-Token": {a.secret},
							"Content-Type":                    {"application/json"},
							"Content-Length":                  {strconv.Itoa(len(body))},
							"Accept-Encoding":                 {"gzip, deflate"},
							"X-Forwarded-For":                 {telegram},
						}, r.Header, "headers")
						if a == b.byPath() { // later ones are redeliveries
							assert.Equal(t, string(body), run, "update")
						}
					}
				}
			}
		}
	})
}

func TestAPathOfNoBotReachesNone(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		b := startBot(t, "first", nothing, nil)
		f := p.start(t, b.addr, b.addr)
		for _, path := range []string{"/", "/telegram", "/bots/", "/bots/third/telegram", "/bots/firsttelegram"} {
			a := b.byPath()
			a.path = path
			assert.Equal(t, 404, f.lineTo(t, a).post(a, message(1, 1, 0)).status, path)
		}
		b.handled(t, counts{})
	})
}

func TestTheProxyAsksForTLS12AndAnswersInHTTP11(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		b := startBot(t, "first", nothing, nil)
		f := p.start(t, b.addr, b.addr)
		for _, host := range []string{"bots.example.org", "first.example.org"} {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				conn, err := f.dial(t, telegram, host, func(cfg *tls.Config) {
					cfg.MinVersion, cfg.MaxVersion = version, version
					cfg.NextProtos = []string{"h2", "http/1.1"}
				})
				require.NoError(t, err)
				assert.Equal(t, "http/1.1", conn.ConnectionState().NegotiatedProtocol, "protocol")
			}
			_, err := f.dial(t, telegram, host, func(cfg *tls.Config) { cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
			if err == nil || !strings.Contains(err.Error(), "protocol version") {
				t.Errorf("%s: with TLS 1.1: %v, want a refusal of the version", host, err)
			}
		}
	})
}

func TestRefusalsPassAndTheConnectionServesOn(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		first, second := startBot(t, "first", nothing, nil), startBot(t, "second", nothing, nil)
		f := p.start(t, first.addr, second.addr)
		for _, good := range first.both() {
			wrong := good
			wrong.secret = "secret-of-second"
			l := f.lineTo(t, good)
			for _, c := range []struct {
				name string
				got  func() answer
				want string
			}{
				{"another bot's secret", func() answer { return l.post(wrong, message(1, 1, 0)) }, "401"},
				{"doubled secret", func() answer { return l.post(good, message(1, 1, 0), "X-Telegram-Bot-Api-Secret-Token: "+good.secret) }, "401"},
				{"encoded", func() answer { return l.post(good, message(1, 1, 0), "Content-Encoding: gzip") }, "415"},
				{"malformed", func() answer { return l.post(good, "{") }, "400"},
			} {
				assert.Equal(t, c.want, c.got().String(), c.name)
				assert.Equal(t, "200", l.post(good, message(1, 2, 0)).String(), "the next after "+c.name)
			}
			f.servesOn(t, good, "another bot's secret on a long body", func(l *line) answer { return l.post(wrong, message(1, 1, 600<<10)) }, "401")
		}
		second.handled(t, counts{})
	})
}

// servesOn checks a refusal that comes before the whole body has been sent, and that the
// connection serves the next request. A bot's server waits only half a second for the
// rest of the body. A busy machine may need longer to send it; then servesOn tries again
// on another connection.
func (f *front) servesOn(t *testing.T, a address, name string, refusal func(*line) answer, want string) {
	t.Helper()
	for start := time.Now(); ; {
		l := f.lineTo(t, a)
		got, next := refusal(l), l.post(a, message(1, 2, 0))
		if got.err == nil && next.err == nil || time.Since(start) > doortest.Patience {
			assert.Equal(t, want, got.String(), name)
			assert.Equal(t, "200", next.String(), "the next after "+name)
			return
		}
	}
}

func TestFailuresPassUnharmed(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		const late = 1 // the chat of the late updates
		started, release := make(chan struct{}, 1), make(chan struct{})
		t.Cleanup(func() { close(release) })
		b := startBot(t, "first", func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			switch u.ChatID {
			case 500:
				return tghook.NoReply, errors.New("broken")
			case 503:
				return tghook.NoReply, tghook.RetryAfter(90*time.Second, errors.New("busy"))
			default:
				started <- struct{}{}
				<-release
				return tghook.NoReply, nil
			}
		}, func(cfg *tghook.Config) {
			cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
				if u.ChatID == late {
					return 50 * time.Millisecond, tghook.LateRetry
				}
				return -1, tghook.LateRetry
			}
		})
		f := p.start(t, b.addr, b.addr)
		for i, a := range b.both() {
			l := f.lineTo(t, a)
			for chat, want := range map[int64]string{500: "500", 503: "503 after 90", late: "503 after 2"} {
				assert.Equal(t, want, l.post(a, message(chat, chat*10+int64(i), 0)).String(), a.host)
			}
		}
		doortest.Await(t, started, "the late handler to start")
		b.handled(t, counts{requests: 6, runs: 5}) // the last one waits in its lane
	})
}

func TestAForgedXForwardedForGetsNobodyIn(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		b := startBot(t, "first", nothing, nil)
		f := p.start(t, b.addr, b.addr)
		for _, c := range []struct {
			from, want string
			more       []string
		}{
			{stranger, "401", nil},
			{stranger, "401", []string{"X-Forwarded-For: " + telegram}},
			{stranger, "401", []string{"X-Forwarded-For: " + telegram + ", 127.0.0.1"}},
			{stranger, "401", []string{"X-Forwarded-For: " + telegram, "X-Forwarded-For: 127.0.0.1"}},
			{stranger, "401", []string{"x-forwarded-for: " + telegram + ","}},
			{stranger, "401", []string{"X-Real-IP: " + telegram, "Forwarded: for=" + telegram}},
			{stranger, "401", []string{"Connection: X-Forwarded-For"}},
			{telegram, "200", nil},
			{telegram, "200", []string{"X-Forwarded-For: " + stranger}},
			{telegram, "200", []string{"X-Forwarded-For: garbage", "X-Forwarded-For: ,,"}},
		} {
			for _, a := range b.both() {
				assert.Equal(t, c.want, f.lineFrom(t, c.from, a).post(a, message(1, 1, 0), c.more...).String(), fmt.Sprint(c.from, c.more, a.host))
			}
		}
	})
}

func TestWithoutTrustedProxiesEverySourceIsTheProxy(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		b := startBot(t, "first", nothing, func(cfg *tghook.Config) { cfg.TrustedProxies = nil })
		f := p.start(t, b.addr, b.addr)
		assert.Equal(t, "401", f.lineTo(t, b.byName()).post(b.byName(), message(1, 1, 0)).String())
	})
}

func TestBodiesPassUpToTheBotsLimit(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		const limit = 1 << 20 // MaxBody by default
		b := startBot(t, "first", nothing, nil)
		f := p.start(t, b.addr, b.addr)
		for i, a := range b.both() {
			l := f.lineTo(t, a)
			for n, size := range []int{600 << 10, limit} {
				body := message(1, int64(10*i+n), size)
				assert.Equal(t, "200", l.post(a, body).String(), fmt.Sprint(size, " bytes"))
				if _, got := b.last(t); got != body {
					t.Errorf("%d bytes arrived as other %d", size, len(got))
				}
			}
			assert.NotContains(t, f.log.String(), "temporary file", "a body was written to a file")
			f.servesOn(t, a, "one byte more", func(l *line) answer { return l.post(a, message(1, 1, limit+1)) }, "413")
			assert.Equal(t, 413, f.lineTo(t, a).post(a, message(1, 1, 8*limit)).status, "far too many")
		}
	})
}

func TestAReplyWithAFilePassesByteForByte(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		file := bytes.Repeat([]byte("\x00\r\n--\xff0123456789"), 5<<20/16)
		b := startBot(t, "first", func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			return tghook.Reply{Method: "sendDocument", Params: map[string]any{
				"chat_id": u.ChatID, "document": tghook.File{Name: "a.bin", Body: bytes.NewReader(file)},
			}}, nil
		}, nil)
		f := p.start(t, b.addr, b.addr)
		for i, a := range b.both() {
			got := f.lineTo(t, a).post(a, message(7, int64(i), 0))
			assert.Equal(t, 200, got.status, "status")
			kind, params, err := mime.ParseMediaType(got.header.Get("Content-Type"))
			if err != nil || kind != "multipart/form-data" {
				t.Fatalf("Content-Type %q: %v", got.header.Get("Content-Type"), err)
			}
			form, err := multipart.NewReader(strings.NewReader(got.body), params["boundary"]).ReadForm(16 << 20)
			require.NoError(t, err)
			assert.Equal(t, []string{"sendDocument"}, form.Value["method"], "method")
			assert.Equal(t, int64(len(got.body)), got.length, "length")
			for _, files := range form.File {
				part, err := files[0].Open()
				require.NoError(t, err)
				content, _ := io.ReadAll(part)
				assert.True(t, bytes.Equal(content, file), "the file is the same")
			}
			assert.Len(t, form.File, 1, "files")
		}
	})
}

func TestOneConnectionOfTelegramsIsOneToTheBot(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		b := startBot(t, "first", replying("first"), nil)
		start := time.Now()
		f := p.start(t, b.addr, b.addr)
		for i, a := range b.both() {
			before := b.connections()
			l := f.lineTo(t, a)
			for id := range int64(100) {
				id += int64(i) * 1000
				assert.Equal(t, 200, l.post(a, message(id, id, 0)).status)
			}
			// HAProxy checks its idle connections every five seconds, and may close one.
			if n, most := b.connections()-before, 1+int(time.Since(start)/(5*time.Second)); n > most {
				t.Errorf("%s: 100 updates on one connection opened %d, want %d at most", a.host, n, most)
			}
		}
	})
}

func TestFortyConnectionsOfEachBotAtOnce(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		const lines, updates = 40, 10
		first, second := startBot(t, "first", replying("first"), nil), startBot(t, "second", replying("second"), nil)
		f := p.start(t, first.addr, second.addr)
		var wg sync.WaitGroup
		for _, b := range []*bot{first, second} {
			for n := range int64(lines) {
				a := b.both()[n%2]
				l := f.lineTo(t, a)
				wg.Go(func() {
					for i := range int64(updates) {
						id := n*updates + i
						assert.Equal(t, b.replied(id), l.post(a, message(id, id, 0)).String())
					}
				})
			}
		}
		wg.Wait()
		for _, b := range []*bot{first, second} {
			b.handled(t, counts{requests: lines * updates, runs: lines * updates})
			if n := b.connections(); n > 2*lines { // HAProxy opens some in advance
				t.Errorf("%d connections were opened to a bot, for %d of Telegram's", n, lines)
			}
		}
	})
}

func TestAnUpdateIsNotLostWhenTheBotIsDown(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		b := newBot(t, "first", replying("first"), func(cfg *tghook.Config) {
			cfg.AllowedSources = nil // a unix socket's peer has no address
		})
		socket := filepath.Join(t.TempDir(), "bot.sock")
		f := p.start(t, p.unix+socket, p.unix+socket)
		a := b.byPath()
		l := f.lineTo(t, a)
		assert.Equal(t, p.down, l.post(a, message(7, 1, 0)).status, "before the bot is up")
		stop := b.listen(t, "unix", socket)
		assert.Equal(t, b.replied(7), l.post(a, message(7, 1, 0)).String(), "the redelivery")
		stop()
		assert.Equal(t, p.down, l.post(a, message(7, 2, 0)).status, "when the bot is down again")
		b.listen(t, "unix", socket)
		assert.Equal(t, b.replied(7), l.post(a, message(7, 2, 0)).String(), "its redelivery")
		b.handled(t, counts{requests: 2, runs: 2})
	})
}

func TestAnUpdateThatHasBeenSentIsNotSentAgain(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		b := startBot(t, "first", func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ChatID == 1 {
				panic(http.ErrAbortHandler) // the server closes the connection
			}
			return tghook.NoReply, nil
		}, nil)
		f := p.start(t, b.addr, b.addr)
		for i, a := range b.both() {
			id := int64(10 * i)
			assert.Equal(t, 502, f.lineTo(t, a).post(a, message(1, id, 0)).status, "on a new connection")
			l := f.lineTo(t, a)
			assert.Equal(t, "200", l.post(a, message(2, id+1, 0)).String())
			assert.Equal(t, p.torn, l.post(a, message(1, id+2, 0)).status, "on a used connection")
			b.handled(t, counts{requests: 3 * (i + 1), runs: 3 * (i + 1)})
		}
	})
}

func TestTheBotLearnsThatTelegramHungUp(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		started, release := make(chan struct{}), make(chan struct{})
		b := startBot(t, "first", func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			close(started)
			<-release
			if err := ctx.Err(); err != nil {
				t.Errorf("the handler was cancelled: %v", err)
			}
			return replying("first")(ctx, u)
		}, func(cfg *tghook.Config) { cfg.LateAfter = -1 })
		f := p.start(t, b.addr, b.addr)
		a := b.byPath()
		l := f.lineTo(t, a)
		l.send(a, message(7, 1, 0))
		doortest.Await(t, started, "the update to reach the bot")
		_ = l.conn.Close()
		request, _ := b.last(t)
		doortest.Await(t, request.Context().Done(), "the request to end at the bot")
		close(release)
		assert.Equal(t, b.replied(7), f.lineTo(t, a).post(a, message(7, 1, 0)).String(), "the redelivery")
		b.handled(t, counts{requests: 2, runs: 1})
	})
}

func TestTheProxysLogHasNoSecret(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		b := startBot(t, "first", nothing, nil)
		f := p.start(t, b.addr, b.addr)
		for _, a := range b.both() {
			l := f.lineTo(t, a)
			assert.Equal(t, "200", l.post(a, message(7, 1, 0)).String())
			assert.Equal(t, "401", l.post(address{a.host, a.path, "secret-of-nobody"}, message(7, 1, 0)).String())
			assert.Equal(t, "200", l.post(a, message(7, 1, 0)).String()) // the proxy may end before it logs the last one
		}
		f.stop()
		text := f.log.String()
		if n := strings.Count(text, "POST "); n < 4 {
			t.Errorf("the log has %d requests, want 4 at least", n)
		}
		assert.NotContains(t, text, "secret-of-", "a secret in the log")
	})
}

// Telegram keeps a connection open for 60 s, to send on it or to be answered on it. Nobody
// else may close it in that time.
func TestNothingIsClosedWithinTelegramsSixtySeconds(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		release := make(chan struct{})
		b := startBot(t, "first", func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ChatID == 60 {
				<-release
			}
			return tghook.NoReply, nil
		}, func(cfg *tghook.Config) { cfg.LateAfter = -1 })
		f := p.start(t, b.addr, b.addr)
		checks := make([]func(), 0, len(b.both()))
		for i, a := range b.both() {
			unused, used, waiting := f.lineTo(t, a), f.lineTo(t, a), f.lineTo(t, a)
			for _, l := range []*line{unused, used, waiting} {
				require.NoError(t, l.conn.SetDeadline(time.Now().Add(2*time.Minute)))
			}
			id := int64(10 * i)
			assert.Equal(t, "200", used.post(a, message(1, id, 0)).String())
			waiting.send(a, message(60, id+1, 0))
			checks = append(checks, func() {
				assert.Equal(t, "200", unused.post(a, message(2, id+2, 0)).String(), a.host+": the first update on a connection")
				assert.Equal(t, "200", used.post(a, message(3, id+3, 0)).String(), a.host+": the next update on a connection")
				assert.Equal(t, "200", waiting.read().String(), a.host+": an answer")
			})
		}
		<-time.After(61 * time.Second)
		close(release)
		for _, check := range checks {
			check()
		}
	})
}
