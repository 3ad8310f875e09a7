package desk

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

// called is the event of a call whose body has a size.
func called(id int64, size int) tghooktest.Event {
	return tghooktest.Event{Kind: tghooktest.EventCall, CallID: id, Bot: 1, At: time.Now(), Call: &tghooktest.Call{
		Method: "sendMessage", HTTP: &tghooktest.Exchange{Body: []byte(strings.Repeat("x", size))},
	}}
}

func TestJournalKeepsTheNewestRowsAlone(t *testing.T) {
	j := newJournal("t")
	for i := range int64(maxRows + 5) {
		j.call(called(i, 1))
	}
	require.Len(t, j.rows, maxRows)
	require.Len(t, j.byID, maxRows)
	_, err := j.find(j.callID(4))
	require.ErrorContains(t, err, "it is too old")
	_, err = j.find(j.callID(5))
	require.NoError(t, err)
}

func TestJournalKeepsBoundedBytes(t *testing.T) {
	j := newJournal("t")
	for i := range int64(300) {
		j.call(called(i, 1<<20))
	}
	require.LessOrEqual(t, j.bytes, maxRowBytes)
	sum := 0
	for _, r := range j.rows {
		sum += r.size
	}
	require.Equal(t, sum, j.bytes)
	for i := range int64(100) {
		j.queued(tghooktest.Event{Bot: 1, UpdateID: i, Object: json.RawMessage(`{"message":{"text":"` + strings.Repeat("x", 1<<20) + `"}}`)})
	}
	require.LessOrEqual(t, j.updates.bytes, maxUpdateBytes)
	require.Len(t, j.updates.of, len(j.updates.order))
}

func TestJournalBoundsWhatNeverEnds(t *testing.T) {
	j := newJournal("t")
	for i := range int64(3 * maxRows) {
		j.began(tghooktest.Event{CallID: i, Call: &tghooktest.Call{Method: "x"}})
		j.blame(j.callID(i), "fault")
		j.meet(1, about{chat: i + 1, user: i + 1}, "row")
	}
	require.LessOrEqual(t, len(j.active), maxRows)
	require.LessOrEqual(t, len(j.blamed), maxRows+1)
	require.LessOrEqual(t, len(j.newest), maxPlaces+2)
}

func TestSummaryIsShortAndOnOneLine(t *testing.T) {
	a := readUpdate([]byte(`{"update_id":1,"message":{"text":"` + strings.Repeat(`é\n`, 500) + `","from":{"id":5,"first_name":"Ana"},"chat":{"id":7}}}`))
	require.Equal(t, int64(7), a.chat)
	require.Equal(t, int64(5), a.user)
	line := a.summary()
	require.Less(t, len([]rune(line)), 120)
	require.NotContains(t, line, "\n")
	require.Contains(t, line, "from Ana")
}

func TestBodyThatIsNoTextIsBase64(t *testing.T) {
	hide := strings.NewReplacer("secret", "<token>")
	require.Equal(t, body{Text: "a <token>", Size: 8}, bodyOf([]byte("a secret"), 8, hide))
	require.Equal(t, body{Text: "//4=", Base64: true, Size: 2}, bodyOf([]byte{0xff, 0xfe}, 2, hide))
	require.Equal(t, body{Text: "a", Truncated: true, Size: 9}, bodyOf([]byte("a\xc3"), 9, hide), "cut in a character")
}

func TestABotIsNotBusyForEverAfterEventsWereLost(t *testing.T) {
	d, err := Start(Config{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	s, err := d.AddBot(tghooktest.BotConfig{Token: "123456:secret"})
	require.NoError(t, err)
	b := d.bots.find(123456)
	update := json.RawMessage(`{"update_id":7,"poll":{}}`)
	poll := &tghooktest.Call{Method: pollMethod}
	for _, e := range []tghooktest.Event{ // the events of their ends are lost
		{Kind: tghooktest.EventQueued, UpdateID: 7, Object: update},
		{Kind: tghooktest.EventCallStarted, CallID: 1 << 40, Call: &tghooktest.Call{Method: "sendMessage"}},
		{Kind: tghooktest.EventCallStarted, CallID: 1<<40 + 1, Call: poll},
	} {
		e.Bot, e.At = b.id, s.Now()
		d.observe(e)
	}
	_, busy := d.journal.state(b.id)
	require.True(t, busy)
	d.observe(tghooktest.Event{Kind: tghooktest.EventLost, Lost: 3})
	_, busy = d.journal.state(b.id)
	require.False(t, busy)
	require.True(t, b.show().Polling, "it has polled just now")
	s.Advance(2 * pause)
	require.False(t, b.show().Polling)

	d.observe(tghooktest.Event{Kind: tghooktest.EventCall, Bot: b.id, CallID: 1<<40 + 1, Call: poll})
	d.observe(tghooktest.Event{Kind: tghooktest.EventCallStarted, Bot: b.id, CallID: 1<<40 + 2, Call: poll})
	s.Advance(2 * pause)
	require.True(t, b.show().Polling)
}

func TestTheJournalKeepsNoSecret(t *testing.T) {
	j := newJournal("t")
	e := called(1, 1)
	e.Call.Method, e.Call.Params = "setWebhook", map[string]string{"url": "https://example.org/", "secret_token": "hush-hush"}
	j.call(e)
	r, err := j.find(j.callID(1))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"url": "https://example.org/", "secret_token": "<secret>"}, r.params)
}
