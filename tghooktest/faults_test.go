package tghooktest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

func TestTheNextCallsFailAsAsked(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  tghooktest.CallError
		want string
	}{
		{tghooktest.CallError{}, refused(500, "Internal Server Error")},
		{tghooktest.CallError{Code: 502}, refused(502, "Bad Gateway")},
		{tghooktest.CallError{Code: 599}, refused(599, "Error")},
		{tghooktest.CallError{Code: 403, Description: "Forbidden: no"}, refused(403, "Forbidden: no")},
		{tghooktest.CallError{Code: 429}, `429 {"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1","parameters":{"retry_after":1}}`},
		{tghooktest.CallError{RetryAfter: 7 * time.Second}, `429 {"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}`},
		{tghooktest.CallError{MigrateTo: -100123}, `400 {"ok":false,"error_code":400,` +
			`"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-100123}}`},
	} {
		bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
			s.FailCalls(2, test.err, "SENDCHATACTION", "deleteWebhook")
			assert.Equal(t, "200", ask(t, s, "getMe")[:3], "another method")
			assert.Equal(t, test.want, ask(t, s, "sendChatAction"), "first")
			assert.Equal(t, test.want, ask(t, s, "deleteWebhook"), "second")
			assert.Equal(t, alreadyDeleted, ask(t, s, "deleteWebhook"), "third")
		})
	}
}

func TestCallsThatFailLeaveOutPollsUnlessNamed(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.FailCalls(1, tghooktest.CallError{})
		assert.Equal(t, noUpdates, ask(t, s, "getUpdates"), "getUpdates")
		assert.Equal(t, refused(500, "Internal Server Error"), ask(t, s, "getMe"), "getMe")
		s.FailCalls(1, tghooktest.CallError{Code: 502}, "getUpdates")
		assert.Equal(t, refused(502, "Bad Gateway"), ask(t, s, "getUpdates", "offset", "1"), "getUpdates")
	})
}

func TestAResultOfOnCallIsTheAnswer(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.OnCall(func(c tghooktest.Call) (f tghooktest.CallFault) {
			if c.Method != "getMe" {
				f.Result = []byte(`{"of":"another server"}`)
			}
			return f
		})
		assert.Equal(t, `200 {"ok":true,"result":{"of":"another server"}}`, ask(t, s, "deleteChatPhoto"), "a method")
		assert.Equal(t, `200 {"ok":true,"result":{"of":"another server"}}`, ask(t, s, "ofNextYear"), "an unknown method")
		assert.NotContains(t, ask(t, s, "getMe"), "another", "a call without Result")
		assert.Empty(t, s.Calls("deleteChatPhoto")[0].Note, "a note")
	})
}

func TestAReplyThatIsToFailFails(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
		s.FailCalls(1, tghooktest.CallError{Code: 403, Description: "Forbidden: no"}, "sendMessage")
		chat := s.User("Zoë").Chat()
		chat.Send("one")
		chat.Send("two")
		chat.Expect(t, "you said two")
		s.WaitDelivered(t)
		calls := s.Calls()
		assert.Len(t, calls, 2, "calls")
		assert.Equal(t, tghooktest.CallError{Code: 403, Description: "Forbidden: no"}, *calls[0].Err, "the first")
		assert.Empty(t, string(calls[0].Result), "its result")
		assert.Equal(t, "tghooktest: the Bot API answered 403 Forbidden: no", calls[0].Err.Error(), "its words")
		assert.Nil(t, calls[1].Err)
		assert.NotNil(t, calls[1].Result)
	})
}

func TestOnCallIsAskedBeforeEachCall(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		var asked []string
		s.FailCalls(1, tghooktest.CallError{})
		s.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
			asked = append(asked, fmt.Sprint(c.Method, " ", c.Params["chat_id"], " ", c.Reply))
			switch c.Params["chat_id"] {
			case "1":
				return tghooktest.CallFault{Err: &tghooktest.CallError{Code: 502}, Delay: time.Minute}
			case "2":
				return tghooktest.CallFault{Cut: true}
			}
			return tghooktest.CallFault{}
		})
		begin := s.Now()
		assert.Equal(t, refused(502, "Bad Gateway"), ask(t, s, "sendchataction", "chat_id", "1"), "an error")
		assert.Equal(t, time.Minute, s.Now().Sub(begin), "it took")
		assert.Equal(t, refused(500, "Internal Server Error"), ask(t, s, "sendChatAction"), "FailCalls comes after")

		id := s.User("Zoë").Chat().Send("hi")
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault { return tghooktest.CallFault{Cut: true} })
		err := s.Bot(t).Call(t.Context(), "sendMessage", map[string]any{"chat_id": s.User("Zoë").ID, "text": "done"}, nil)
		require.ErrorIs(t, err, io.EOF)
		s.User("Zoë").Chat().Expect(t, "done")
		assert.Positive(t, id.ID, "the message before")

		s.OnCall(nil)
		assert.Equal(t, alreadyDeleted, ask(t, s, "deleteWebhook"), "no more")
		assert.Equal(t, "[sendChatAction 1 false sendChatAction  false]", fmt.Sprint(asked), "asked")
	})
}

func TestDeliveryFaultRefusesTheConnection(t *testing.T) {
	t.Parallel()
	var seen deliveries
	bubble(t, tghooktest.ServerConfig{Observe: seen.observe}, func(t *testing.T, s *tghooktest.Server) {
		var got []string
		s.Webhook(t, webhook(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			got = append(got, string(u.Kind))
			return tghook.NoReply, nil
		}), tghook.WebhookRequest{SecretToken: secret})
		s.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
			return tghooktest.DeliveryFault{Refuse: d.Attempt <= 2}
		})
		s.User("Zoë").Chat().Send("hi")
		s.WaitDelivered(t)
		assert.Equal(t, []string{"message"}, got)
		attempts := seen.list()
		errs := make([]string, 0, len(attempts))
		for _, d := range attempts {
			errs = append(errs, d.Err)
		}
		assert.Equal(t, []string{"Connection refused", "Connection refused", ""}, errs)
	})
}

func TestCallFaultHoldsTheAnswerBack(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		zoe := s.User("Zoë").Chat()
		zoe.Send("hi")
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault { return tghooktest.CallFault{Hold: time.Minute} })
		begin := s.Now()
		answer := make(chan string)
		go func() { answer <- ask(t, s, "sendMessage", "chat_id", strconv.FormatInt(zoe.ID, 10), "text", "done") }()
		zoe.Expect(t, "done")
		assert.Equal(t, time.Duration(0), s.Now().Sub(begin), "it was executed after")
		assert.Contains(t, <-answer, `"ok":true`)
		assert.Equal(t, time.Minute, s.Now().Sub(begin), "it was answered after")
	})
}

func TestCallFaultAnswersWithAPage(t *testing.T) {
	t.Parallel()
	const page = "<html><body>502 Bad Gateway</body></html>"
	bubble(t, tghooktest.ServerConfig{Record: true}, func(t *testing.T, s *tghooktest.Server) {
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault {
			return tghooktest.CallFault{Err: &tghooktest.CallError{Code: 502}, Page: page}
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/bot"+s.Token+"/getMe", http.NoBody)
		require.NoError(t, err)
		res, err := s.Client().Do(req)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		assert.Equal(t, page, string(body))
		assert.Equal(t, 502, res.StatusCode)
		assert.Equal(t, "text/html", res.Header.Get("Content-Type"))
		assert.Equal(t, page, string(s.Calls()[0].HTTP.Answer), "the record")
	})
}

func TestOnDeliveryIsAskedBeforeEachAttempt(t *testing.T) {
	t.Parallel()
	var seen deliveries
	bubble(t, tghooktest.ServerConfig{Observe: seen.observe}, func(t *testing.T, s *tghooktest.Server) {
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
		var asked []string
		s.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
			asked = append(asked, fmt.Sprint(d.Kind, " ", d.Attempt))
			switch d.Attempt {
			case 1:
				return tghooktest.DeliveryFault{CutAfter: true}
			case 2:
				return tghooktest.DeliveryFault{Delay: time.Second, CutBefore: true}
			case 3:
				return tghooktest.DeliveryFault{Again: true}
			}
			return tghooktest.DeliveryFault{AgainAtOnce: true}
		})
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		chat.Expect(t, "you said hi")
		s.WaitDelivered(t)
		assert.Equal(t, "[message 1 message 2 message 3 message 4]", fmt.Sprint(asked), "asked")
		assert.Len(t, seen.list(), 5, "attempts")
	})
}

func TestAMethodThatIsNoneIsAMistake(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, _ *tghooktest.Server) {
		for _, f := range []func(s *tghooktest.Server){
			func(s *tghooktest.Server) { s.FailCalls(1, tghooktest.CallError{}, "sendMesage") },
			func(s *tghooktest.Server) { s.Calls("sendMesage") },
			func(s *tghooktest.Server) { s.ExpectCall(t, "sendMesage") },
			func(s *tghooktest.Server) { s.Answer("sendMesage", 1) },
		} {
			assert.Equal(t, `tghooktest: the Bot API has no method "sendMesage"; check the spelling`, failure(t, func(tb testing.TB) { f(tghooktest.NewServer(tb, tghooktest.ServerConfig{InMemory: true})) }), "failure")
		}
		assert.Equal(t, "tghooktest: Answer for getMe: encode the result: json: unsupported type: func()", failure(t, func(tb testing.TB) {
			tghooktest.NewServer(tb, tghooktest.ServerConfig{InMemory: true}).Answer("getMe", func() {})
		}), "failure")
	})
}

func TestAnUpdateDoesNotWaitForItsReplyToBeExecuted(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	cfg := tghooktest.ServerConfig{Patience: time.Hour, Observe: func(d tghooktest.Delivery) { took = append(took, d.Took.Truncate(time.Second)) }}
	bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault { return tghooktest.CallFault{Delay: 5 * time.Minute} })
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
		begin := s.Now()
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		s.WaitDelivered(t)
		assert.Equal(t, "[0s]", fmt.Sprint(took), "attempts took")
		chat.Expect(t, "you said hi")
		assert.Equal(t, 5*time.Minute, s.Now().Sub(begin).Truncate(time.Minute), "the reply took")

		chat.Send("to be cut short")
		s.WaitDelivered(t)
		begin = s.Now()
		s.Close()
		assert.Zero(t, s.Now().Sub(begin).Round(time.Microsecond), "Close took") // a sender may take a nanosecond to end
	})
}

// The delay is longer than a connection lasts without a request.
func TestADelayMayBeLong(t *testing.T) {
	t.Parallel()
	var attempts []string
	cfg := tghooktest.ServerConfig{Patience: time.Hour, Observe: func(d tghooktest.Delivery) {
		attempts = append(attempts, fmt.Sprint(d.UpdateID%10, " ", d.Attempt, " ", d.Took.Truncate(time.Minute)))
	}}
	bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
		s.OnDelivery(func(d tghooktest.Delivery) (f tghooktest.DeliveryFault) {
			if d.UpdateID%10 == 1 {
				f.Delay = 10 * time.Minute
			}
			return f
		})
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret, MaxConnections: 1})
		update := `{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private"},"text":"hi"}}`
		deliver(t, s, fmt.Appendf(nil, update, 5001, 1))
		deliver(t, s, fmt.Appendf(nil, update, 5002, 2))
		s.WaitDelivered(t)
		assert.Equal(t, "[2 1 0s 1 1 10m0s]", fmt.Sprint(attempts), "attempts")
	})
}
