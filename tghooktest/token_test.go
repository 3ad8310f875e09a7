package tghooktest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest"
)

func TestServersThatAreOpenHaveDifferentBots(t *testing.T) {
	t.Parallel()
	start := func(cfg tghooktest.ServerConfig) *tghooktest.Server {
		s, err := tghooktest.Start(cfg)
		require.NoError(t, err)
		t.Cleanup(s.Close)
		return s
	}
	tokens, bots := map[string]bool{}, map[string]bool{}
	servers := []*tghooktest.Server{tghooktest.NewServer(t), tghooktest.NewServer(t), start(tghooktest.ServerConfig{}), start(tghooktest.ServerConfig{})}
	t.Run("of another test", func(t *testing.T) { servers = append(servers, tghooktest.NewServer(t)) })
	for _, s := range servers {
		bot, _, _ := strings.Cut(s.Token, ":")
		tokens[s.Token], bots[bot] = true, true
	}
	assert.Len(t, tokens, len(servers), "tokens")
	assert.Len(t, bots, len(servers), "bots")
}

// A run can be repeated.
func TestTheSameTestHasTheSameTokenAgain(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (tokens []string) {
		t.Helper()
		cfg := tghooktest.ServerConfig{Seed: seed}
		one, two := tghooktest.NewServer(t, cfg), tghooktest.NewServer(t, cfg)
		one.Close()
		again := tghooktest.NewServer(t, cfg)
		one.Close() // a second Close gives nothing back
		three := tghooktest.NewServer(t, cfg)
		for _, s := range []*tghooktest.Server{one, two, again, three} {
			tokens = append(tokens, s.Token)
			defer s.Close()
		}
		return tokens
	}
	first := run(1)
	other, err := tghooktest.Start(tghooktest.ServerConfig{Seed: 1}) // a Server of another test makes no difference
	require.NoError(t, err)
	defer other.Close()
	assert.Equal(t, first, run(1), "again")
	assert.Equal(t, first[0], first[2], "after Close")
	assert.NotEqual(t, first[0], first[1], "two that were open had one token")
	assert.NotEqual(t, first[0], first[3], "two that were open had one token")
	assert.NotEqual(t, first[1], first[3], "two that were open had one token")
	assert.NotEqual(t, first[0], run(2)[0], "another seed gives the same token")
}

func TestATokenOfOnesOwnMayBeShared(t *testing.T) {
	t.Parallel()
	cfg := tghooktest.ServerConfig{Token: "12345:stand_in_token_x"}
	for range 2 {
		assert.Equal(t, cfg.Token, tghooktest.NewServer(t, cfg).Token)
	}
}
