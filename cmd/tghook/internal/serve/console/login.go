package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/time/rate"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// Wrong passwords that are answered: so many at once, and then one in a second. All senders
// share them, because a guesser has many addresses.
const (
	guessesAtOnce    = 10
	guessesPerSecond = 1
)

// knownCookie is the name of the cookie of a browser that has sent the right password. It gives
// no right but one: its password is compared even if others have used up all guesses.
const knownCookie = "tghook-known"

// login says who may see the page. Its methods may be called concurrently.
type login struct {
	header   string // by which a proxy names the user; empty if there is a password
	proxies  []netip.Prefix
	password [sha256.Size]byte // its sum
	known    string            // the value of knownCookie; new at each start
	logger   *slog.Logger

	mu      sync.Mutex // held from the look at guesses to its use
	guesses *rate.Limiter
}

func newLogin(cfg config.Page, logger *slog.Logger) (*login, error) {
	switch {
	case cfg.Password == "" && cfg.Header == "":
		return nil, errors.New("the page has neither a password nor a header that names the user; set page.password or page.header")
	case cfg.Password != "" && cfg.Header != "":
		return nil, errors.New("the page has both a password and a header that names the user; set one of page.password and page.header")
	case cfg.Header != "" && len(cfg.Proxies) == 0:
		return nil, errors.New("page.header needs page.proxies: the addresses of the reverse proxies that set it")
	}
	return &login{
		header: cfg.Header, proxies: slices.Clone(cfg.Proxies), password: sha256.Sum256([]byte(cfg.Password)), known: rand.Text(),
		logger: logger, guesses: rate.NewLimiter(guessesPerSecond, guessesAtOnce),
	}, nil
}

// check returns the name of the user who asks. Without one, the error is what to answer.
func (l *login) check(w http.ResponseWriter, r *http.Request) (user string, err error) {
	if l.header != "" {
		return l.byProxy(r)
	}
	return l.byPassword(w, r)
}

// byProxy believes the header of a proxy. Other senders could set it too.
func (l *login) byProxy(r *http.Request) (string, error) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !l.trusts(peer.Addr()) {
		return "", &jsonhttp.Error{Status: http.StatusForbidden, Code: "not_a_proxy", Message: "this page is behind a reverse proxy: open it by the proxy's address. " +
			"If this is the proxy, its address must be in page.proxies of the configuration."}
	}
	names := r.Header.Values(l.header)
	if len(names) != 1 || names[0] == "" {
		return "", &jsonhttp.Error{Status: http.StatusForbidden, Code: "no_user", Message: fmt.Sprintf(
			"the reverse proxy has sent %d headers %s with a user's name; it must send one, in place of those of its client", len(nonEmpty(names)), l.header)}
	}
	return names[0], nil
}

func (l *login) trusts(peer netip.Addr) bool {
	peer = peer.Unmap().WithZone("")
	return slices.ContainsFunc(l.proxies, func(p netip.Prefix) bool { return p.Contains(peer) })
}

func nonEmpty(texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return text == "" })
}

// byPassword compares the password. The user's name may be any.
func (l *login) byPassword(w http.ResponseWriter, r *http.Request) (string, error) {
	user, password, ok := r.BasicAuth()
	if !ok {
		return "", l.ask(w, "this page needs a password")
	}
	known := l.isKnown(r)
	switch l.compare(password, known) {
	case rightPassword:
		if !known {
			http.SetCookie(w, &http.Cookie{ //nolint:gosec // over plain HTTP a browser keeps no cookie with Secure
				Name: knownCookie, Value: l.known, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
			})
		}
		return user, nil
	case wrongPassword:
		l.logger.LogAttrs(r.Context(), slog.LevelWarn, "a wrong password for the page", slog.String("from", r.RemoteAddr))
		return "", l.ask(w, "the password is wrong")
	default:
		w.Header().Set("Retry-After", "5")
		return "", &jsonhttp.Error{Status: http.StatusTooManyRequests, Code: "too_many_guesses", Message: "there were too many wrong passwords; wait a moment"}
	}
}

// ask makes the browser ask for a password.
func (l *login) ask(w http.ResponseWriter, why string) error {
	w.Header().Set("WWW-Authenticate", `Basic realm="tghook", charset="UTF-8"`)
	return &jsonhttp.Error{Status: http.StatusUnauthorized, Code: "unauthorized", Message: why}
}

// isKnown reports whether the browser has sent the right password before.
func (l *login) isKnown(r *http.Request) bool {
	cookie, err := r.Cookie(knownCookie)
	return err == nil && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(l.known)) == 1
}

// verdict is what became of a password.
type verdict int

const (
	notCompared verdict = iota // there are no guesses left
	wrongPassword
	rightPassword
)

// compare compares a password, unless its sender is unknown and there are no guesses left.
func (l *login) compare(password string, known bool) verdict {
	sum := sha256.Sum256([]byte(password))
	l.mu.Lock()
	defer l.mu.Unlock()
	if !known && l.guesses.Tokens() < 1 {
		return notCompared
	}
	if subtle.ConstantTimeCompare(sum[:], l.password[:]) == 1 {
		return rightPassword
	}
	l.guesses.Allow()
	return wrongPassword
}
