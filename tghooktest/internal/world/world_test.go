package world

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheSameSeedMakesTheSameRun(t *testing.T) {
	t.Parallel()
	run := func() []string {
		s := set(t)
		return []string{
			s.call("sendDocument", "chat_id", "zoe", "document", "https://example.org/x"), s.call("sendPoll", "chat_id", "zoe", "question", "q", "options", `["a"]`),
			s.call("sendMediaGroup", "chat_id", "zoe", "media", `[{"type":"photo","media":"http://a.b/c"},{"type":"photo","media":"http://a.b/d"}]`),
			s.Inline(s.zoe.ID, "q"), s.call("createInvoiceLink", "title", "T", "description", "D", "payload", "P", "provider_token", "1:TEST:x", "currency", "EUR", "prices", `[{"label":"a","amount":1}]`),
		}
	}
	first, second := run(), run()
	assert.Equal(t, first, second)
}

func TestTheBotCallsAtOnce(t *testing.T) {
	t.Parallel()
	s := set(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				m := got(t, s.call("sendMessage", "chat_id", "zoe", "text", "hi"))
				s.call("editMessageText", "chat_id", "zoe", "message_id", string(marshal(m.ID)), "text", "ho")
				s.call("setChatTitle", "chat_id", "team", "title", string(marshal(m.ID)))
				_ = s.Messages(s.zoe.ID)
				_, _ = s.Take(s.zoe.ID, "ho")
			}
		})
	}
	wg.Wait()
	assert.Len(t, s.Messages(s.zoe.ID), 161)
}
