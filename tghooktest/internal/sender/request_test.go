package sender_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

func TestARequestHasTheseBytes(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("stand_in_secret", 2)
	inBubble(t, always(ok), func(cfg *sender.Config) {
		cfg.URL = &url.URL{Scheme: "http", Host: "Bot.example.org:8443", User: url.UserPassword("anna", "p@ss")}
		cfg.Target, cfg.Secret = "/a%20b/ä?x=1#top", secret
	}, func(r *rig) {
		r.send(7, "hé")
		u := r.send(7, "two")
		got := r.got()
		assert.Len(t, got, 2, "requests")
		assert.Equal(t, "POST /a%20b/ä?x=1#top HTTP/1.1\r\n"+
			"Host: bot.example.org:8443\r\n"+
			"Authorization: Basic YW5uYTpwJTQwc3M=\r\n"+
			"X-Telegram-Bot-Api-Secret-Token: "+secret+"\r\n"+
			"Content-Type: application/json\r\n"+
			fmt.Sprintf("Content-Length: %d\r\n", len(u.Body))+
			"Connection: keep-alive\r\n"+
			"Accept-Encoding: gzip, deflate\r\n\r\n"+
			string(u.Body), got[1].raw, "the request")
		assert.Equal(t, fmt.Sprintf("{\"update_id\":%d,\n\"message\":%s}", u.ID, message(7, time.Now(), "two")), string(u.Body), "the body")
		assert.Equal(t, 1, r.connections(), "connections")
	})
}

func TestUserinfoIsNotDecoded(t *testing.T) {
	t.Parallel()
	inBubble(t, always(ok), func(cfg *sender.Config) { cfg.Userinfo = "a%7e:b%3a" }, func(r *rig) {
		r.send(1, "x")
		assert.Contains(t, r.got()[0].raw, "\r\nAuthorization: Basic YSU3ZTpiJTNh\r\n")
	})
}

func TestHostHasThePortUnlessItIsTheSchemes(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"http://h/":        "h",
		"http://h:80/":     "h",
		"http://h:080/":    "h",
		"http://h:443/":    "h:443",
		"https://h/":       "h",
		"https://H:443/":   "h",
		"https://h:80/":    "h:80",
		"https://h:8443/":  "h:8443",
		"http://[::1]/":    "[::1]",
		"http://[::1]:81/": "[::1]:81",
	} {
		u, err := url.Parse(given)
		require.NoError(t, err)
		assert.Equal(t, want, sender.Host(u), "Host of "+given)
	}
}

func TestARequestWithALargerHeadIsNeverSent(t *testing.T) {
	t.Parallel()
	for target, sent := range map[int]int{4066: 1, 4067: 0} {
		inBubble(t, always(ok), func(cfg *sender.Config) {
			cfg.Target = "/"
			cfg.Target += strings.Repeat("x", target-len("POST / HTTP/1.1\r\nHost: bot.example.org\r\nContent-Type: application/json\r\nContent-Length: 111\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n"))
		}, func(r *rig) {
			u := r.send(1, strings.Repeat("x", 17))
			assert.Len(t, u.Body, 111, "bytes of the body")
			r.pass(time.Hour)
			assert.Lenf(t, r.got(), sent, "requests with a head of %d bytes", target)
			assert.Equal(t, 1-sent, r.queue.Len(), "updates that wait")
			r.expectFailures()
		})
	}
}
