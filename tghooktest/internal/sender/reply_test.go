package sender_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

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
		cfg.Reply = func(p sender.Reply) {
			time.Sleep(time.Second)
			waiting = append(waiting, q.Len())
			reply(p)
		}
	}, func(r *rig) {
		r.send(1, "x")
		r.pass(time.Second)
		same(t, "requests", len(r.got()), 1)
		sameAll(t, "updates that waited while it was executed", waiting, 1)
		same(t, "updates that wait", r.queue.Len(), 0)
		same(t, "replies", len(r.saw().replies), 1)
		same(t, "the reply", fmt.Sprint(r.saw().replies[0].Method, r.saw().replies[0].Values), "sendMessagemap[chat_id:1 text:hi]")
		same(t, "the attempt's reply", r.saw().attempts[0].Reply, "sendMessage")
	})
}

func TestOnlyAReplyThatTelegramWouldExecuteIs(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(sayHi)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
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
			same(t, "updates that wait", r.queue.Len(), 0)
			if x.want == "-" {
				same(t, "requests", len(r.got()), 2)
				same(t, fmt.Sprintf("methods executed by %q", x.answer), len(r.saw().replies)+len(r.saw().overlooked), 0)
				return
			}
			same(t, "requests", len(r.got()), 1)
			same(t, fmt.Sprintf("the method of %q", x.answer), r.saw().attempts[0].Reply, x.want)
			same(t, fmt.Sprintf("what is overlooked in %q", x.answer), strings.Join(r.saw().overlooked, "; "), x.overlooked)
			if len(r.saw().replies) != min(len(x.want), 1) {
				t.Errorf("%q executed %v", x.answer, r.saw().replies)
			}
		})
	}
}

func TestAReplyOfALargeFileArrives(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("0123456789"), 500_000)
	body := "--b\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nsendDocument\r\n--b\r\nContent-Disposition: form-data; name=\"document\"; filename=\"x.bin\"\r\n\r\n" + string(content) + "\r\n--b--\r\n"
	inBubble(t, always(withBody("200 OK", "Content-Type: multipart/form-data; boundary=b\r\n", body)), nil, func(r *rig) {
		r.send(1, "x")
		same(t, "requests", len(r.got()), 1)
		same(t, "replies", len(r.saw().replies), 1)
		same(t, "that the file is as it was", bytes.Equal(r.saw().replies[0].Files["document"].Content, content), true)
	})
}

// A full queue and one that is empty look the same to a Sender that has not begun.
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
		same(t, "requests", len(r.got()), 100)
		same(t, "updates that wait", r.queue.Len(), 0)
		same(t, "requests in flight", r.sender.InFlight(), 0)
	})
}
