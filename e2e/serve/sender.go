package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/retry"
	"github.com/tghook/tghook/tghooktest"
)

// hook is a webhook as Telegram knows it.
type hook struct {
	address string // host:port
	path    string
	secret  string
	chat    int64 // the first of its chats
}

// hookOf returns the webhook that a bot has set.
func hookOf(bot *tghooktest.Server) (h hook, err error) {
	calls := bot.Calls("setWebhook")
	if len(calls) == 0 {
		return h, errors.New("no webhook was set")
	}
	params := calls[len(calls)-1].Params
	u, err := url.Parse(params["url"])
	if err != nil {
		return h, err
	}
	return hook{u.Host, u.RequestURI(), params["secret_token"], bot.Info().ID}, nil
}

// clock is the time since this process began. It never jumps.
var clock = func() func() time.Duration {
	started := time.Now()
	return func() time.Duration { return time.Since(started) }
}()

// chats is how many chats the updates of a sender are of.
const chats = 500

// sender sends updates to webhooks, with the bytes and the number of connections of Telegram's
// sender. Unlike that, it sends an update when its time has come, whatever has become of those before.
type sender struct {
	hooks       []hook // in turn
	connections int

	ids      atomic.Int64
	accepted atomic.Int64 // updates that were answered 2xx
	refused  atomic.Int64 // answers that were not 2xx
}

// connections is how many Telegram opens to a webhook, unless it is asked for another number.
const connections = 40

// job is an update that is due.
type job struct {
	hook hook
	body []byte
}

// due returns the next update of a chat. Its text is the time.
func (s *sender) due(h hook, chat int64) job {
	id := s.ids.Add(1)
	return job{h, fmt.Appendf(nil, "{\"update_id\":%d,\n\"message\":{\"message_id\":%d,\"from\":{\"id\":%d,\"is_bot\":false,\"first_name\":\"Zo\\u00eb\",\"language_code\":\"en\"},"+
		"\"chat\":{\"id\":%d,\"first_name\":\"Zo\\u00eb\",\"type\":\"private\"},\"date\":%d,\"text\":\"%d\"}}",
		id, id, h.chat+chat, h.chat+chat, time.Now().Unix(), clock())}
}

// steady sends updates at a rate for some time, and returns when all were accepted, or ctx ends.
func (s *sender) steady(ctx context.Context, rate float64, lasts time.Duration) error {
	jobs := make(chan job, int(rate*lasts.Seconds())+1)
	var working sync.WaitGroup
	failed := make(chan error, s.connections)
	for range s.connections {
		working.Go(func() {
			var c connection
			defer c.close()
			for j := range jobs {
				if err := s.deliver(ctx, &c, j); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		})
	}
	started := time.Now()
	for n := 0; ; n++ {
		at := time.Duration(float64(n) / rate * float64(time.Second))
		if at >= lasts {
			break
		}
		if err := retry.Sleep(ctx, time.Until(started.Add(at))); err != nil {
			break
		}
		jobs <- s.due(s.hooks[n%len(s.hooks)], int64(n/len(s.hooks)%chats))
	}
	close(jobs)
	working.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// flood sends updates as fast as they are accepted, until ctx ends. Each connection has chats of
// its own.
func (s *sender) flood(ctx context.Context) {
	var working sync.WaitGroup
	for i := range s.connections {
		working.Go(func() {
			var c connection
			defer c.close()
			for n := 0; ctx.Err() == nil; n++ {
				chat := (i + n*s.connections) % (chats / s.connections * s.connections)
				_ = s.deliver(ctx, &c, s.due(s.hooks[0], int64(chat))) // it ends with ctx
			}
		})
	}
	working.Wait()
}

// deliver sends an update until it is accepted, or ctx ends.
func (s *sender) deliver(ctx context.Context, c *connection, j job) error {
	for try := 0; ; try++ {
		status, after, err := c.post(ctx, j)
		if err == nil && status/100 == 2 {
			s.accepted.Add(1)
			return nil
		}
		s.refused.Add(1)
		if after == 0 && try > 0 {
			after = time.Second << min(try, 6)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := retry.Sleep(ctx, after); err != nil {
			return err
		}
	}
}

// connection is a connection to a webhook. The zero value has none yet.
type connection struct {
	conn net.Conn
	to   string
	read *bufio.Reader
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// post makes a request, as Telegram does. after is the Retry-After of the answer.
func (c *connection) post(ctx context.Context, j job) (status int, after time.Duration, err error) {
	if c.conn == nil || c.to != j.hook.address {
		c.close()
		if c.conn, err = new(net.Dialer).DialContext(ctx, "tcp", j.hook.address); err != nil {
			c.conn = nil
			return 0, 0, err
		}
		c.to, c.read = j.hook.address, bufio.NewReader(c.conn)
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nX-Telegram-Bot-Api-Secret-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n%s",
		j.hook.path, j.hook.address, j.hook.secret, len(j.body), j.body)
	if err := c.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, 0, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, 0, err
	}
	resp, err := http.ReadResponse(c.read, nil)
	if err != nil {
		return 0, 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.Close {
		c.close()
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return resp.StatusCode, time.Duration(seconds) * time.Second, errors.Join(err, resp.Body.Close())
}
