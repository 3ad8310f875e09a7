package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const rowsPath = "/api/bots/123456/rows"

// rows returns the rows that a query asks for, as soon as there is one.
func (r *rig) rows(query string) []object { return r.someRows(query, 1) }

// someRows is rows for at least n rows. A call is answered before the desk is told of it.
func (r *rig) someRows(query string, n int) (all []object) {
	r.tb.Helper()
	r.eventually(func() bool {
		all = nil
		for _, row := range r.get(rowsPath + query).(object)["rows"].([]any) {
			all = append(all, row.(object))
		}
		return len(all) >= n
	}, fmt.Sprintf("%d rows of %s", n, query))
	return all
}

// idle waits until the bot has done its work.
func (r *rig) idle() {
	r.tb.Helper()
	r.post(waitPath, object{"kind": "idle"})
}

// echo answers a message by a webhook reply and an API call.
func echo(r *rig) func(update object) any {
	return func(update object) any {
		m, ok := update["message"].(object)
		if !ok {
			return nil
		}
		r.tryCall("sendChatAction", object{"chat_id": m["chat"].(object)["id"], "action": "typing"})
		return object{"method": "sendMessage", "chat_id": m["chat"].(object)["id"], "text": "echo " + m["text"].(string)}
	}
}

func TestRowsOfAWebhook(t *testing.T) {
	r := start(t)
	r.webhook(echo(r))
	r.say("hi")
	r.idle()
	rows := r.someRows("", 4)
	require.Equal(t, []string{"call setWebhook", "delivery message", "call sendChatAction", "reply sendMessage"}, namesOf(rows))
	delivery, call, reply := rows[1], rows[2], rows[3]
	require.Equal(t, delivery["id"], call["cause"])
	require.Equal(t, delivery["id"], reply["cause"])
	require.Equal(t, object{"method": "sendMessage", "rode": true, "row": reply["id"]}, delivery["reply"])
	require.InDelta(t, r.you, delivery["chat"], 0)
	require.InDelta(t, 200, delivery["status"], 0)
	require.Contains(t, delivery["summary"], "“hi” from You")

	detail := r.get("/api/rows/" + delivery["id"].(string)).(object)
	request, response := detail["request"].(object), detail["response"].(object)
	require.Equal(t, "POST", request["method"])
	require.Contains(t, request["headers"], []any{"X-Telegram-Bot-Api-Secret-Token", "<secret>"})
	require.Contains(t, request["body"], `"text":"hi"`)
	require.Contains(t, response["body"], `"echo hi"`)
	require.Len(t, detail["attempts"], 1)
	require.Contains(t, detail["update"], "message")

	detail = r.get("/api/rows/" + call["id"].(string)).(object)
	require.Equal(t, "/bot<token>/sendChatAction", detail["request"].(object)["url"])
	require.Equal(t, `{"ok":true,"result":true}`, detail["response"].(object)["body"])
	require.Nil(t, r.get("/api/rows/" + reply["id"].(string)).(object)["request"], "a reply is in the answer to the delivery")
	r.refused(http.MethodGet, "/api/rows/nothing", nil, http.StatusNotFound, "row_not_found")
}

// namesOf returns the type and the method or kind of rows.
func namesOf(rows []object) []string {
	names := make([]string, 0, len(rows))
	for _, row := range rows {
		what := row["method"]
		if what == nil {
			what = row["kind"]
		}
		names = append(names, fmt.Sprint(row["type"], " ", what))
	}
	return names
}

func TestRowsOfAPollingBot(t *testing.T) {
	r := start(t)
	r.call("getUpdates", nil)
	r.say("one")
	r.say("two")
	updates := r.call("getUpdates", object{"offset": 1}).([]any) // with the offset of the last call, Telegram gives one alone
	require.Len(t, updates, 2)
	r.call("sendMessage", object{"chat_id": r.you, "text": "hello"})
	r.someRows("", 4)
	rows := r.rows("")
	require.Equal(t, []string{"poll getUpdates", "delivery message", "delivery message", "call sendMessage"}, namesOf(rows), "an empty poll has no row")
	require.Len(t, rows[0]["update_ids"], 2)
	require.Equal(t, "poll", rows[1]["via"])
	require.Equal(t, true, rows[1]["running"])
	require.Equal(t, rows[2]["id"], rows[3]["cause"])
	require.Len(t, r.get("/api/rows/" + rows[0]["id"].(string)).(object)["updates"], 2)

	r.call("getUpdates", object{"offset": updates[0].(object)["update_id"].(float64) + 1})
	r.eventually(func() bool { return r.rows("?kind=delivery")[0]["running"] == nil }, "the end")
	require.Nil(t, r.rows("?kind=delivery")[1]["running"], "it was fetched once more")
	require.Equal(t, true, r.rows("?kind=delivery")[2]["running"])
	require.InDelta(t, 2, r.rows("?kind=delivery")[2]["attempt"], 0, "the second was given again")
	require.Contains(t, r.get("/api/rows/" + rows[1]["id"].(string)).(object)["update"], "message")
}

func TestRowsTellWhatWentWrong(t *testing.T) {
	r := start(t)
	answer := any(http.StatusInternalServerError)
	r.webhook(func(object) any { return answer })
	r.say("one")
	r.someRows("?kind=delivery", 2)
	rows := r.rows("?kind=delivery")
	require.Equal(t, false, rows[0]["ok"])
	require.Equal(t, "Wrong response from the webhook: 500 Internal Server Error", rows[0]["error"])
	require.InDelta(t, 2, rows[1]["attempt"], 0)
	r.eventually(func() bool {
		return len(r.get("/api/rows/" + rows[0]["id"].(string)).(object)["attempts"].([]any)) >= 2
	}, "the attempts of the update")

	r = start(t)
	r.webhook(func(object) any { return object{"method": "sendMessage", "chat_id": 5, "text": "x"} })
	r.say("two")
	r.idle()
	delivery := r.rows("?kind=delivery")[0]
	require.Equal(t, true, delivery["ok"])
	require.Equal(t, "400 Bad Request: chat not found", delivery["reply"].(object)["refused"])
	require.Equal(t, false, delivery["reply"].(object)["rode"])
}

func TestRowsSayWhatIsNotSimulatedOrUnknown(t *testing.T) {
	r := start(t)
	r.webhook(func(object) any { return nil })
	r.say("hi")
	r.call("sendMessage", object{"chat_id": r.you, "text": "x", "txet": "y"})
	require.Equal(t, []any{"txet"}, r.rows("?kind=sendMessage")[0]["unknown_params"])
	r.rows("?kind=warning")
	r.call("removeUserVerification", object{"user_id": r.you})
	require.Equal(t, "accepted, nothing simulated", r.rows("?kind=removeUserVerification")[0]["note"])
}

func TestRowsAreFiltered(t *testing.T) {
	r := start(t)
	r.webhook(func(object) any { return nil })
	r.say("needle")
	r.say("hay")
	r.tryCall("sendMessage", object{"chat_id": 5, "text": "x"})
	r.idle()
	require.Len(t, r.someRows(fmt.Sprintf("?chat=%d", r.you), 2), 2)
	require.Equal(t, []string{"delivery message"}, namesOf(r.rows("?text=NEEDLE")))
	require.Equal(t, []string{"call sendMessage"}, namesOf(r.rows("?failed=1")))
	require.Len(t, r.someRows("?kind=delivery", 2), 2)
	require.Len(t, r.someRows("?kind=message", 2), 2)
	require.Len(t, r.rows("?kind=setWebhook"), 1)
	all := r.rows("")
	page := r.get(rowsPath + "?limit=2").(object)
	require.Equal(t, true, page["more"])
	require.Equal(t, all[len(all)-1]["id"], page["rows"].([]any)[1].(object)["id"])
	before := r.rows("?limit=2&before=" + page["rows"].([]any)[0].(object)["id"].(string))
	require.Equal(t, all[len(all)-3]["id"], before[1]["id"])
	r.refused(http.MethodGet, rowsPath+"?limit=0", nil, http.StatusBadRequest, "invalid_request")
}

func TestCurlOfARowMakesTheSameRequest(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("curl is not installed")
	}
	require.NoError(t, err)
	r := start(t)
	got := make(chan object, 10)
	r.webhook(func(update object) any { got <- update; return nil })
	const hostile = "it's \"$TOKEN\" `id` $(id) '\"'\"' \\ é\n"
	r.say(hostile)
	want := <-got
	r.call("sendMessage", object{"chat_id": r.you, "text": hostile})
	r.idle()
	run := func(row object) string {
		status, command := r.request(http.MethodGet, "/api/rows/"+row["id"].(string)+"/curl", nil)
		require.Equal(t, http.StatusOK, status)
		text := string(command.([]byte))
		require.NotContains(t, text, "a-secret-of-the-webhook")
		cmd := exec.CommandContext(context.Background(), "sh", "-c", strings.Replace(text, "curl", curl+" -sS", 1))
		cmd.Env = append(os.Environ(), "TOKEN="+token, "SECRET=a-secret-of-the-webhook")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", text, out)
		return string(out)
	}
	run(r.rows("?kind=delivery")[0])
	require.Equal(t, want, <-got)
	var answer object
	require.NoError(t, json.Unmarshal([]byte(run(r.rows("?kind=sendMessage")[0])), &answer))
	require.Equal(t, strings.TrimSpace(hostile), answer["result"].(object)["text"])
	reply := r.rows("?kind=setWebhook")[0]
	status, command := r.request(http.MethodGet, "/api/rows/"+reply["id"].(string)+"/curl", nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(command.([]byte)), `"$SECRET"`)
	require.NotContains(t, string(command.([]byte)), "a-secret-of-the-webhook")
}

func TestReplayShowsWhatTheBotDoesOtherwise(t *testing.T) {
	r := start(t)
	greeting := "Hello"
	r.webhook(func(update object) any {
		m, ok := update["message"].(object)
		if !ok {
			return nil
		}
		return object{"method": "sendMessage", "chat_id": m["chat"].(object)["id"], "text": greeting + " " + m["text"].(string)}
	})
	r.say("Ana")
	r.idle()
	row := r.rows("?kind=delivery")[0]
	path := "/api/rows/" + row["id"].(string) + "/replay"
	same := r.post(path, nil)
	require.Equal(t, true, same["idle"])
	require.Empty(t, same["diff"])
	require.Equal(t, "Hello Ana", same["after"].([]any)[0].(object)["params"].(object)["text"])
	require.NotEqual(t, row["id"], same["row"])

	greeting = "Hi"
	changed := r.post(path, nil)
	require.Equal(t, []any{object{"op": "replace", "path": "/0/params/text", "before": "Hello Ana", "after": "Hi Ana"}}, changed["diff"])
	require.Equal(t, "Hello Ana", changed["before"].([]any)[0].(object)["params"].(object)["text"])

	update := r.get("/api/rows/" + row["id"].(string)).(object)["update"].(object)
	update["message"].(object)["text"] = "Ben"
	edited := r.post(path, object{"update": update})
	require.Equal(t, "Hi Ben", edited["after"].([]any)[0].(object)["params"].(object)["text"])

	r.refused(http.MethodPost, "/api/rows/"+r.rows("?kind=setWebhook")[0]["id"].(string)+"/replay", nil, http.StatusBadRequest, "invalid_request")
	r.refused(http.MethodPost, path, object{"update": object{"nothing": 1}}, http.StatusUnprocessableEntity, "impossible")
}

func TestReplayOfAPollingBot(t *testing.T) {
	r := start(t)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		offset := 0.0
		for {
			select {
			case <-stop:
				return
			default:
			}
			updates, _ := r.tryCall("getUpdates", object{"offset": offset, "timeout": 1})["result"].([]any)
			for _, u := range updates {
				offset = u.(object)["update_id"].(float64) + 1
				if m, ok := u.(object)["message"].(object); ok {
					r.tryCall("sendMessage", object{"chat_id": m["chat"].(object)["id"], "text": "echo " + m["text"].(string)})
				}
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	r.eventually(func() bool { return len(r.get("/api/bots").([]any)) == 1 }, "the bot")
	r.say("hi")
	r.post(waitPath, object{"text": "echo hi"})
	r.idle()
	replayed := r.post("/api/rows/"+r.rows("?kind=delivery")[0]["id"].(string)+"/replay", nil)
	require.Empty(t, replayed["diff"])
	require.Len(t, replayed["after"], 1)
}

func TestUpdateIsDelivered(t *testing.T) {
	r := start(t)
	got := make(chan object, 1)
	r.webhook(func(update object) any { got <- update; return nil })
	delivered := r.post("/api/bots/123456/updates", object{"update": object{"message": object{
		"message_id": 1, "date": 1, "chat": object{"id": r.you, "type": "private", "first_name": "You"}, "text": "by hand",
	}}})
	update := <-got
	require.Equal(t, delivered["update_id"], update["update_id"])
	require.Equal(t, "by hand", update["message"].(object)["text"])
	r.refused(http.MethodPost, "/api/bots/123456/updates", object{}, http.StatusBadRequest, "invalid_request")
	r.refused(http.MethodPost, "/api/bots/123456/updates", object{"update": object{}}, http.StatusUnprocessableEntity, "impossible")
}
