package tghooktest

import (
	"testing"
	"time"
)

func TestTheNewestCallsAreKept(t *testing.T) {
	t.Parallel()
	var c calls
	made := 0
	call := func(method string) {
		c.add(Call{Method: method, At: time.Unix(int64(made), 0)})
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
	if len(c.all) != maxCalls || c.all[0].Method != "forgotten" {
		t.Errorf("%d are kept, the first is %+v", len(c.all), c.all[0])
	}
	for range 3 {
		call("sendMessage")
	}
	if len(c.all) != maxCalls || c.all[0].At.Unix() != 3 {
		t.Errorf("%d are kept, the first is %+v", len(c.all), c.all[0])
	}
	if got, ok := c.take("forgotten"); ok || len(c.of) != 2 {
		t.Errorf("what is forgotten comes as %+v, and there are %d methods", got, len(c.of))
	}
	taken("getMe", 3)
	taken("sendMessage", 4)
	for range maxCalls {
		call("sendMessage")
	}
	taken("sendMessage", maxCalls+3)
}
