package desk_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const faultsPath = "/api/bots/123456/faults"

func TestScenarioFailsTheCallsThatMatch(t *testing.T) {
	r := start(t)
	r.webhook(func(object) any { return nil })
	r.say("hi")
	send := func(text string) object { return r.tryCall("sendMessage", object{"chat_id": r.you, "text": text}) }
	fault := r.post(faultsPath, object{"scenario": "blocked", "times": 2, "match": object{"text": "bad", "chat": r.you}})
	require.InDelta(t, 2, fault["left"], 0)
	require.Equal(t, true, send("good")["ok"])
	require.Equal(t, "Forbidden: bot was blocked by the user", send("a bad one")["description"])
	require.Equal(t, true, r.tryCall("getMe", nil)["ok"])
	require.InDelta(t, 1, r.get(faultsPath).([]any)[0].(object)["left"], 0)
	require.Equal(t, false, send("bad")["ok"])
	require.Equal(t, true, send("bad")["ok"], "it is over")
	require.Empty(t, r.get(faultsPath))
	rows := r.someRows("?failed=1", 2)
	require.Len(t, rows, 2)
	require.Equal(t, "blocked", rows[0]["fault"])

	always := r.post(faultsPath, object{"scenario": "flood", "times": 0})
	require.Nil(t, always["left"])
	for range 3 {
		require.Equal(t, object{"retry_after": 5.0}, send("x")["parameters"])
	}
	r.ask(http.MethodDelete, faultsPath+"/"+always["id"].(string), nil)
	require.Equal(t, true, send("x")["ok"])
	r.refused(http.MethodDelete, faultsPath+"/"+always["id"].(string), nil, http.StatusNotFound, "fault_not_found")

	r.post(faultsPath, object{"error": object{"code": 418, "description": "I'm a teapot"}, "match": object{"method": "getMe"}})
	require.Equal(t, "I'm a teapot", r.tryCall("getMe", nil)["description"])
	r.post(faultsPath, object{"error": object{"retry_after": 3}, "match": object{"method": "getMe"}})
	require.Equal(t, "Too Many Requests: retry after 3", r.tryCall("getMe", nil)["description"])
}

func TestAnErrorThatNoAnswerCanHaveIsRefused(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	for _, wrong := range []object{
		{"code": 7},
		{"code": -5},
		{"code": 101},
		{"code": 204},
		{"code": 304},
		{"code": 600},
		{"code": 99999},
		{"code": 429, "retry_after": -1},
		{"retry_after": 1 << 40},
	} {
		r.refused(http.MethodPost, faultsPath, object{"error": wrong}, http.StatusBadRequest, "invalid_request")
	}
	require.Empty(t, r.get(faultsPath))
}

func TestFaultsOfOneBotAreNotThoseOfAnother(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	r.post("/api/bots", object{"token": "777:other"})
	r.post("/api/bots/777/faults", object{"scenario": "flood_global"})
	require.Equal(t, true, r.tryCall("getMe", nil)["ok"])
	require.Empty(t, r.get(faultsPath))
}

// named makes a call that names its own error.
func (r *rig) named(header, method string, params object) object {
	r.tb.Helper()
	body, err := json.Marshal(params)
	require.NoError(r.tb, err)
	req, err := http.NewRequestWithContext(r.tb.Context(), http.MethodPost, r.desk.URL()+"/bot"+token+"/"+method, bytes.NewReader(body))
	require.NoError(r.tb, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Tghook-Scenario", header)
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.tb, err)
	defer func() { _ = res.Body.Close() }()
	var answer object
	require.NoError(r.tb, json.NewDecoder(res.Body).Decode(&answer))
	return answer
}

func TestCallNamesItsOwnError(t *testing.T) {
	r := start(t)
	message := object{"chat_id": r.you, "text": "x"}
	require.Equal(t, "Bad Request: chat not found", r.named("chat_not_found", "sendMessage", message)["description"], "the bot's first call")
	r.webhook(func(object) any { return nil })
	r.say("hi")
	require.Equal(t, "Bad Request: TOPIC_CLOSED", r.named("topic_closed; times=3", "sendMessage", message)["description"])
	require.Equal(t, "Bad Request: TOPIC_CLOSED", r.tryCall("sendMessage", message)["description"])
	require.Equal(t, true, r.tryCall("sendDice", object{"chat_id": r.you})["ok"], "another method")
	require.Equal(t, "Bad Request: TOPIC_CLOSED", r.tryCall("sendMessage", message)["description"])
	require.Equal(t, true, r.tryCall("sendMessage", message)["ok"], "it is over")
	require.Equal(t, "topic_closed", r.someRows("?kind=sendMessage", 2)[1]["fault"])

	s := r.listen("?kinds=warning", "")
	require.Equal(t, true, r.named("topic_closed", "getMe", nil)["ok"], "a method that does not fail so")
	require.Contains(t, s.next()["text"], "getMe does not fail with topic_closed")
	for _, wrong := range []string{"nonsense", "blocked; times=x", "blocked; times=0", "blocked; sometimes"} {
		answer := r.named(wrong, "sendMessage", message)
		require.Equal(t, false, answer["ok"], wrong)
		require.InDelta(t, 400, answer["error_code"], 0)
	}
}

func TestDeliveriesGoWrongOnPurpose(t *testing.T) {
	r := start(t)
	var got atomic.Int32
	r.webhook(func(object) any { got.Add(1); return nil })
	for _, test := range []struct {
		delivery object
		requests int32
		failed   string
	}{
		{object{"again": true}, 2, ""},
		{object{"again_at_once": true}, 2, ""},
		{object{"cut_after": true}, 2, "the connection was closed without an answer"},
		{object{"delay": "10ms"}, 1, ""},
	} {
		got.Store(0)
		r.post(faultsPath, object{"delivery": test.delivery, "match": object{"kind": "message", "text": "now"}})
		r.say("not yet")
		r.idle()
		require.Equal(t, int32(1), got.Swap(0), "%v: an update that does not match", test.delivery)
		r.say("now")
		r.eventually(func() bool { return got.Load() == test.requests }, "all requests come")
		r.idle()
		require.Equal(t, test.requests, got.Load(), "%v", test.delivery)
		rows := r.someRows("?kind=delivery&text=now", int(test.requests))
		require.NotEmpty(t, rows[len(rows)-int(test.requests)]["fault"], "%v", test.delivery)
		if test.failed != "" {
			require.Equal(t, test.failed, rows[len(rows)-2]["error"])
		}
	}
}

func TestOutageEndsSoonAndTheSpeedWithIt(t *testing.T) {
	r := start(t)
	var got atomic.Int32
	r.webhook(func(object) any { got.Add(1); return nil })
	r.say("first")
	r.idle()
	s := r.listen("?kinds=fault", "")
	begin := time.Now()
	fault := r.post(faultsPath, object{"outage": "4h"})
	require.Equal(t, "the webhook cannot be reached for 4h0m0s", fault["title"])
	require.Greater(t, r.get("/api/time").(object)["speed"], 1000.0)
	r.say("second")
	for {
		if e := s.next()["object"].(object); e["left"] != nil {
			require.InDelta(t, 0, e["left"], 0)
			break
		}
	}
	require.Less(t, time.Since(begin), time.Minute)
	require.InDelta(t, 1, r.get("/api/time").(object)["speed"], 0)
	require.Empty(t, r.get(faultsPath))
	require.Eventually(t, func() bool { // a retry that began in the outage may fail after it
		r.post("/api/time", object{"advance": "2m"})
		return got.Load() >= 2 // time passes while the request is under way, so it may come again
	}, time.Minute, 100*time.Millisecond, "the update comes after the outage")
	failed := r.rows("?failed=1")
	require.Greater(t, len(failed), 5)
	require.Equal(t, "Connection refused", failed[0]["error"])

	fault = r.post(faultsPath, object{"outage": "24h"})
	r.ask(http.MethodDelete, faultsPath+"/"+fault["id"].(string), nil)
	require.InDelta(t, 1, r.get("/api/time").(object)["speed"], 0)
}

func TestFaultSaysWhatIsWrong(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	for want, wrong := range map[string]object{
		"exactly one of them":           {},
		"send exactly one":              {"scenario": "blocked", "outage": "1m"},
		`there is no scenario "x"`:      {"scenario": "x"},
		"times is -1":                   {"scenario": "blocked", "times": -1},
		"which does not fail with":      {"scenario": "blocked", "match": object{"method": "getMe"}},
		"match.kind is the kind of an":  {"scenario": "blocked", "match": object{"kind": "message"}},
		"match.method is the method of": {"outage": "1m", "match": object{"method": "getMe"}},
		"delivery is empty":             {"delivery": object{}},
		"delivery.delay is":             {"delivery": object{"delay": "soon"}},
	} {
		require.Contains(t, r.refused(http.MethodPost, faultsPath, wrong, http.StatusBadRequest, "invalid_request"), want)
	}
	for range 100 {
		r.ask(http.MethodPost, faultsPath, object{"scenario": "blocked", "times": 0})
	}
	require.Contains(t, r.refused(http.MethodPost, faultsPath, object{"scenario": "blocked"}, http.StatusBadRequest, "invalid_request"), "100 faults")
}

func TestScenariosAreListed(t *testing.T) {
	r := start(t)
	all := r.get("/api/scenarios").([]any)
	require.GreaterOrEqual(t, len(all), 40)
	for _, s := range all {
		if s.(object)["name"] == "migrated" {
			require.InDelta(t, 400, s.(object)["code"], 0)
			require.InDelta(t, -1001234567890, s.(object)["migrate_to"], 0)
			return
		}
	}
	t.Fatal(fmt.Sprint("migrated is not among them: ", len(all)))
}

func TestAResetKeepsTheSpeedThatWasSetAfterAnOutage(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	r.post(faultsPath, object{"outage": "1ms"})
	r.eventually(func() bool { return len(r.get(faultsPath).([]any)) == 0 }, "the outage is over")
	r.post("/api/time", object{"speed": 60})
	r.post("/api/reset", object{})
	require.InDelta(t, 60, r.get("/api/time").(object)["speed"], 0)
}
