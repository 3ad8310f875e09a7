package sender_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/clock"
	"github.com/tghook/tghook/tghooktest/internal/queue"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// fickle is a webhook that fails, hangs up and replies at random.
type fickle struct {
	t    *testing.T
	mu   sync.Mutex
	seen int
	got  map[int64][]string // texts by chat, without those that were repeated
}

func (f *fickle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var u struct {
		Message struct {
			Chat struct {
				ID int64 `json:"id"`
			} `json:"chat"`
			Text string `json:"text"`
		} `json:"message"`
	}
	if err := json.NewDecoder(r.Body).Decode(&u); err != nil {
		f.t.Error(err) // not the test's goroutine
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen++
	switch chance := rand.New(rand.NewPCG(1, uint64(f.seen))).IntN(10); {
	case chance == 0:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case chance == 1:
		panic(http.ErrAbortHandler)
	case chance == 2:
		w.Header().Set("Connection", "close")
	case chance < 6:
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, sayHi)
	}
	if all := f.got[u.Message.Chat.ID]; len(all) == 0 || all[len(all)-1] != u.Message.Text {
		f.got[u.Message.Chat.ID] = append(all, u.Message.Text)
	}
}

// Over real sockets, with time that passes sixty times as fast, such a webhook gets each
// update at least once, and each chat's updates in order.
func TestNothingIsLostOverLoopback(t *testing.T) {
	t.Parallel()
	const chats, each = 30, 20
	hook := &fickle{t: t, got: map[int64][]string{}}
	server := httptest.NewServer(hook)
	defer server.Close()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	c := clock.New(60)
	q := queue.New(c.Now, 1)
	left := make(chan struct{}, chats*each)
	s := sender.Start(sender.Config{
		URL: u, Target: "/", MaxConnections: 20, Addr: u.Host, Dial: dialTCP, Clock: c, Queue: q, Latency: true,
		Reply:  func(sender.Reply) (none sender.Execution) { return none },
		Failed: func(string) {},
		Gone:   func() {},
		Observe: func(a sender.Attempt) {
			if a.Done {
				left <- struct{}{}
			}
		},
	})
	defer s.Close()
	var adding sync.WaitGroup
	for chat := range int64(chats) {
		adding.Go(func() {
			for i := range each {
				if _, ok := q.Add("message", message(chat+1, c.Now(), strconv.Itoa(i))); !ok {
					t.Error("no update")
				}
			}
		})
	}
	adding.Wait()
	deadline := time.After(30 * time.Second)
	for range chats * each {
		select {
		case <-left:
		case <-deadline:
			t.Fatalf("after 30 s %d of %d updates wait", q.Len(), chats*each)
		}
	}
	hook.mu.Lock()
	defer hook.mu.Unlock()
	assert.Len(t, hook.got, chats, "chats")
	for chat, texts := range hook.got {
		assert.Lenf(t, texts, each, "updates of chat %d", chat)
		for i, text := range texts {
			assert.Equalf(t, strconv.Itoa(i), text, "update %d of chat %d", i, chat)
		}
	}
}
