package tghooktest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheNewestCallsAreKept(t *testing.T) {
	t.Parallel()
	var c calls
	made := 0
	call := func(method string) {
		c.add(Call{Method: method, At: time.Unix(int64(made), 0)}, 1)
		made++
	}
	taken := func(method string, want int64) {
		t.Helper()
		if got, ok := c.take(method); !ok || got.Method != method || got.At.Unix() != want {
			t.Errorf("of %s comes %+v, want number %d", method, got, want)
		}
	}
	call("forgotten")
	call("taken")
	call("getMe")
	call("getMe")
	taken("taken", 1)
	taken("getMe", 2)
	for made < maxCalls {
		call("sendMessage")
	}
	require.Len(t, c.all, maxCalls)
	assert.Equal(t, "forgotten", c.all[0].Method)
	for range 3 {
		call("sendMessage")
	}
	require.Len(t, c.all, maxCalls)
	assert.Equal(t, int64(3), c.all[0].At.Unix())
	if got, ok := c.take("forgotten"); ok || len(c.of) != 2 {
		t.Errorf("what is forgotten comes as %+v, and there are %d methods", got, len(c.of))
	}
	taken("getMe", 3)
	taken("sendMessage", 4)
	for range maxCalls {
		call("sendMessage")
	}
	taken("sendMessage", maxCalls+3)

	c.add(Call{Method: "getMe", At: time.Unix(int64(made), 0)}, maxCalls/2) // other bots have come
	require.Len(t, c.all, 2)
	taken("sendMessage", int64(made)-1)
}
