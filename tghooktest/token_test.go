package tghooktest_test

import (
	"strings"
	"testing"

	"github.com/tghook/tghook/tghooktest"
)

func TestServersThatAreOpenHaveDifferentBots(t *testing.T) {
	t.Parallel()
	start := func(cfg tghooktest.ServerConfig) *tghooktest.Server {
		s, err := tghooktest.Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
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
	same(t, "tokens", len(tokens), len(servers))
	same(t, "bots", len(bots), len(servers))
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
		one.Close() // it has nothing to give back any more
		three := tghooktest.NewServer(t, cfg)
		for _, s := range []*tghooktest.Server{one, two, again, three} {
			tokens = append(tokens, s.Token)
			defer s.Close()
		}
		return tokens
	}
	first := run(1)
	other, err := tghooktest.Start(tghooktest.ServerConfig{Seed: 1}) // that of another test changes nothing
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	same(t, "again", run(1), first)
	same(t, "after Close", first[2], first[0])
	if first[1] == first[0] || first[3] == first[0] || first[3] == first[1] {
		t.Error("two that were open had one token")
	}
	if run(2)[0] == first[0] {
		t.Error("another seed gives the same token")
	}
}

func TestATokenOfOnesOwnMayBeShared(t *testing.T) {
	t.Parallel()
	cfg := tghooktest.ServerConfig{Token: "12345:stand_in_token_x"}
	same(t, "token", tghooktest.NewServer(t, cfg).Token, tghooktest.NewServer(t, cfg).Token)
}
