package sender_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/queue"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

func withBody(status, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
}

const (
	asJSON = "Content-Type: application/json\r\n"
	sayHi  = `{"method":"sendMessage","chat_id":1,"text":"hi"}`
)

func TestAReplyIsExecutedBeforeItsUpdateIsConfirmed(t *testing.T) {
	t.Parallel()
	var waiting []int
	inBubble(t, always(withBody("200 OK", asJSON, sayHi)), func(cfg *sender.Config) {
		reply, q := cfg.Reply, cfg.Queue
		cfg.Reply = func(p sender.Reply) sender.Execution {
			time.Sleep(time.Second)
			waiting = append(waiting, q.Len())
			return reply(p)
		}
	}, func(r *rig) {
		r.send(1, "x")
		r.pass(time.Second)
		assert.Len(t, r.got(), 1, "requests")
		assert.Equal(t, []int{1}, waiting, "updates that waited while it was executed")
		assert.Zero(t, r.queue.Len(), "updates that wait")
		assert.Len(t, r.saw().replies, 1, "replies")
		assert.Equal(t, "sendMessagemap[chat_id:1 text:hi]", fmt.Sprint(r.saw().replies[0].Method, r.saw().replies[0].Values), "the reply")
		assert.Equal(t, "sendMessage", r.saw().attempts[0].Reply, "the attempt's reply")
	})
}

func TestOnlyAReplyThatTelegramWouldExecuteIs(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(sayHi)); err != nil {
		t.Fatal(err)
	}
	require.NoError(t, z.Close())
	const otherType = "Telegram does not execute a reply with the Content-Type "
	for _, x := range []struct{ answer, want, overlooked string }{
		{withBody("204 No Content", asJSON, sayHi), "sendMessage", ""},
		{withBody("299 Fine", "Content-Type: x/application/json+y\r\n", sayHi), "sendMessage", ""},
		{withBody("200 OK", "Content-Type: application/x-www-form-urlencoded\r\n", "method=sendMessage&text=hi"), "sendMessage", ""},
		{withBody("200 OK", asJSON, `{"method":"sendMessage","text":`), "sendMessage", "the JSON is malformed; Telegram reads the part before the mistake"},
		{withBody("200 OK", asJSON+"Content-Encoding: gzip\r\n", zipped.String()), "sendMessage", ""},
		{"HTTP/1.1 200 OK\r\n" + asJSON + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(sayHi), sayHi), "sendMessage", ""},
		{withBody("200 OK", "", sayHi), "", otherType + `""; send application/json`},
		{withBody("200 OK", "Content-Type: text/json\r\n", sayHi), "", otherType + `"text/json"; send application/json`},
		{withBody("200 OK", "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", zipped.String()), "", otherType + `"text/plain"; send application/json`},
		{withBody("200 OK", "Content-Type: text/plain\r\n", "ok"), "", ""},
		{withBody("200 OK", asJSON, `{"method":""}`), "", ""},
		{withBody("200 OK", asJSON, `[]`), "", ""},
		{withBody("200 OK", asJSON, `{"method":"getMe"}`), "", "Telegram does not execute getMe as a webhook reply; call it by a request to the Bot API"},
		{withBody("200 OK", asJSON, `{"method":"SetWebhook","url":""}`), "", "Telegram does not execute SetWebhook as a webhook reply; call it by a request to the Bot API"},
		{withBody("200 OK", asJSON, "["+sayHi+"]"), "", "Telegram executes one JSON object only, and this is not one"},
		{"HTTP/1.1 200 OK\r\nConnection: close\r\n" + asJSON + "\r\n" + sayHi, "", "the answer has neither Content-Length nor chunks, so Telegram takes its body for empty"},
		{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", "", ""},
		{withBody("500 Internal Server Error", asJSON, sayHi), "-", ""},
		{withBody("302 Found", asJSON, sayHi), "-", ""},
	} {
		inBubble(t, func(q request) string {
			if q.nth == 0 {
				return x.answer
			}
			return ok
		}, nil, func(r *rig) {
			r.send(1, "x")
			r.pass(time.Second)
			assert.Zero(t, r.queue.Len(), "updates that wait")
			if x.want == "-" {
				assert.Len(t, r.got(), 2, "requests")
				assert.Zerof(t, len(r.saw().replies)+len(r.saw().overlooked), "methods executed by %q", x.answer)
				return
			}
			assert.Len(t, r.got(), 1, "requests")
			assert.Equalf(t, x.want, r.saw().attempts[0].Reply, "the method of %q", x.answer)
			assert.Equalf(t, x.overlooked, strings.Join(r.saw().overlooked, "; "), "what is overlooked in %q", x.answer)
			assert.Len(t, r.saw().replies, min(len(x.want), 1), x.answer)
		})
	}
}

// To a Sender that has not begun, a full queue and an empty one look the same.
func TestUpdatesThatWaitedBeforeTheStartAreDelivered(t *testing.T) {
	t.Parallel()
	inBubble(t, always(ok), func(cfg *sender.Config) {
		cfg.Queue = queue.New(cfg.Clock.Now, 5)
		for i := range 100 {
			if _, added := cfg.Queue.Add("message", message(int64(i%50+1), time.Now(), "x")); !added {
				t.Fatal("no update")
			}
		}
	}, func(r *rig) {
		assert.Len(t, r.got(), 100, "requests")
		assert.Zero(t, r.queue.Len(), "updates that wait")
		assert.Zero(t, r.sender.InFlight(), "requests in flight")
	})
}
