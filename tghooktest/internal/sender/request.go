package sender

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
)

// maxHeader bounds the bytes of a request's head: of a buffer of 4096 Telegram reserves 30.
// A larger request is never sent, and no error is reported.
const maxHeader = 4066

// request holds the parts that all requests have in common: the text before the body's
// length, and the text after it.
type request struct{ before, after string }

func newRequest(cfg Config) request {
	var b strings.Builder
	b.WriteString("POST " + cfg.Target + " HTTP/1.1\r\nHost: " + host(cfg.URL) + "\r\n")
	userinfo := cfg.Userinfo
	if userinfo == "" && cfg.URL.User != nil {
		userinfo = cfg.URL.User.String()
	}
	if userinfo != "" {
		b.WriteString("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo)) + "\r\n")
	}
	if cfg.Secret != "" {
		b.WriteString("X-Telegram-Bot-Api-Secret-Token: " + cfg.Secret + "\r\n")
	}
	b.WriteString("Content-Type: application/json\r\nContent-Length: ")
	return request{b.String(), "\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n"}
}

// host returns the Host header. It has the port unless that is the scheme's own.
func host(u *url.URL) string {
	name, standard := strings.TrimSuffix(u.Host, ":"+u.Port()), 443
	if u.Scheme == "http" {
		standard = 80
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil || port == standard {
		return strings.ToLower(name)
	}
	return strings.ToLower(name) + ":" + strconv.Itoa(port)
}

// fits reports whether a request with this body can be sent.
func (r request) fits(body []byte) bool {
	return len(r.before)+len(strconv.Itoa(len(body)))+len(r.after) <= maxHeader
}

// append appends the request with this body.
func (r request) append(b, body []byte) []byte {
	b = append(b, r.before...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, r.after...)
	return append(b, body...)
}
