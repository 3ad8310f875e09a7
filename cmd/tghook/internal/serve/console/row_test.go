package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

const update = `{"update_id":5,"message":{"message_id":1,"date":1,"chat":{"id":7,"type":"private"},"text":"hi"}}`

// delivered adds the two attempts to deliver an update, and the reply.
func (r *rig) delivered() {
	r.storage.exchanges["first"] = &storage.Exchange{
		Method: "POST", URL: "http://shop.test/hook", Header: [][2]string{{"Content-Type", "application/json"}}, Body: []byte(update),
		Status: 500, Answer: []byte("oh n\xc3"), AnswerSize: 9000,
	}
	r.storage.exchanges["second"] = &storage.Exchange{Method: "POST", URL: "http://shop.test/hook", Body: []byte(update), Status: 200, Answer: []byte{0xff, 0xfe}, AnswerSize: 2}
	r.storage.exchanges["lost"] = &storage.Exchange{Method: "POST", URL: "http://shop.test/hook"}
	r.storage.add(
		storage.Row{ID: "other", Bot: shopID, Target: "audit", Type: "delivery", UpdateID: 5, Attempt: 1, OK: true},
		storage.Row{ID: "first", Bot: shopID, Type: "delivery", UpdateID: 5, Attempt: 1, Status: 500, Error: "500 Internal Server Error", Summary: "message “hi”"},
		storage.Row{ID: "second", Bot: shopID, Type: "delivery", UpdateID: 5, Attempt: 2, Status: 200, OK: true},
		storage.Row{ID: "reply", Bot: shopID, Type: "reply", Method: "sendMessage", Cause: "second", OK: true},
		storage.Row{ID: "lost", Bot: shopID, Type: "delivery", UpdateID: big},
		storage.Row{ID: "gone", Bot: 999, Type: "delivery", UpdateID: 1},
	)
}

func idsOf(rows any) []string {
	all := rows.([]any)
	ids := make([]string, 0, len(all))
	for _, r := range all {
		ids = append(ids, r.(object)["id"].(string))
	}
	return ids
}

func TestRows(t *testing.T) {
	r := open(t)
	r.delivered()
	all := r.get("/api/bots/shop/rows")
	require.Equal(t, []string{"other", "first", "second", "reply", "lost"}, idsOf(all["rows"]))
	require.Equal(t, false, all["more"])
	rows := all["rows"].([]any)
	require.Equal(t, "5", rows[1].(object)["update_id"])
	require.Equal(t, bigText, rows[4].(object)["update_id"], "with all its digits")
	require.NotContains(t, rows[3], "update_id")

	page := r.get("/api/bots/shop/rows?limit=2")
	require.Equal(t, []string{"reply", "lost"}, idsOf(page["rows"]))
	require.Equal(t, true, page["more"])
	page = r.get("/api/bots/shop/rows?limit=2&before=" + page["before"].(string))
	require.Equal(t, []string{"first", "second"}, idsOf(page["rows"]))
	page = r.get("/api/bots/shop/rows?limit=2&before=" + page["before"].(string))
	require.Equal(t, []string{"other"}, idsOf(page["rows"]))
	require.Equal(t, false, page["more"])
	require.Empty(t, r.get("/api/bots/quiet/rows")["rows"])
}

func TestRowsAreFiltered(t *testing.T) {
	r := open(t)
	r.get("/api/bots/shop/rows?chat=-7&kind=message&text=a%25b&failed=true&before=10&limit=5")
	require.Equal(t, storage.Filter{Bot: shopID, Chat: "-7", Kind: "message", Text: "a%b", Failed: true, Before: 10, Limit: 6}, r.storage.lastAsked())
	for limit, asked := range map[string]int{"": 201, "0": 2, "-5": 2, "1000000": 501} {
		r.get("/api/bots/shop/rows?limit=" + limit)
		require.Equal(t, asked, r.storage.lastAsked().Limit, limit)
	}
	for _, wrong := range []string{"chat=x", "before=1.5", "limit=99999999999999999999"} {
		message := r.refused(http.MethodGet, "/api/bots/shop/rows?"+wrong, "", http.StatusBadRequest, "invalid_request")
		require.Contains(t, message, "is not a whole number")
	}
	r.refused(http.MethodGet, "/api/bots/none/rows", "", http.StatusNotFound, "bot_not_found")
}

func TestRowInFull(t *testing.T) {
	r := open(t)
	r.delivered()
	row := r.get("/api/rows/first")
	require.Equal(t, object{
		"method": "POST", "url": "http://shop.test/hook", "headers": []any{[]any{"Content-Type", "application/json"}},
		"body": update, "size": float64(len(update)),
	}, row["request"])
	require.Equal(t, object{"status": 500.0, "headers": []any{}, "body": "oh n", "truncated": true, "size": 9000.0}, row["response"])
	require.Equal(t, []string{"first", "second"}, idsOf(row["attempts"]), "those of the same target")
	require.InDelta(t, 7, row["update"].(object)["message"].(object)["chat"].(object)["id"], 0)
	require.Contains(t, row["update_text"], "\n  \"message\": {\n")

	require.Equal(t, object{"status": 200.0, "headers": []any{}, "body": "//4=", "base64": true, "size": 2.0}, r.get("/api/rows/second")["response"])
	lost := r.get("/api/rows/lost")
	require.Nil(t, lost["response"], "there was no answer")
	require.Nil(t, lost["update"])
	require.Nil(t, r.get("/api/rows/reply")["request"])
	r.refused(http.MethodGet, "/api/rows/none", "", http.StatusNotFound, "row_not_found")
}

func TestReplayOfARow(t *testing.T) {
	r := open(t)
	r.delivered()
	r.storage.exchanges["other"] = r.storage.exchanges["first"]
	r.ask(http.MethodPost, "/api/rows/first/replay", "")
	edited := `{"update_id":9007199254740993, "message":{"chat":{"id":7},"text":"a"}}`
	r.ask(http.MethodPost, "/api/rows/other/replay", `{"update":`+edited+`}`)
	r.ask(http.MethodPost, "/api/rows/lost/replay", `{"update":`+edited+`}`)
	require.Equal(t, []string{
		`shop: send to "": ` + update,
		`shop: send to "audit": ` + edited, // every byte
		`shop: send to "": ` + edited,
	}, r.gateway.done())
}

func TestRowsThatCannotBeReplayed(t *testing.T) {
	r := open(t)
	r.delivered()
	require.Contains(t, r.refused(http.MethodPost, "/api/rows/lost/replay", "", http.StatusConflict, "no_body"), "history.bodies")
	r.refused(http.MethodPost, "/api/rows/reply/replay", "", http.StatusBadRequest, "invalid_request")
	r.refused(http.MethodPost, "/api/rows/gone/replay", `{"update":`+update+`}`, http.StatusNotFound, "bot_not_found")
	r.refused(http.MethodPost, "/api/rows/none/replay", "", http.StatusNotFound, "row_not_found")
	for _, wrong := range []string{`[]`, `"x"`, `{}`, `{"update_id":"1"}`, `{"update_id":1}`} {
		message := r.refused(http.MethodPost, "/api/rows/first/replay", `{"update":`+wrong+`}`, http.StatusBadRequest, "invalid_request")
		require.Contains(t, message, "this is not an update", wrong)
	}
	for _, wrong := range []string{`{`, `[]`, `{} {}`, `{"target":5}`} {
		r.refused(http.MethodPost, "/api/rows/first/replay", wrong, http.StatusBadRequest, "invalid_request")
	}
	r.refused(http.MethodPost, "/api/rows/first/replay", `{"update":"`+strings.Repeat("x", 1<<20)+`"}`, http.StatusRequestEntityTooLarge, "too_large")
	require.Empty(t, r.gateway.done())
}
