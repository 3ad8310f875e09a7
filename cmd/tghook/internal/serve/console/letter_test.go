package console_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

func TestDeadLetters(t *testing.T) {
	r := open(t)
	all := r.get("/api/bots/shop/dead")
	require.Equal(t, false, all["more"])
	letters := all["letters"].([]any)
	require.Equal(t, object{
		"id": "5", "update_id": "5", "kind": "message", "chat": 7.0, "user": 8.0, "lane": "chat:7", "attempts": 8.0,
		"published": "2026-11-30T10:00:00Z", "buried": "2026-11-30T11:00:00Z", "why": "<b>500</b> eight times",
	}, letters[0])
	require.Equal(t, bigText, letters[1].(object)["id"], "with all its digits")
	require.Equal(t, []string{"9"}, idsOf(r.get("/api/bots/shop/dead?target=audit")["letters"]))
	require.Empty(t, r.get("/api/bots/quiet/dead")["letters"])
	for _, query := range []string{"/api/bots/none/dead", "/api/bots/shop/dead?target=none"} {
		r.refused(http.MethodGet, query, "", http.StatusNotFound, "bot_not_found")
	}
}

func TestDeadLettersInPages(t *testing.T) {
	r := open(t)
	page := r.get("/api/bots/shop/dead?limit=1")
	require.Equal(t, []string{"5"}, idsOf(page["letters"]))
	require.Equal(t, true, page["more"])
	page = r.get("/api/bots/shop/dead?limit=1&after=5")
	require.Equal(t, []string{bigText}, idsOf(page["letters"]))
	require.Equal(t, false, page["more"])

	many := make([]tghook.DeadLetter, 0, 300)
	for id := range int64(300) {
		many = append(many, letter(id+1, update))
	}
	r.gateway.letters["shop/"] = many
	for limit, want := range map[string]int{"": 50, "0": 1, "-1": 1, "100": 100, "1000": 100} {
		require.Len(t, r.get("/api/bots/shop/dead?limit=" + limit)["letters"], want, limit)
	}
	r.refused(http.MethodGet, "/api/bots/shop/dead?after=x", "", http.StatusBadRequest, "invalid_request")
}

func TestDeadLetterInFull(t *testing.T) {
	r := open(t)
	found := r.get("/api/bots/shop/dead/" + bigText)
	require.Equal(t, "6", found["update_id"])
	require.Contains(t, found["update_text"], `"message_id": 9007199254740993`, "with all its digits")
	found = r.get("/api/bots/shop/dead/9?target=audit")
	require.Equal(t, "not JSON", found["update_text"])
	require.NotContains(t, found, "kind")
	for _, id := range []string{"4", "x", "-9223372036854775808", "99999999999999999999"} {
		r.refused(http.MethodGet, "/api/bots/shop/dead/"+id, "", http.StatusNotFound, "letter_not_found")
	}
}

func TestReplayAndDiscard(t *testing.T) {
	r := open(t)
	edited := `{"update_id":9007199254740993,  "message":{"chat":{"id":7},"text":"<a>"}}`
	r.ask(http.MethodPost, "/api/bots/shop/dead/5/replay", "")
	r.ask(http.MethodPost, "/api/bots/shop/dead/5/replay", `{"update":null}`)
	r.ask(http.MethodPost, "/api/bots/shop/dead/5/replay", `{"update":`+edited+`}`)
	r.ask(http.MethodPost, "/api/bots/shop/dead/9/replay?target=audit", "{}")
	r.ask(http.MethodPost, "/api/bots/shop/dead/9/discard", `{"target":"audit"}`)
	r.ask(http.MethodPost, "/api/bots/shop/dead/"+bigText+"/discard", "")
	require.Equal(t, []string{
		"shop: replay /5 ", "shop: replay /5 ", "shop: replay /5 " + edited, "shop: replay audit/9 ", "shop: discard audit/9", "shop: discard /" + bigText,
	}, r.gateway.done())
	require.Contains(t, r.log.String(), `user=me act="discard a dead letter" name=shop id=9`)
}

func TestDeadLettersThatCannotBeReplayed(t *testing.T) {
	r := open(t)
	r.refused(http.MethodPost, "/api/bots/shop/dead/4/replay", "", http.StatusNotFound, "letter_not_found")
	r.refused(http.MethodPost, "/api/bots/shop/dead/4/discard", "", http.StatusNotFound, "letter_not_found")
	r.refused(http.MethodPost, "/api/bots/none/dead/5/replay", "", http.StatusNotFound, "bot_not_found")
	r.refused(http.MethodPost, "/api/bots/shop/dead/5/replay", `{"update":{"update_id":1}}`, http.StatusBadRequest, "invalid_request")
	r.refused(http.MethodPost, "/api/bots/shop/dead/5/discard", `{"update":`+update+`}`, http.StatusBadRequest, "invalid_request")
	r.gateway.err = errors.New("postgres://user:password@db is full")
	require.Equal(t, "the gateway could not do this; its log says why", r.refused(http.MethodPost, "/api/bots/shop/dead/5/replay", "", http.StatusInternalServerError, "internal"))
	require.Contains(t, r.log.String(), `msg="the page cannot show or do something" error="postgres://user:password@db is full"`)
	require.Empty(t, r.gateway.done())
}
