package tghooktest_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
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

func header(all [][2]string, name string) string {
	for _, one := range all {
		if strings.EqualFold(one[0], name) {
			return one[1]
		}
	}
	return ""
}

func TestACallIsRecordedAsItWasOnTheWire(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{Record: true}, func(t *testing.T, s *tghooktest.Server) {
		s.OnCall(func(c tghooktest.Call) (none tghooktest.CallFault) {
			if c.Header.Get("X-Scenario") == "blocked" {
				return tghooktest.CallFault{Err: &tghooktest.CallError{Code: 403, Description: "Forbidden"}, Delay: 2 * time.Second}
			}
			return none
		})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/bot"+s.Token+"/sendMessage?x=1", strings.NewReader(`{"chat_id":5,"text":"hi","typo":1}`))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Scenario", "blocked")
		answer := do(t, s, r)
		c := s.Calls()[0]
		assert.Equal(t, int64(1), c.ID)
		assert.Equal(t, 2*time.Second, c.Took)
		assert.Equal(t, []string{"typo", "x"}, c.Unknown)
		assert.Nil(t, c.Header, "only OnCall sees it, and HTTP keeps it")
		e := c.HTTP
		require.NotNil(t, e)
		assert.Equal(t, "POST /bot<token>/sendMessage?x=1", e.Method+" "+e.URL)
		assert.Equal(t, `{"chat_id":5,"text":"hi","typo":1}`, string(e.Body))
		assert.Equal(t, len(e.Body), e.BodySize)
		assert.Equal(t, "blocked", header(e.Header, "X-Scenario"))
		assert.Equal(t, answer, fmt.Sprint(e.Status, " ", string(e.Answer)), "what the bot got")
		assert.Equal(t, "application/json", header(e.AnswerHeader, "Content-Type"))
		assert.Equal(t, len(e.Answer), e.AnswerSize)

		ask(t, s, "getMe")
		ask(t, s, "getUpdates", "timeout", "0")
		for _, c := range s.Calls("getMe", "getUpdates") {
			assert.Equal(t, http.StatusOK, c.HTTP.Status, c.Method)
			assert.Contains(t, string(c.HTTP.Answer), `{"ok":true,"result":`, c.Method)
		}
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault { return tghooktest.CallFault{Cut: true} })
		ask(t, s, "getMe")
		cut := s.Calls("getMe")[1].HTTP
		assert.Zero(t, cut.Status, "the bot got no answer")
		assert.Empty(t, cut.Answer)
	})
}

func TestABodyIsRecordedToOneMebibyte(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{Record: true}, func(t *testing.T, s *tghooktest.Server) {
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		big := strings.Repeat("x", 3<<20)
		require.NoError(t, s.Bot(t).Call(t.Context(), "sendDocument", params{"chat_id": chat.ID, "document": tghook.File{Name: "a", Body: strings.NewReader(big)}}, nil))
		e := s.Calls("sendDocument")[0].HTTP
		assert.Len(t, e.Body, 1<<20)
		assert.Greater(t, e.BodySize, 3<<20)
	})
}

func TestNothingIsRecordedUnlessAskedFor(t *testing.T) {
	t.Parallel()
	var seen deliveries
	bubble(t, tghooktest.ServerConfig{Observe: seen.observe}, func(t *testing.T, s *tghooktest.Server) {
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
		s.User("Zoë").Chat().Send("hi")
		s.WaitDelivered(t)
		ask(t, s, "getMe")
		for _, c := range s.Calls() {
			assert.Nil(t, c.HTTP)
		}
		assert.Nil(t, seen.list()[0].HTTP)
	})
}

func TestADeliveryIsRecordedAsItWasOnTheWire(t *testing.T) {
	t.Parallel()
	var seen deliveries
	bubble(t, tghooktest.ServerConfig{Record: true, Observe: seen.observe}, func(t *testing.T, s *tghooktest.Server) {
		var got []string
		var respond http.HandlerFunc
		hook := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = append(got, string(body))
			respond(rw, r)
		})
		s.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "hush"})
		chat := s.User("Zoë").Chat()
		last := func() tghooktest.Delivery {
			s.WaitDelivered(t)
			all := seen.list()
			return all[len(all)-1]
		}

		respond = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			rw.Header().Set("Content-Encoding", "gzip")
			rw.(http.Flusher).Flush() // which makes chunks
			z := gzip.NewWriter(rw)
			_, _ = io.WriteString(z, `{"method":"sendChatAction","chat_id":`+strconv.FormatInt(chat.ID, 10)+`,"action":"typing"}`)
			_ = z.Close()
		}
		chat.Send("hi")
		d := last()
		e := d.HTTP
		assert.Equal(t, "POST http://bot.example.org/telegram", e.Method+" "+e.URL)
		assert.Equal(t, got[0], string(e.Body))
		assert.Equal(t, "hush", header(e.Header, "X-Telegram-Bot-Api-Secret-Token"))
		assert.Equal(t, strconv.Itoa(len(got[0])), header(e.Header, "Content-Length"))
		assert.Equal(t, "bot.example.org", header(e.Header, "Host"))
		assert.Equal(t, http.StatusOK, e.Status)
		assert.Equal(t, "gzip", header(e.AnswerHeader, "Content-Encoding"))
		z, err := gzip.NewReader(strings.NewReader(string(e.Answer)))
		require.NoError(t, err)
		plain, err := io.ReadAll(z)
		require.NoError(t, err)
		assert.Contains(t, string(plain), `"action":"typing"`)
		assert.Equal(t, "sendChatAction", d.Reply)
		assert.Empty(t, d.Refused)

		respond = func(rw http.ResponseWriter, _ *http.Request) {
			if len(got) == 2 {
				rw.Header().Set("Retry-After", "1")
				rw.WriteHeader(http.StatusServiceUnavailable)
				_, _ = io.WriteString(rw, "busy "+strings.Repeat("x", 2<<20))
			}
		}
		chat.Send("again")
		s.WaitDelivered(t)
		all := seen.list()
		e = all[1].HTTP
		assert.Equal(t, http.StatusServiceUnavailable, e.Status)
		assert.Equal(t, "1", header(e.AnswerHeader, "Retry-After"))
		assert.True(t, strings.HasPrefix(string(e.Answer), "busy xxx"))
		assert.Len(t, e.Answer, 1<<20)
		assert.Equal(t, len("busy ")+2<<20, e.AnswerSize)
		assert.Equal(t, 2, all[2].Attempt)
		assert.Equal(t, all[1].Queued, all[2].Queued)

		respond = func(rw http.ResponseWriter, _ *http.Request) { // half an answer, and then nothing
			if len(got) != 4 {
				return
			}
			conn, _, _ := http.NewResponseController(rw).Hijack()
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"half")
			time.Sleep(2 * time.Minute)
			_ = conn.Close()
		}
		chat.Send("slow")
		synctest.Wait()
		time.Sleep(3 * time.Minute)
		all = seen.list()
		assert.Equal(t, "Read timeout expired", all[3].Err)
		assert.Equal(t, "application/json", header(all[3].HTTP.AnswerHeader, "Content-Type"))
		assert.Zero(t, all[3].HTTP.Status)
	})
}
