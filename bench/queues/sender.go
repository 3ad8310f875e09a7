//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

const (
	bot    = 7
	secret = "a-secret-of-the-benchmarks"
	chats  = 500
)

// sender sends updates to a webhook as Telegram does: over connections that are kept alive, one
// update at a time on each.
type sender struct {
	url    string
	client http.Client
	before []byte // the body up to the digits of update_id, and between them and those of the chat
	middle []byte
	after  []byte
	ids    atomic.Int64 // the last one that was sent
}

func newSender(url string, connections int) (*sender, error) {
	body := tghooktest.Update("message")
	s := &sender{url: url, client: http.Client{Transport: &http.Transport{
		MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, DisableCompression: true,
	}}}
	u, err := tghook.ParseUpdate(body)
	if err != nil {
		return nil, err
	}
	var found bool
	if s.before, s.after, found = bytes.Cut(body, strconv.AppendInt(nil, u.ID, 10)); !found {
		return nil, fmt.Errorf("no update_id %d in %s", u.ID, body)
	}
	chat := fmt.Appendf(nil, `"chat":{"id":%d`, u.ChatID)
	if s.middle, s.after, found = bytes.Cut(s.after, chat); !found {
		return nil, fmt.Errorf("no %s in %s", chat, body)
	}
	return s, nil
}

// next returns the next update and its id.
func (s *sender) next() (id int64, body []byte) {
	id = s.ids.Add(1)
	return id, fmt.Appendf(nil, `%s%d%s"chat":{"id":%d%s`, s.before, id, s.middle, 1+id%chats, s.after)
}

// send sends an update and returns an error unless it is answered 200.
func (s *sender) send(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	answer, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("an update was answered %s: %s", answer.Status, text)
	}
	return err
}

// flood sends updates from several goroutines until more returns false. It returns how many were
// sent.
func (s *sender) flood(ctx context.Context, goroutines int, more func(sent int64) bool) (int64, error) {
	var (
		sending sync.WaitGroup
		sent    atomic.Int64
		failed  atomic.Pointer[error]
	)
	for range goroutines {
		sending.Go(func() {
			for failed.Load() == nil && more(sent.Add(1)) {
				if _, body := s.next(); !s.sent(ctx, body, &failed) {
					return
				}
			}
			sent.Add(-1)
		})
	}
	sending.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return sent.Load(), nil
}

func (s *sender) sent(ctx context.Context, body []byte, failed *atomic.Pointer[error]) bool {
	err := s.send(ctx, body)
	if err != nil {
		failed.CompareAndSwap(nil, &err)
	}
	return err == nil
}

// serve serves a handler on the loopback interface until the returned function is called.
func serve(ctx context.Context, h http.Handler) (url string, end func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // it ends by Close
	}()
	return "http://" + listener.Addr().String() + "/telegram", func() {
		_ = server.Close()
		<-ended
	}, nil
}
