package tghooktest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// BotConfig configures one of several bots of a Server.
type BotConfig struct {
	// Token is the bot's token. No other bot of the Server may have the same id, which is
	// the number before the colon. If empty, the Server makes a token up, as it does for
	// ServerConfig.Token.
	Token string
	// Username is the bot's username. No other bot of the Server may have it. If empty, it
	// is stand_in_123_bot for the bot 123.
	Username string
	// ReadsAllMessages switches the bot's privacy mode off, as that of ServerConfig does.
	ReadsAllMessages bool
}

// AddBot adds a bot to the Server and returns a Server for it. Both have the same URL, Client,
// time and network, and the settings of ServerConfig. All else is the new bot's own: its
// token, updates, webhook, calls, faults and chats.
//
// Users and groups have the same ids for all bots, but a user who writes to one bot, or joins
// a group with it, does not do so with the others. Bots do not see each other.
//
// Close of the first Server ends all bots. A Server has at most 100 bots.
func (s *Server) AddBot(cfg BotConfig) (*Server, error) {
	return s.add("BotConfig", cfg)
}

// Bots returns a Server for each bot, in the order in which they were added. The first is
// that of ServerConfig.Token, unless ServerConfig.NoBot is set.
func (s *Server) Bots() []*Server { return s.bots.list() }

const maxBots = 100

// add adds a bot. config names the type that the user wrote cfg as.
func (h *host) add(config string, cfg BotConfig) (*Server, error) {
	giveBack := func() {}
	if cfg.Token == "" {
		test := ""
		if h.tb != nil {
			test = h.tb.Name()
		}
		cfg.Token = madeUp.lend(h.base.Seed, test)
		giveBack = sync.OnceFunc(func() { madeUp.giveBack(cfg.Token) })
	}
	id, refused := botOf(cfg.Token)
	if refused != nil {
		return nil, fmt.Errorf("tghooktest: %s.Token: not a bot token; set the bot's id, a colon and a secret (or leave it empty)", config)
	}
	cfg.Username = cmp.Or(cfg.Username, fmt.Sprintf("stand_in_%d_bot", id))
	if kept, known := h.state.kept[id]; known && !kept.Digest.admits(cfg.Token) {
		giveBack()
		return nil, fmt.Errorf("tghooktest: %s.Token: ServerConfig.State has the bot %d with another token; use that one, or a bot with another id", config, id)
	}
	if s := h.bots.find(id); s != nil && s.Token == "" && s.digest.admits(cfg.Token) {
		giveBack()
		return s.identify(cfg.Token), nil
	}
	s, err := h.bots.add(id, cfg.Username, func(first bool) (*Server, error) {
		b, err := newBot(h, id, cfg, first && !h.base.NoBot)
		if err != nil {
			return nil, err
		}
		b.giveBack = giveBack
		return &Server{URL: h.url, Token: cfg.Token, tb: h.tb, bot: b}, nil
	})
	if err != nil {
		giveBack()
		return nil, err
	}
	if h.base.OnBot != nil {
		h.base.OnBot(s)
	}
	s.noteBot()
	return s, nil
}

// none returns the Server of ServerConfig.NoBot. It has a bot that nobody can call, and that is
// not among the host's.
func (h *host) none() *Server {
	b, _ := newBot(h, 0, BotConfig{}, true) // a state does not have it
	return &Server{URL: h.url, tb: h.tb, bot: b}
}

// bots holds the bots of a host, in the order in which they were added.
type bots struct {
	mu     sync.Mutex
	all    []*Server
	closed bool
}

// add adds the Server that open returns, unless there cannot be another bot with that id and
// username.
func (b *bots) add(id int64, username string, open func(first bool) (*Server, error)) (*Server, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, fmt.Errorf("tghooktest: %w", errClosed)
	case len(b.all) == maxBots:
		return nil, fmt.Errorf("tghooktest: the Server has %d bots, and there is room for no more; close one of them", maxBots)
	}
	for _, other := range b.all {
		switch {
		case other.id == id:
			return nil, fmt.Errorf("tghooktest: BotConfig.Token: the Server has the bot %d already; use another token", id)
		case strings.EqualFold(other.cfg.Username, username):
			return nil, fmt.Errorf("tghooktest: BotConfig.Username: the bot %d has the username %q already; use another one", other.id, username)
		}
	}
	s, err := open(len(b.all) == 0)
	if err != nil {
		return nil, err
	}
	b.all = append(b.all, s)
	return s, nil
}

// find returns the bot with the id; nil if there is none.
func (b *bots) find(id int64) *Server {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.all {
		if s.id == id {
			return s
		}
	}
	return nil
}

// count returns the number of bots, at least 1.
func (b *bots) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(len(b.all), 1)
}

func (b *bots) list() []*Server {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.all)
}

func (b *bots) remove(gone *bot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = slices.DeleteFunc(b.all, func(s *Server) bool { return s.bot == gone })
}

// close returns all bots, and lets no other one be added.
func (b *bots) close() []*Server {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return slices.Clone(b.all)
}
