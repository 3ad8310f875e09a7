package desk_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/child"
	"github.com/tghook/tghook/cmd/tghook/internal/desk"
)

func TestChild(t *testing.T) {
	c, err := child.New(child.Config{Command: []string{"/bin/sh", "-c", "echo hello; exec sleep 60"}})
	require.NoError(t, err)
	r := start(t, desk.Config{Child: c})
	require.Equal(t, false, r.get("/api/child").(object)["running"])

	events := r.listen("?kinds=log,child", "")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, nil) }()
	until := func(starts int) object {
		t.Helper()
		var got object
		require.Eventually(t, func() bool {
			got = r.get("/api/child").(object)
			return got["running"] == true && len(got["log"].([]any)) == starts
		}, time.Minute, 5*time.Millisecond)
		return got
	}
	first := until(1)
	require.Equal(t, []any{"hello"}, first["log"])
	require.Equal(t, "/bin/sh -c echo hello; exec sleep 60", first["command"])

	status, _ := r.request(http.MethodPost, "/api/child/restart", nil)
	require.Equal(t, http.StatusOK, status)
	second := until(2)
	require.EqualValues(t, 1, second["restarts"])
	require.NotEqual(t, first["pid"], second["pid"])
	require.EqualValues(t, 2, second["last_line"])
	stop()
	require.NoError(t, <-done)
	require.Equal(t, false, r.get("/api/child").(object)["running"])
	counts := map[any]int{}
	for range 6 { // it starts, prints, ends; and again. What it prints may come before its start is told
		event := events.next()
		counts[event["kind"]]++
		if event["kind"] == "log" {
			require.Equal(t, "hello", event["text"])
			require.EqualValues(t, counts["log"], event["line"])
		}
	}
	require.Equal(t, map[any]int{"child": 4, "log": 2}, counts)
}

func TestWithoutAChild(t *testing.T) {
	r := start(t)
	status, answer := r.request(http.MethodGet, "/api/child", nil)
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, "child_not_found", answer.(object)["error"].(object)["code"])
}
