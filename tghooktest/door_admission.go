package tghooktest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"github.com/tghook/tghook"
)

// Which requests are accepted.
var admissionCases = []doorCase{
	{"a wrong secret is answered 401 and nothing runs", anyDoor, wrongSecret},
	{"a request with two secrets is answered 401 and nothing runs", anyDoor, doubledSecret},
	{"header names may be in any letter case", anyDoor, headerCase},
	{"Secret and PreviousSecret are both accepted", anyDoor, twoSecrets},
	{"a method other than POST is answered 405 with Allow", anyDoor, wrongMethod},
	{"application/json is accepted with parameters", anyDoor, contentTypeParameters},
	{"a Content-Type other than application/json is answered 415", anyDoor, wrongContentType},
	{"an encoded body is answered 415", anyDoor, encodedBody},
	{"a body of exactly MaxBody is accepted", anyDoor, largestBody},
	{"a body over MaxBody is answered 413", anyDoor, tooLargeBody},
	{"a body that is not an update is answered 400 and reported with an excerpt", anyDoor, malformedBody},
	{"an update without a kind becomes a dead letter and is answered 200", anyDoor, noKind},
	{"the checks run in the order method, secret, type, size, body", anyDoor, orderOfChecks},
	{"the peer's address is compared with AllowedSources", overTCP, allowedSources},
	{"X-Forwarded-For is read from trusted proxies only, in all its lines", overTCP, trustedProxies},
	{"a peer without an address is not among AllowedSources", overUnix, addressless},
	{"a trailer is not read as a header", listening, trailers},
}

func wrongSecret(c *trial) {
	k := c.mount(nothing)
	update := textUpdate(1, 1, "hi")
	k.answers(update, "401", without(secretHeader))
	for _, secret := range []string{"", doorSecret[:len(doorSecret)-1], doorSecret + "x", strings.ToUpper(doorSecret), "x" + doorSecret[1:]} {
		k.same("the answer to the secret "+secret, k.post(update, with(secretHeader, secret)), "401")
	}
	k.ran()
	k.answers(update, "200")
}

// Some platforms pass on only the last of two header lines, or join both to one.
func doubledSecret(c *trial) {
	k := c.mount(nothing)
	update := textUpdate(1, 1, "hi")
	k.answers(update, "401", with(secretHeader, doorSecret, "x"))
	if listening(k.Door) {
		k.answers(update, "401", with(secretHeader, "x", doorSecret))
		k.answers(update, "401", with(secretHeader, doorSecret, doorSecret))
	}
	k.ran()
}

func headerCase(c *trial) {
	k := c.mount(naming)
	for i, change := range []func(string) string{strings.ToLower, strings.ToUpper} {
		id := int64(i + 1)
		k.answers(textUpdate(id, 1, "hi"), namedAnswer(id), func(r *http.Request) {
			for name, lines := range r.Header {
				delete(r.Header, name)
				r.Header[change(name)] = lines
			}
		})
	}
}

func twoSecrets(c *trial) {
	k := c.mount(nothing, func(cfg *tghook.Config) { cfg.Secret, cfg.PreviousSecret = "new", "old" })
	k.answers(textUpdate(1, 1, "hi"), "200", with(secretHeader, "new"))
	k.answers(textUpdate(2, 1, "hi"), "200", with(secretHeader, "old"))
	k.answers(textUpdate(3, 1, "hi"), "401", with(secretHeader, doorSecret))
	k.ran(1, 2)
}

func wrongMethod(c *trial) {
	k := c.mount(nothing)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
		k.same("the answer to "+method, k.post(textUpdate(1, 1, "hi"), func(r *http.Request) {
			r.Method = method
			if method == http.MethodGet || method == http.MethodHead {
				r.Body, r.ContentLength = http.NoBody, 0
			}
		}), "405 allow POST")
	}
	k.ran()
}

func contentTypeParameters(c *trial) {
	k := c.mount(nothing)
	for i, contentType := range []string{"application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"} {
		id := int64(i + 1)
		k.same("the answer to "+contentType, k.post(textUpdate(id, 1, "hi"), with("Content-Type", contentType)), "200")
	}
	k.ran(1, 2, 3)
}

func wrongContentType(c *trial) {
	k := c.mount(nothing)
	for _, contentType := range []string{"application/x-www-form-urlencoded", "text/xml", "text/plain", "application/jsonp"} {
		k.same("the answer to "+contentType, k.post(textUpdate(1, 1, "hi"), with("Content-Type", contentType)), "415")
	}
	k.same("the answer to no Content-Type", k.post(textUpdate(1, 1, "hi"), without("Content-Type")), "415")
	k.ran()
}

func encodedBody(c *trial) {
	k := c.mount(nothing)
	k.answers(textUpdate(1, 1, "hi"), "415", with("Content-Encoding", "gzip"))
	k.ran()
	k.answers(textUpdate(1, 1, "hi"), "200", with("Content-Encoding", "identity"))
}

// unsized sends a body without Content-Length: in chunks, if the door has connections.
func unsized(r *http.Request) {
	r.Body, r.ContentLength = io.NopCloser(io.MultiReader(r.Body)), -1
}

func largestBody(c *trial) {
	k := c.mount(naming)
	k.answers(sizedUpdate(1, 1, doorMaxBody), namedAnswer(1))
	k.answers(sizedUpdate(2, 1, doorMaxBody), namedAnswer(2), unsized)
}

func tooLargeBody(c *trial) {
	k := c.mount(nothing)
	for _, size := range []int{doorMaxBody + 1, 3 * doorMaxBody} {
		k.answers(sizedUpdate(1, 1, size), "413")
		k.answers(sizedUpdate(1, 1, size), "413", unsized)
	}
	k.ran()
}

func malformedBody(c *trial) {
	k := c.mount(nothing)
	for _, body := range []string{"", "hi", `{"update_id":1,`, `{"update_id":"1","message":{}}`, "[]", `{"update_id":1,"message":{}}{}`} {
		k.answers(body, "400")
		if v := k.observed(); v.Outcome != tghook.OutcomeRejected || v.Status != http.StatusBadRequest || v.Err == nil || v.Update != nil {
			k.Errorf("for the body %q Observe got %+v, want the outcome rejected with status 400 and an error", body, v)
		}
	}
	long := `{"update_id":1,` + strings.Repeat("x", 10<<10)
	k.answers(long, "400")
	var decode *tghook.DecodeError
	if v := k.observed(); !errors.As(v.Err, &decode) || decode.Excerpt == "" || len(decode.Excerpt) > 64 {
		k.Errorf("for a long body Observe got the error %v, want a *DecodeError with an excerpt of at most 64 bytes", v.Err)
	}
	k.ran()
	k.answers(textUpdate(2, 1, "hi"), "200")
}

func noKind(c *trial) {
	k := c.mount(nothing)
	k.answers(`{"update_id":1}`, "200")
	k.ran()
	k.buried(1)
	k.answers(textUpdate(2, 1, "hi"), "200")
	k.ran(2)
}

func orderOfChecks(c *trial) {
	k := c.mount(nothing)
	wrong := with(secretHeader, "x")
	form := with("Content-Type", "application/x-www-form-urlencoded")
	large := strings.Repeat("x", doorMaxBody+1)
	k.answers(large, "405 allow POST", wrong, form, func(r *http.Request) { r.Method = http.MethodPut })
	k.answers(large, "401", wrong, form)
	k.answers(large, "415", form)
	k.answers(large, "413")
	k.ran()
}

func allowedSources(c *trial) {
	for prefix, want := range map[string]string{"loopback": "200", "203.0.113.0/24": "401"} {
		k := c.mount(nothing, func(cfg *tghook.Config) {
			cfg.AllowedSources = loopback()
			if prefix != "loopback" {
				cfg.AllowedSources = []netip.Prefix{netip.MustParsePrefix(prefix)}
			}
		})
		k.same("the answer where "+prefix+" is allowed", k.post(textUpdate(1, 1, "hi"), with("X-Forwarded-For", "203.0.113.7")), want)
	}
}

func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

func trustedProxies(c *trial) {
	const telegram, stranger = "149.154.167.220", "203.0.113.9"
	k := c.mount(nothing, func(cfg *tghook.Config) {
		cfg.AllowedSources, cfg.TrustedProxies = tghook.TelegramSources(), loopback()
	})
	for _, x := range []struct {
		lines []string
		want  string
	}{
		{nil, "401"}, // the proxy itself
		{[]string{telegram}, "200"},
		{[]string{telegram + ", 127.0.0.9"}, "200"},
		{[]string{stranger, telegram}, "200"},
		{[]string{telegram, "127.0.0.9"}, "200"},
		{[]string{telegram, stranger}, "401"},
		{[]string{stranger}, "401"},
	} {
		k.same("the answer to X-Forwarded-For: "+strings.Join(x.lines, " | "), k.post(textUpdate(1, 1, "hi"), with("X-Forwarded-For", x.lines...)), x.want)
	}
	strange := c.mount(nothing, func(cfg *tghook.Config) { cfg.AllowedSources = tghook.TelegramSources() })
	strange.answers(textUpdate(1, 1, "hi"), "401", with("X-Forwarded-For", telegram))
}

// A unix socket's peer has no address, and no proxy is trusted to name one.
func addressless(c *trial) {
	anywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	k := c.mount(nothing, func(cfg *tghook.Config) { cfg.AllowedSources, cfg.TrustedProxies = anywhere, anywhere })
	k.answers(textUpdate(1, 1, "hi"), "401")
	k.answers(textUpdate(1, 1, "hi"), "401", with("X-Forwarded-For", "149.154.167.220"))
	k.ran()
}

// A client that cannot set a header must not be able to set it behind the body.
func trailers(c *trial) {
	k := c.mount(nothing)
	secret, wrong := secretHeader+": "+doorSecret, secretHeader+": x"
	for _, announced := range []bool{true, false} {
		k.trailed(announced, "401", textUpdate(1, 1, "hi"), "", secret)
		k.trailed(announced, "401", textUpdate(1, 1, "hi"), wrong, secret)
	}
	k.trailed(true, "200", textUpdate(2, 1, "hi"), secret, wrong)
	k.ran(2)
	behind := c.mount(nothing, func(cfg *tghook.Config) {
		cfg.AllowedSources, cfg.TrustedProxies = tghook.TelegramSources(), loopback()
	})
	behind.trailed(true, "401", textUpdate(1, 1, "hi"), secret, "X-Forwarded-For: 149.154.167.220")
	behind.ran()
}

// trailed sends an update in chunks, with one line in the header and one in the trailer. A
// door may refuse all trailers.
func (k *hook) trailed(announced bool, want, update, header, trailer string) {
	k.Helper()
	if header != "" {
		header += "\r\n"
	}
	if name, _, _ := strings.Cut(trailer, ":"); announced {
		header += "Trailer: " + name + "\r\n"
	}
	w := k.dial()
	w.send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: bot.example.org:8443\r\n%sContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n\r\n",
		k.path(), header, len(update), update, trailer))
	if got := w.answer(); got != want && !strings.HasPrefix(got, "400") {
		k.Errorf("the answer to a request with the header %q and the trailer %q: got %s, want %s or 400", header, trailer, short(got), want)
	}
}
