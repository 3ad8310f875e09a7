package tghooktest_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

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
			same(t, "another method", ask(t, s, "getMe")[:3], "200")
			same(t, "first", ask(t, s, "sendChatAction"), test.want)
			same(t, "second", ask(t, s, "deleteWebhook"), test.want)
			same(t, "third", ask(t, s, "deleteWebhook"), alreadyDeleted)
		})
	}
}

func TestCallsThatFailLeaveOutPollsUnlessNamed(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.FailCalls(1, tghooktest.CallError{})
		same(t, "getUpdates", ask(t, s, "getUpdates"), noUpdates)
		same(t, "getMe", ask(t, s, "getMe"), refused(500, "Internal Server Error"))
		s.FailCalls(1, tghooktest.CallError{Code: 502}, "getUpdates")
		same(t, "getUpdates", ask(t, s, "getUpdates", "offset", "1"), refused(502, "Bad Gateway"))
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
		same(t, "calls", len(calls), 2)
		same(t, "the first", *calls[0].Err, tghooktest.CallError{Code: 403, Description: "Forbidden: no"})
		same(t, "its result", string(calls[0].Result), "")
		same(t, "its words", calls[0].Err.Error(), "tghooktest: the Bot API answered 403 Forbidden: no")
		if calls[1].Err != nil || calls[1].Result == nil {
			t.Errorf("the second is %+v", calls[1])
		}
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
		same(t, "an error", ask(t, s, "sendchataction", "chat_id", "1"), refused(502, "Bad Gateway"))
		same(t, "it took", s.Now().Sub(begin), time.Minute)
		same(t, "FailCalls comes after", ask(t, s, "sendChatAction"), refused(500, "Internal Server Error"))

		id := s.User("Zoë").Chat().Send("hi")
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault { return tghooktest.CallFault{Cut: true} })
		err := s.Bot(t).Call(t.Context(), "sendMessage", map[string]any{"chat_id": s.User("Zoë").ID, "text": "done"}, nil)
		if !errors.Is(err, io.EOF) {
			t.Errorf("the answer that is cut off is %v", err)
		}
		s.User("Zoë").Chat().Expect(t, "done")
		same(t, "the message before", id.ID > 0, true)

		s.OnCall(nil)
		same(t, "no more", ask(t, s, "deleteWebhook"), alreadyDeleted)
		same(t, "asked", fmt.Sprint(asked), "[sendChatAction 1 false sendChatAction  false]")
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
		same(t, "asked", fmt.Sprint(asked), "[message 1 message 2 message 3 message 4]")
		same(t, "attempts", len(seen.list()), 5)
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
			same(t, "failure", failure(t, func(tb testing.TB) { f(tghooktest.NewServer(tb, tghooktest.ServerConfig{InMemory: true})) }),
				`tghooktest: the Bot API has no method "sendMesage"; check the spelling`)
		}
		same(t, "failure", failure(t, func(tb testing.TB) {
			tghooktest.NewServer(tb, tghooktest.ServerConfig{InMemory: true}).Answer("getMe", func() {})
		}), "tghooktest: Answer for getMe: encode the result: json: unsupported type: func()")
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
		same(t, "attempts took", fmt.Sprint(took), "[0s]")
		chat.Expect(t, "you said hi")
		same(t, "the reply took", s.Now().Sub(begin).Truncate(time.Minute), 5*time.Minute)

		chat.Send("to be cut short")
		s.WaitDelivered(t)
		begin = s.Now()
		s.Close()
		same(t, "Close took", s.Now().Sub(begin).Round(time.Microsecond), 0*time.Second) // a sender may take a nanosecond to end
	})
}

// No connection lasts that long without a request.
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
		same(t, "attempts", fmt.Sprint(attempts), "[2 1 0s 1 1 10m0s]")
	})
}
