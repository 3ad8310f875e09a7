package desk_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/desk"
)

func TestStateTellsWhatThereIs(t *testing.T) {
	r := start(t, desk.Config{Version: "v1.2.3", Seed: 7, Speed: 2})
	state := r.get("/api/state").(object)
	require.Subset(t, state, object{"version": "v1.2.3", "seed": 7.0, "speed": 2.0, "bots": []any{}})
	require.Len(t, state["users"], 1)
	r.call("getMe", nil)
	var bots []any
	r.eventually(func() bool { // a call is counted after its answer
		bots = r.get("/api/state").(object)["bots"].([]any)
		return len(bots) == 1 && bots[0].(object)["calls"] == 1.0
	}, "the call is counted")
	require.Subset(t, bots[0], object{"id": 123456.0, "polling": false, "pending": 0.0, "oldest_pending_at": nil, "calls": 1.0})
}

func TestBotThatPollsIsShownSo(t *testing.T) {
	r := start(t)
	r.call("getUpdates", nil)
	r.eventually(func() bool { return r.get("/api/bots/123456").(object)["polling"] == true }, "the poll is noted, which may come after its answer")
	r.say("hi")
	bot := r.get("/api/bots/123456").(object)
	require.InDelta(t, 1, bot["pending"], 0)
	require.NotNil(t, bot["oldest_pending_at"])
	r.post("/api/time", object{"advance": "2m"})
	require.Equal(t, false, r.get("/api/bots/123456").(object)["polling"])
}

func TestWebhookIsShownWithoutTheToken(t *testing.T) {
	r := start(t)
	r.call("setWebhook", object{"url": "http://127.0.0.1:9/" + token})
	require.Equal(t, "http://127.0.0.1:9/<token>", r.get("/api/bots/123456").(object)["webhook"].(object)["url"])
}

func TestTimeJumpsAndRuns(t *testing.T) {
	r := start(t)
	at := func() time.Time {
		now, err := time.Parse(time.RFC3339Nano, r.get("/api/time").(object)["now"].(string))
		require.NoError(t, err)
		return now
	}
	before := at()
	r.post("/api/time", object{"advance": "1h30m"})
	require.GreaterOrEqual(t, at().Sub(before), 90*time.Minute)
	require.InDelta(t, 60, r.post("/api/time", object{"speed": 60})["speed"], 0)
	for _, wrong := range []object{{}, {"speed": 0}, {"speed": 1e9}, {"advance": "10000h"}, {"advance": "-1s"}, {"advance": 5}} {
		r.refused(http.MethodPost, "/api/time", wrong, http.StatusBadRequest, "invalid_request")
	}
}

func TestResetForgetsAllButTheBots(t *testing.T) {
	r := start(t)
	r.webhook(func(object) any { return nil })
	r.say("hi")
	r.post("/api/users", object{"name": "Ana"})
	r.post("/api/bots/123456/faults", object{"scenario": "blocked"})
	seq := r.get("/api/state").(object)["seq"].(float64)
	r.post("/api/reset", nil)
	require.Len(t, r.get("/api/users"), 1)
	require.Empty(t, r.get(r.chat() + "/messages").(object)["messages"])
	require.Empty(t, r.get("/api/bots/123456/rows").(object)["rows"])
	require.Empty(t, r.get("/api/bots/123456/faults"))
	require.Len(t, r.get("/api/bots"), 1)
	require.Greater(t, r.get("/api/state").(object)["seq"], seq)
	r.say("hi again")
	r.post(waitPath, object{"kind": "delivery"})
	r.post("/api/bots/123456/faults", object{"scenario": "blocked"})
	require.Equal(t, false, r.tryCall("sendMessage", object{"chat_id": r.you, "text": "x"})["ok"], "faults work after a reset")

	r.post("/api/reset", object{"seed": 9})
	require.InDelta(t, 9, r.get("/api/state").(object)["seed"], 0)
	require.NotEqual(t, r.you, int64(r.get("/api/users").([]any)[0].(object)["id"].(float64)))
}

func TestAddressThatIsTakenIsSaid(t *testing.T) {
	r := start(t)
	_, err := desk.Start(desk.Config{Listen: r.desk.URL()[len("http://"):]})
	require.ErrorContains(t, err, fmt.Sprintf("cannot listen on %s: ", r.desk.URL()[len("http://"):]))
	require.ErrorContains(t, err, "address already in use")
}
