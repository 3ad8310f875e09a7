package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// The bot gets the same bytes from the gateway as from Telegram, for every kind of update.
func TestTheGatewaySendsTheBytesThatTelegramSends(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: patience})
	behind, err := tg.AddBot(tghooktest.BotConfig{})
	require.NoError(t, err)

	direct, passed := newRecorder(t), newRecorder(t)
	require.NoError(t, tg.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{
		URL: "http://" + direct.address() + "/telegram?a=b", SecretToken: botSecret, AllowedUpdates: allKinds(),
	}))
	g := serveBots(t, dir, object{"storage": object{"path": filepath.Join(dir, "storage")}, "api": tg.URL, "bots": object{"shop": object{
		"token": object{"env": "BOT_TOKEN"},
		"to":    object{"url": "http://" + passed.address() + "/telegram?a=b", "secret": object{"env": "BOT_SECRET"}, "kinds": "all"},
	}}}, botEnv(behind)...)
	require.NoError(t, g.ready(t.Context(), behind))

	sent := 0
	for name, update := range tghooktest.Updates() {
		for _, bot := range []*tghooktest.Server{tg, behind} {
			_, err := bot.Deliver(update)
			require.NoError(t, err, name)
		}
		sent++
	}
	require.Eventually(t, func() bool { return direct.count() == sent && passed.count() == sent }, patience, poll,
		"%d updates were sent, and %d have come from Telegram and %d from the gateway", sent, direct.count(), passed.count())
	for id, request := range direct.requests {
		assert.Equal(t, strings.ReplaceAll(request, direct.address(), passed.address()), passed.requests[id])
	}
}

// allKinds returns the kinds of all updates that there are.
func allKinds() (kinds []string) {
	for _, update := range tghooktest.Updates() {
		if u, err := tghook.ParseUpdate(update); err == nil {
			kinds = append(kinds, string(u.Kind))
		}
	}
	return kinds
}

// recorder is a bot that keeps the bytes of requests.
type recorder struct {
	net.Listener

	mu       sync.Mutex
	requests map[int64]string // by update_id
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &recorder{Listener: l, requests: map[int64]string{}}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(conn)
		}
	}()
	return r
}

func (r *recorder) address() string { return r.Addr().String() }

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests)
}

var (
	length   = regexp.MustCompile(`(?m)^Content-Length: (\d+)\r$`)
	updateID = regexp.MustCompile(`"update_id":(\d+)`)
)

// serve takes the requests of a connection.
func (r *recorder) serve(conn net.Conn) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		var request bytes.Buffer
		for !bytes.HasSuffix(request.Bytes(), []byte("\r\n\r\n")) {
			line, err := in.ReadBytes('\n')
			if err != nil {
				return
			}
			request.Write(line)
		}
		n, _ := strconv.ParseInt(string(submatch(length, request.Bytes())), 10, 64)
		if _, err := io.CopyN(&request, in, n); err != nil {
			return
		}
		id, _ := strconv.ParseInt(string(submatch(updateID, request.Bytes())), 10, 64)
		r.mu.Lock()
		r.requests[id] = request.String()
		r.mu.Unlock()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

// submatch returns what the first group of an expression finds; nil if it finds nothing.
func submatch(of *regexp.Regexp, in []byte) []byte {
	if found := of.FindSubmatch(in); found != nil {
		return found[1]
	}
	return nil
}
