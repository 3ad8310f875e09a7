package tghooktest

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// botRecord is the record of a bot without its world and its queue.
type botRecord struct {
	Place    int           `json:"place"`  // among the bots
	Digest   digest        `json:"digest"` // of the token
	Username string        `json:"username"`
	ReadsAll bool          `json:"reads_all"`
	Seed     uint64        `json:"seed"` // what it draws by, beside the host's seed
	Webhook  hookRecord    `json:"webhook"`
	Back     time.Time     `json:"back"`
	Closed   bool          `json:"closed"`
	Attempts map[int64]int `json:"attempts,omitempty"`
}

// hookRecord is the record of a webhook.
type hookRecord struct {
	Number         int       `json:"number"`
	URL            string    `json:"url"`
	Custom         bool      `json:"custom,omitempty"`
	Certificate    []byte    `json:"certificate,omitempty"`
	MaxConnections int       `json:"max_connections,omitempty"`
	Secret         string    `json:"secret,omitempty"`
	Pinned         bool      `json:"pinned,omitempty"`
	IP             string    `json:"ip,omitempty"`
	Addr           string    `json:"addr,omitempty"`
	Failed         time.Time `json:"failed"`
	LastError      string    `json:"last_error,omitempty"`
}

func (h *webhook) record() hookRecord {
	return hookRecord{h.number, h.url, h.custom, h.certificate, h.maxConnections, h.secret, h.pinned, h.ip, h.addr, h.failed, h.lastError}
}

func (r *hookRecord) webhook() webhook {
	return webhook{r.Number, r.URL, r.Custom, r.Certificate, r.MaxConnections, r.Secret, r.Pinned, r.IP, r.Addr, r.Failed, r.LastError}
}

// record returns the record of a bot. A webhook that is being set is not in it.
func (s *Server) record(place int) botRecord {
	attempts := s.attempts.all(s.queue.Has)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := botRecord{
		Place: place, Digest: s.digest, Username: s.cfg.Username, ReadsAll: s.cfg.ReadsAllMessages, Seed: s.cfg.Seed ^ s.base.Seed,
		Back: s.session.back, Closed: s.session.closed, Attempts: attempts,
	}
	if s.webhook.addr != "" {
		r.Webhook = s.webhook.record()
		r.Webhook.replace(secretOf(s.Token), hiddenSecret)
	}
	return r
}

// hiddenSecret stands for the secret of the bot's token in a record, because many bots have
// their token in the URL of their webhook.
const hiddenSecret = "<token>"

// minSecret is the length from which the secret of a token is hidden. Those of Telegram have 35
// characters.
const minSecret = 8

// secretOf returns the part of a token that is to be hidden; empty if there is none.
func secretOf(token string) string {
	if _, secret, _ := strings.Cut(token, ":"); len(secret) >= minSecret {
		return secret
	}
	return ""
}

// replace replaces a text wherever the bot may have written its token.
func (r *hookRecord) replace(before, after string) {
	if before == "" {
		return
	}
	for _, text := range []*string{&r.URL, &r.Secret, &r.LastError} {
		*text = strings.ReplaceAll(*text, before, after)
	}
}

// hides reports whether the webhook can be used only when the bot's token is known.
func (h *webhook) hides() bool { return strings.Contains(h.url+h.secret, hiddenSecret) }

// digest identifies a token without telling it.
type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// MarshalText returns the digest in hexadecimal digits.
func (d digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads hexadecimal digits.
func (d *digest) UnmarshalText(text []byte) error {
	decoded, err := hex.DecodeString(string(text))
	if err != nil || len(decoded) != len(d) {
		return errors.New("it has no digest of a token")
	}
	copy(d[:], decoded)
	return nil
}

// admits reports whether it is the digest of the token.
func (d digest) admits(token string) bool {
	other := digestOf(token)
	return subtle.ConstantTimeCompare(d[:], other[:]) == 1
}

// restore sets a new bot as it was in the state.
func (b *bot) restore(k keptBot, cfg world.Config) error {
	st := &botState{bot: b}
	var err error
	if b.world, st.world, err = world.Restore(cfg, k.world); err != nil {
		return fmt.Errorf("tghooktest: ServerConfig.State: bot %d: %w", b.id, err)
	}
	if st.queue, err = b.queue.Restore(k.queue); err != nil {
		return fmt.Errorf("tghooktest: ServerConfig.State: bot %d: %w", b.id, err)
	}
	b.state.bots[b.id], b.state.small[botKey(b.id)] = st, k.encoded
	b.webhook = k.Webhook.webhook()
	b.webhooks = b.webhook.number
	b.session.back, b.session.closed = k.Back, k.Closed
	b.attempts.set(k.Attempts)
	return nil
}

// restoreBots starts the bots that State has brought, apart from that of ServerConfig.
func (h *host) restoreBots() error {
	ids := slices.SortedFunc(maps.Keys(h.state.kept), func(a, b int64) int { return cmp.Compare(h.state.kept[a].Place, h.state.kept[b].Place) })
	for _, id := range ids {
		k := h.state.kept[id]
		if _, err := h.bots.add(id, k.Username, func(bool) (*Server, error) {
			b, err := newBot(h, id, BotConfig{Username: k.Username, ReadsAllMessages: k.ReadsAll}, false)
			return &Server{URL: h.url, tb: h.tb, bot: b}, err
		}); err != nil {
			return err
		}
	}
	return nil
}

// deliverAgain begins the deliveries to a webhook that a state brought.
func (s *Server) deliverAgain() {
	s.mu.Lock()
	h, closed := s.webhook, s.session.closed
	problem := ""
	at, _ := parseAddress(h.url)
	if ip, err := netip.ParseAddr(h.ip); h.url != "" && err == nil {
		if problem = s.unreachable(at, ip); problem != "" { // by another ServerConfig than before
			s.webhook.failed, s.webhook.lastError = s.clock.Now(), problem
		}
	}
	s.mu.Unlock()
	if h.url != "" && !closed && problem == "" && !h.hides() {
		s.resume()
	}
}

// identify puts the token of a bot that a state brought in place, when somebody has told it.
func (s *Server) identify(token string) *Server {
	known, first := s.bots.identify(s, token)
	if !first {
		return known
	}
	if s.base.OnBot != nil {
		s.base.OnBot(known)
	}
	known.mu.Lock()
	hidden := known.webhook.hides()
	if hidden {
		r := known.webhook.record()
		r.replace(hiddenSecret, secretOf(token))
		known.webhook = r.webhook()
	}
	known.mu.Unlock()
	if hidden {
		known.deliverAgain()
	}
	return known
}

// identify replaces a Server without a token by one that has it. first is false if another call
// has done so before.
func (b *bots) identify(s *Server, token string) (known *Server, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.all, func(other *Server) bool { return other.bot == s.bot })
	if at < 0 {
		return s, false
	}
	if known = b.all[at]; known.Token == "" {
		first = true
		known = &Server{URL: s.URL, Token: token, tb: s.tb, bot: s.bot}
		b.all[at] = known
	}
	return known, first
}
