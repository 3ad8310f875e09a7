package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// How many requests with a wrong token are answered 401, and logged. Others are answered 429.
const (
	failuresASecond = 5
	failuresAtOnce  = 20
)

// guard lets requests with the token pass. The right token always passes, however many wrong ones
// come, so that nobody can lock its owner out. The configuration asks for a token that cannot be
// guessed.
type guard struct {
	sum      [sha256.Size]byte
	failures *rate.Limiter
	log      *slog.Logger
	next     http.Handler
}

func newGuard(token string, log *slog.Logger, next http.Handler) *guard {
	return &guard{sha256.Sum256([]byte(token)), rate.NewLimiter(failuresASecond, failuresAtOnce), log, next}
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.knows(r) {
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Now().Add(readTime)) // a server without deadlines has its own bounds
		_ = c.SetWriteDeadline(time.Now().Add(readTime + workTime + writeTime))
		g.next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Connection", "close") // the body is not read
	if !g.failures.Allow() {
		w.Header().Set("Retry-After", "1")
		tooMany := &jsonhttp.Error{Status: http.StatusTooManyRequests, Code: "too_many_failures", Message: "too many requests have a wrong token; wait, and send the right one"}
		tooMany.Write(w)
		return
	}
	g.log.Warn("a request to the admin API has a wrong token", slog.String("from", r.RemoteAddr))
	w.Header().Set("WWW-Authenticate", `Bearer realm="tghook serve"`)
	wrong := &jsonhttp.Error{
		Status: http.StatusUnauthorized, Code: "unauthorized",
		Message: "the token is missing or wrong; send the header Authorization: Bearer, followed by admin.token of the configuration",
	}
	wrong.Write(w)
}

// knows reports whether a request has the token. It takes the same time for each wrong token.
func (g *guard) knows(r *http.Request) bool {
	var token string
	if values := r.Header.Values("Authorization"); len(values) == 1 {
		scheme, rest, _ := strings.Cut(values[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			token = strings.TrimLeft(rest, " ")
		}
	}
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], g.sum[:]) == 1
}
