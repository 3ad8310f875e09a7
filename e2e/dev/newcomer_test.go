package dev

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNewcomer does what README's first command leads to: the demo's page is opened, the bot
// has greeted, and it answers the first press. make newcomer runs it from a fresh clone.
func TestNewcomer(t *testing.T) {
	_, err := build()
	require.NoError(t, err)
	began := time.Now()
	c := start(t, "--demo")
	p := newTab(t, c.url+"/")
	p.waitText(".message .text", "Hello, You!")
	t.Logf("the first reply of a bot is in the browser after %v", time.Since(began).Round(time.Millisecond))
	p.click(".inline-button", "Edit")
	p.waitText(".edited", "edited")
	t.Logf("and the answer to the first press after %v", time.Since(began).Round(time.Millisecond))
}
