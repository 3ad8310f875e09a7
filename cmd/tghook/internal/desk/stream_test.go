package desk_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stream is a stream of events that a client reads.
type stream struct {
	tb    testing.TB
	r     *rig
	lines *bufio.Scanner
	stop  context.CancelFunc
}

// listen begins to read events.
func (r *rig) listen(query, last string) *stream {
	r.tb.Helper()
	ctx, stop := context.WithCancel(r.tb.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.desk.URL()+"/api/events"+query, nil)
	require.NoError(r.tb, err)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.tb, err)
	require.Equal(r.tb, http.StatusOK, res.StatusCode)
	require.Equal(r.tb, "text/event-stream", res.Header.Get("Content-Type"))
	r.tb.Cleanup(func() { stop(); _ = res.Body.Close() })
	s := &stream{r.tb, r, bufio.NewScanner(res.Body), stop}
	s.lines.Buffer(nil, 1<<20)
	require.Equal(r.tb, ": tghook", s.line()) // the stream has begun
	return s
}

func (s *stream) line() string {
	s.tb.Helper()
	require.True(s.tb, s.lines.Scan(), "the stream has ended")
	return s.lines.Text()
}

// next returns the next event, after checking it against openapi.json.
func (s *stream) next() object {
	s.tb.Helper()
	fields := map[string]string{}
	for {
		line := s.line()
		if line == "" && fields["data"] != "" {
			break
		}
		if name, value, ok := strings.Cut(line, ": "); ok && name != "" {
			fields[name] = value
		}
	}
	var event object
	require.NoError(s.tb, json.Unmarshal([]byte(fields["data"]), &event))
	require.NotContains(s.tb, fields["data"], token)
	require.Equal(s.tb, fields["event"], event["kind"])
	require.Equal(s.tb, fields["id"], strconv.FormatInt(int64(event["seq"].(float64)), 10))
	if err := s.r.spec.Components.Schemas["Event"].Value.VisitJSON(event, schema); err != nil {
		s.tb.Fatalf("the event is not as openapi.json says: %v\n%s", err, fields["data"])
	}
	return event
}

// until returns the next event of a kind.
func (s *stream) until(kind string) object {
	s.tb.Helper()
	for {
		if e := s.next(); e["kind"] == kind {
			return e
		}
	}
}

func TestEventsTellWhatHappens(t *testing.T) {
	r := start(t)
	s := r.listen("", "")
	r.webhook(func(update object) any {
		if q, ok := update["callback_query"].(object); ok {
			return object{"method": "answerCallbackQuery", "callback_query_id": q["id"], "text": "Well"}
		}
		return nil
	})
	require.InDelta(t, 123456, s.until("bot")["bot"], 0)
	s.until("webhook")
	m := r.say("hi")
	require.Equal(t, "hi", s.until("message")["message"].(object)["text"])
	require.Contains(t, s.until("queue")["object"], "pending") // the number may have changed since the event
	row := s.until("row")["row"].(object)
	require.Equal(t, true, row["running"])
	row = s.until("row")["row"].(object)
	require.Equal(t, true, row["ok"])
	require.NotContains(t, row, "running")
	require.Contains(t, row, "took_ms")
	r.ask(http.MethodPatch, fmt.Sprintf("%s/messages/%d", r.chat(), m), object{"text": "ho"})
	require.Equal(t, "ho", s.until("edit")["message"].(object)["text"])
	r.post(fmt.Sprintf("%s/messages/%d/reactions", r.chat(), m), object{"emoji": []string{"👍"}})
	require.InDelta(t, m, s.until("reaction")["message_id"], 0)
	r.call("sendChatAction", object{"chat_id": r.you, "action": "typing"})
	require.Equal(t, "typing", s.until("action")["text"])
	r.call("sendMessageDraft", object{"chat_id": r.you, "draft_id": 3, "text": "Once"})
	require.Contains(t, s.until("draft")["object"], "draft_id")
	r.call("sendMessage", object{"chat_id": r.you, "text": "Pick", "reply_markup": object{"keyboard": [][]string{{"Yes"}}}})
	require.Contains(t, s.until("keyboard")["object"], "keyboard")
	button := keyboard(r)
	r.post(button+"/press", object{"button": "Go"})
	require.Equal(t, "Well", s.until("answer")["object"].(object)["text"])
	r.call("pinChatMessage", object{"chat_id": r.you, "message_id": m})
	require.Equal(t, []any{float64(m)}, s.until("pin")["object"])
	r.call("setMyCommands", object{"commands": []object{{"command": "go", "description": "Go"}}})
	s.until("commands")
	r.ask(http.MethodDelete, fmt.Sprintf("%s/messages/%d", r.chat(), m), nil)
	require.InDelta(t, m, s.until("delete")["message_id"], 0)
	r.call("sendMessage", object{"chat_id": r.you, "text": "x", "txet": "y"})
	require.Contains(t, s.until("warning")["text"], "txet")
	r.post("/api/time", object{"advance": "1s"})
	s.until("time")
	r.post("/api/users", object{"name": "Ana"})
	s.until("user")
	r.post("/api/bots/123456/chats", object{"type": "group", "title": "Team"})
	s.until("chat")
	s.until("member")
	r.post("/api/reset", nil)
	s.until("reset")
}

func TestEventsAreFiltered(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	r.post("/api/bots", object{"token": "777:other"})
	kinds := r.listen("?kinds=message,edit", "")
	bot := r.listen("?bot=777&kinds=message", "")
	chat := r.listen(fmt.Sprintf("?chat=%d&kinds=message", r.you), "")
	r.say("one")
	r.post(fmt.Sprintf("/api/bots/777/chats/%d/messages", r.you), object{"text": "two"})
	for _, want := range []string{"one", "two"} {
		require.Equal(t, want, kinds.next()["message"].(object)["text"])
		require.Equal(t, want, chat.next()["message"].(object)["text"])
	}
	require.Equal(t, "two", bot.next()["message"].(object)["text"])
	r.refused(http.MethodGet, "/api/events?bot=5", nil, http.StatusNotFound, "bot_not_found")
	r.refused(http.MethodGet, "/api/events?chat=x", nil, http.StatusBadRequest, "invalid_request")
}

func TestEventsGoOnWhereAClientWas(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	s := r.listen("?kinds=message", "")
	r.say("one")
	seq := int64(s.next()["seq"].(float64))
	s.stop()
	r.say("two")
	r.say("three")
	for _, again := range []*stream{r.listen("?kinds=message", strconv.FormatInt(seq, 10)), r.listen(fmt.Sprintf("?kinds=message&after=%d", seq), "")} {
		require.Equal(t, "two", again.next()["message"].(object)["text"])
		require.Equal(t, "three", again.next()["message"].(object)["text"])
	}
	for _, gone := range []string{"1", "nonsense", strconv.FormatInt(seq+1e9, 10)} {
		late := r.listen("?kinds=message", gone)
		require.Equal(t, "reset", late.next()["kind"], gone)
		r.say("now")
		require.Equal(t, "now", late.next()["message"].(object)["text"])
	}
}

func TestStreamEndsWithTheDesk(t *testing.T) {
	r := start(t)
	s := r.listen("", "")
	ended := make(chan bool)
	go func() {
		for s.lines.Scan() {
		}
		close(ended)
	}()
	r.desk.Close()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the stream goes on")
	}
}
